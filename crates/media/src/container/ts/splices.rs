//! SCTE 35 sections of a segment: put together, read, and kept in their order.

use super::packet::Packet;
use super::psi::Sections;
use crate::container::defects::Defects;
use crate::container::{MAX_SECTIONS, TsSection};
use crate::defect::DefectKind;
use crate::splice;

/// PIDs whose sections are put together: a programme has one or two.
const PIDS_MAX: usize = 8;

#[derive(Debug, Default)]
pub struct Splices {
    pids: Vec<(u16, Sections)>,
    found: Vec<TsSection>,
}

impl Splices {
    /// A packet with payload of a PID with SCTE 35 sections, not scrambled.
    pub fn push(&mut self, at: u64, packet: &Packet<'_>, defects: &mut Defects) {
        let (pid, found) = (packet.pid, &mut self.found);
        if self.pids.len() < PIDS_MAX && self.pids.iter().all(|(known, _)| *known != pid) {
            self.pids.push((pid, Sections::long()));
        }
        let Some((_, sections)) = self.pids.iter_mut().find(|(known, _)| *known == pid) else { return };
        sections.push(at, packet.start, packet.payload, |at, bytes| match splice::parse(bytes) {
            Ok(section) if found.len() < MAX_SECTIONS => found.push(TsSection { pid, at, section }),
            Ok(_) => {}
            Err(fault) => defects.add(DefectKind::AdMarker, at, "ANSI/SCTE 35, splice_info_section", || {
                format!("PID {pid}: no readable splice_info_section: {fault}")
            }),
        });
    }

    /// Packets were lost.
    pub fn reset(&mut self, pid: u16) {
        self.pids.iter_mut().filter(|(known, _)| *known == pid).for_each(|(_, sections)| sections.reset());
    }

    pub fn finish(self) -> Vec<TsSection> {
        self.found
    }
}
