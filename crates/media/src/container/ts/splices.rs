//! SCTE 35 sections of a transport stream segment.

use super::packet::TsPacket;
use super::psi::SectionAssembler;
use crate::container::defects::DefectLog;
use crate::container::{MAX_SPLICE_SECTIONS, TsSpliceSection};
use crate::defect::DefectKind;
use crate::splice;

/// Largest number of PIDs whose SCTE 35 sections are assembled; a programme has one or two.
const MAX_PIDS: usize = 8;

/// Assembles and parses the SCTE 35 sections of a segment, in the order of its bytes.
#[derive(Debug, Default)]
pub(super) struct SpliceSections {
    pids: Vec<(u16, SectionAssembler)>,
    found: Vec<TsSpliceSection>,
}

impl SpliceSections {
    /// Reads an unscrambled transport packet with payload on a PID that carries SCTE 35 sections.
    pub(super) fn push(&mut self, at: u64, packet: &TsPacket<'_>, defects: &mut DefectLog) {
        let (pid, found) = (packet.pid, &mut self.found);
        if self.pids.len() < MAX_PIDS && self.pids.iter().all(|(known, _)| *known != pid) {
            self.pids.push((pid, SectionAssembler::for_private_sections()));
        }
        let Some((_, sections)) = self.pids.iter_mut().find(|(known, _)| *known == pid) else { return };
        sections.push(at, packet.unit_start, packet.payload, |at, bytes| match splice::parse(bytes) {
            Ok(section) if found.len() < MAX_SPLICE_SECTIONS => {
                found.push(TsSpliceSection { pid, offset: at, section })
            }
            Ok(_) => {}
            Err(fault) => defects.add(DefectKind::AdMarker, at, "ANSI/SCTE 35, splice_info_section", || {
                format!("PID {pid}: no readable splice_info_section: {fault}")
            }),
        });
    }

    /// Drops the incomplete section of a PID, because packets were lost.
    pub(super) fn reset_pid(&mut self, pid: u16) {
        self.pids.iter_mut().filter(|(known, _)| *known == pid).for_each(|(_, sections)| sections.reset());
    }

    pub(super) fn finish(self) -> Vec<TsSpliceSection> {
        self.found
    }
}
