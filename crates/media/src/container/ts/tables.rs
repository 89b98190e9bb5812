//! Program specific information of one segment: what the tables say, and whether they came in time.

use super::packet::Packet;
use super::psi::{self, Fault, PROGRAMS_MAX, Pmt, Sections};
use crate::container::defects::Defects;
use crate::defect::DefectKind;

/// RFC 8216: a segment holds one program, and a PAT and a PMT of its own (or an EXT-X-MAP that holds them).
const HLS: &str = "RFC 8216 3.2; ISO/IEC 13818-1 2.4.4";
const PAT: &str = "ISO/IEC 13818-1 2.4.4.3";
const PMT: &str = "ISO/IEC 13818-1 2.4.4.8";

/// What a table has changed.
#[derive(Debug)]
pub enum News {
    /// PIDs of the PMTs.
    Programs(Vec<u16>),
    Program(Pmt),
}

#[derive(Debug, Default)]
pub struct Tables {
    pat: Sections,
    pat_at: Option<u64>,
    programs: Vec<Program>,
    pmt_at: Option<u64>,
}

#[derive(Debug)]
struct Program {
    pid: u16,
    sections: Sections,
    pmt: Option<Pmt>,
}

impl Tables {
    /// A packet of the PAT or of a PMT.
    pub fn push(&mut self, at: u64, packet: &Packet<'_>, defects: &mut Defects) -> Vec<News> {
        let mut complete = Vec::new();
        let mut keep = |at: u64, section: &[u8]| complete.push((at, section.to_vec()));
        let (start, payload) = (packet.start, packet.payload);
        match packet.pid {
            0 => self.pat.push(at, start, payload, &mut keep),
            pid => {
                if let Some(program) = self.programs.iter_mut().find(|p| p.pid == pid) {
                    program.sections.push(at, start, payload, &mut keep);
                }
            }
        }
        let pid = packet.pid;
        complete.iter().filter_map(|(at, section)| self.section(*at, pid, section, defects)).collect()
    }

    pub fn reset(&mut self, pid: u16) {
        match pid {
            0 => self.pat.reset(),
            pid => self.programs.iter_mut().filter(|p| p.pid == pid).for_each(|p| p.sections.reset()),
        }
    }

    #[must_use]
    pub fn has_pmt(&self) -> bool {
        self.pmt_at.is_some()
    }

    #[must_use]
    pub fn pat_at(&self) -> Option<u64> {
        self.pat_at
    }

    #[must_use]
    pub fn pmt_at(&self) -> Option<u64> {
        self.pmt_at
    }

    fn section(&mut self, at: u64, pid: u16, section: &[u8], defects: &mut Defects) -> Option<News> {
        if pid == 0 {
            match psi::pat(section) {
                Ok(programs) => self.programs(at, programs, defects),
                Err(fault) => complain("PAT", PAT, at, pid, fault, defects),
            }
        } else {
            match psi::pmt(section) {
                Ok(pmt) => self.program(at, pid, pmt, defects),
                Err(fault) => complain("PMT", PMT, at, pid, fault, defects),
            }
        }
    }

    fn programs(&mut self, at: u64, programs: Vec<(u16, u16)>, defects: &mut Defects) -> Option<News> {
        if self.pat_at.is_none() && programs.len() != 1 {
            let count = programs.len();
            defects.add(DefectKind::Tables, at, HLS, || {
                format!("the PAT lists {count} programs; a segment holds exactly one")
            });
        }
        self.pat_at.get_or_insert(at);
        let mut added = Vec::new();
        for (_, pid) in programs {
            if pid != 0 && self.programs.len() < PROGRAMS_MAX && self.programs.iter().all(|p| p.pid != pid) {
                self.programs.push(Program { pid, sections: Sections::default(), pmt: None });
                added.push(pid);
            }
        }
        (!added.is_empty()).then_some(News::Programs(added))
    }

    fn program(&mut self, at: u64, pid: u16, pmt: Pmt, defects: &mut Defects) -> Option<News> {
        self.pmt_at.get_or_insert(at);
        let known = self.programs.iter_mut().find(|p| p.pid == pid)?;
        if known.pmt.as_ref() == Some(&pmt) {
            return None;
        }
        if let Some(before) = &known.pmt
            && before.streams != pmt.streams
        {
            let (old, new) = (list(before), list(&pmt));
            defects.add(DefectKind::Tables, at, "RFC 8216 4.3.2.3; ISO/IEC 13818-1 2.4.4.8", || {
                format!("the PMT on PID {pid} changes inside the segment, from {old} to {new}")
            });
        }
        known.pmt = Some(pmt.clone());
        Some(News::Program(pmt))
    }

    /// `early`: the first PES packet that came before a PMT.
    pub fn finish(&self, early: Option<(u64, u16)>, defects: &mut Defects) {
        let first = |pid| format!("media begins on PID {pid} without");
        let (at, message) = match (early, self.pat_at, self.pmt_at) {
            (None, Some(_), Some(_)) => return,
            (Some((at, pid)), None, _) => (at, format!("{} it: the segment has no PAT", first(pid))),
            (None, None, _) => (0, "the segment has no PAT".to_owned()),
            (early, Some(pat), None) => {
                let pids = self.programs.iter().map(|p| p.pid.to_string()).collect::<Vec<_>>().join(", ");
                let at = early.map_or(pat, |(at, _)| at);
                (at, format!("the segment has no PMT, which the PAT at byte {pat} announces on PID {pids}"))
            }
            (Some((at, pid)), Some(_), Some(pmt)) => {
                (at, format!("{} PAT and PMT before it: the first PMT stands at byte {pmt}", first(pid)))
            }
        };
        defects.add(DefectKind::Tables, at, HLS, || message);
    }
}

fn list(pmt: &Pmt) -> String {
    pmt.streams.iter().take(8).map(|(pid, s)| format!("{pid}={}", s.codec)).collect::<Vec<_>>().join(" ")
}

fn complain(table: &str, clause: &'static str, at: u64, pid: u16, fault: Fault, defects: &mut Defects) -> Option<News> {
    match fault {
        Fault::Other => {}
        Fault::Length => defects.add(DefectKind::Tables, at, clause, || {
            format!("{table} on PID {pid}: the section's length doesn't fit its contents (at most 1024 bytes)")
        }),
        Fault::Crc { computed, found } => defects.add(DefectKind::Tables, at, clause, || {
            format!("{table} on PID {pid}: CRC_32 is {found:#010x}, its bytes give {computed:#010x}")
        }),
    }
    None
}
