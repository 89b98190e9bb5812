//! PAT and PMT of one transport stream segment: their contents, and whether they came before the media.

use super::packet::TsPacket;
use super::psi::{self, MAX_PROGRAMS, ProgramList, ProgramMap, SectionAssembler, SectionError};
use crate::container::defects::DefectLog;
use crate::defect::DefectKind;

/// Clauses of the defect that a segment has several programs, or begins without the PAT and PMT that an EXT-X-MAP
/// doesn't provide.
const SEGMENT_CLAUSE: &str = "RFC 8216 3.2; ISO/IEC 13818-1 2.4.4";
const PAT_CLAUSE: &str = "ISO/IEC 13818-1 2.4.4.3";
/// What the demultiplexers of hls.js, Shaka Player and mux.js expect, which read the first entry of a PAT and the first packet of a PMT.
const BROWSERS: &str = "ISO/IEC 13818-1 2.4.4.3, 2.4.4.8 (allowed); hls.js 1.6 tsdemuxer.ts, Shaka Player 4 ts_parser.js, mux.js 7 m2ts.js";
const PMT_CLAUSE: &str = "ISO/IEC 13818-1 2.4.4.8";

/// Change of a segment's program that a PAT or PMT section causes.
#[derive(Debug)]
pub(super) enum TableUpdate {
    /// A PAT lists new programs; the numbers are the PIDs of their PMTs.
    Programs(Vec<u16>),
    /// A PMT is new or has changed.
    ProgramMap(ProgramMap),
}

/// Follows the PAT and the PMTs of one segment.
#[derive(Debug, Default)]
pub(super) struct ProgramTables {
    pat: SectionAssembler,
    /// The last PAT that was read.
    pat_section: Option<Vec<u8>>,
    pat_at: Option<u64>,
    programs: Vec<KnownProgram>,
    pmt_at: Option<u64>,
}

#[derive(Debug)]
struct KnownProgram {
    pid: u16,
    sections: SectionAssembler,
    /// The section from which `pmt` was read.
    pmt_section: Option<Vec<u8>>,
    pmt: Option<ProgramMap>,
}

impl ProgramTables {
    /// Reads a transport packet of the PAT or of a PMT, and returns the changes that its sections cause.
    pub(super) fn push(&mut self, at: u64, packet: &TsPacket<'_>, defects: &mut DefectLog) -> Vec<TableUpdate> {
        let (mut complete, newest) = (Vec::new(), at);
        // A table is repeated several times a second: the section that was read last changes nothing.
        let mut keep = |at: u64, section: &[u8], read: Option<&[u8]>| {
            if !complete.is_empty() || read != Some(section) {
                complete.push((at, section.to_vec()));
            }
        };
        let (start, payload) = (packet.unit_start, packet.payload);
        match packet.pid {
            0 => {
                let read = self.pat_section.as_deref();
                self.pat.push(at, start, payload, |at, section| keep(at, section, read));
            }
            pid => {
                if let Some(program) = self.programs.iter_mut().find(|p| p.pid == pid) {
                    let read = program.pmt_section.as_deref();
                    program.sections.push(at, start, payload, |at, section| keep(at, section, read));
                }
            }
        }
        let pid = packet.pid;
        let is_cut = |section: &[u8]| psi::played_entries_end(section) > psi::FIRST_PACKET_LENGTH;
        let spans = |(at, section): &&(u64, Vec<u8>)| pid != 0 && *at != newest && is_cut(section);
        if let Some((at, _)) = complete.iter().find(spans).filter(|_| self.pmt_at.is_none()) {
            defects.add(DefectKind::TableLayout, *at, BROWSERS, || {
                format!(
                    "the PMT on PID {pid} takes several packets, and the first video or audio stream isn't in the first one, which is all that \
                     players in browsers read: put them first, or shorten the descriptors"
                )
            });
        }
        complete.iter().filter_map(|(at, section)| self.read_section(*at, pid, section, defects)).collect()
    }

    pub(super) fn reset(&mut self, pid: u16) {
        match pid {
            0 => self.pat.reset(),
            pid => self.programs.iter_mut().filter(|p| p.pid == pid).for_each(|p| p.sections.reset()),
        }
    }

    #[must_use]
    pub(super) fn has_pmt(&self) -> bool {
        self.pmt_at.is_some()
    }

    #[must_use]
    pub(super) fn pat_at(&self) -> Option<u64> {
        self.pat_at
    }

    #[must_use]
    pub(super) fn pmt_at(&self) -> Option<u64> {
        self.pmt_at
    }

    fn read_section(&mut self, at: u64, pid: u16, section: &[u8], defects: &mut DefectLog) -> Option<TableUpdate> {
        if pid == 0 {
            match psi::parse_pat(section) {
                Ok(list) => {
                    self.pat_section = Some(section.to_vec());
                    self.add_programs(at, list, defects)
                }
                Err(fault) => report_section_error("PAT", PAT_CLAUSE, at, pid, fault, defects),
            }
        } else {
            match psi::parse_pmt(section) {
                Ok(pmt) => {
                    if let Some(known) = self.programs.iter_mut().find(|p| p.pid == pid) {
                        known.pmt_section = Some(section.to_vec());
                    }
                    self.update_program(at, pid, pmt, defects)
                }
                Err(fault) => report_section_error("PMT", PMT_CLAUSE, at, pid, fault, defects),
            }
        }
    }

    fn add_programs(&mut self, at: u64, list: ProgramList, defects: &mut DefectLog) -> Option<TableUpdate> {
        let ProgramList { programs, network_first } = list;
        if self.pat_at.is_none() && network_first && !programs.is_empty() {
            defects.add(DefectKind::TableLayout, at, BROWSERS, || {
                "the PAT begins with the network (program 0), whose PID players in browsers take for that of the PMT, so that they find no \
                 programme: put the programme first, or leave out the network"
                    .to_owned()
            });
        }
        if self.pat_at.is_none() && programs.len() != 1 {
            let count = programs.len();
            defects.add(DefectKind::Tables, at, SEGMENT_CLAUSE, || {
                format!("the PAT lists {count} programs; a segment holds exactly one")
            });
        }
        self.pat_at.get_or_insert(at);
        let mut added = Vec::new();
        for (_, pid) in programs {
            if pid != 0 && self.programs.len() < MAX_PROGRAMS && self.programs.iter().all(|p| p.pid != pid) {
                let sections = SectionAssembler::default();
                self.programs.push(KnownProgram { pid, sections, pmt_section: None, pmt: None });
                added.push(pid);
            }
        }
        (!added.is_empty()).then_some(TableUpdate::Programs(added))
    }

    fn update_program(&mut self, at: u64, pid: u16, pmt: ProgramMap, defects: &mut DefectLog) -> Option<TableUpdate> {
        self.pmt_at.get_or_insert(at);
        let known = self.programs.iter_mut().find(|p| p.pid == pid)?;
        if known.pmt.as_ref() == Some(&pmt) {
            return None;
        }
        if let Some(before) = &known.pmt
            && before.streams != pmt.streams
        {
            let (old, new) = (list_streams(before), list_streams(&pmt));
            defects.add(DefectKind::Tables, at, "RFC 8216 4.3.2.3; ISO/IEC 13818-1 2.4.4.8", || {
                format!("the PMT on PID {pid} changes inside the segment, from {old} to {new}")
            });
        }
        known.pmt = Some(pmt.clone());
        Some(TableUpdate::ProgramMap(pmt))
    }

    /// Reports a PAT or PMT that the segment lacks. `early_pes` is byte offset and PID of the first PES packet that
    /// came before a PMT.
    pub(super) fn report_missing(&self, early_pes: Option<(u64, u16)>, defects: &mut DefectLog) {
        let (at, message) = match (early_pes, self.pat_at, self.pmt_at) {
            (None, Some(_), Some(_)) => return,
            (Some((at, pid)), None, _) => (at, format!("the segment has no PAT; media begins on PID {pid}")),
            (None, None, _) => (0, "the segment has no PAT".to_owned()),
            (early_pes, Some(pat), None) => {
                let pids = self.programs.iter().map(|p| p.pid.to_string()).collect::<Vec<_>>().join(", ");
                let at = early_pes.map_or(pat, |(at, _)| at);
                (at, format!("the segment has no PMT; the PAT at byte {pat} announces it on PID {pids}"))
            }
            (Some((at, pid)), Some(_), Some(pmt)) => {
                (at, format!("media on PID {pid} begins before PAT and PMT: the first PMT is at byte {pmt}"))
            }
        };
        defects.add(DefectKind::Tables, at, SEGMENT_CLAUSE, || message);
    }
}

fn list_streams(pmt: &ProgramMap) -> String {
    pmt.streams.iter().take(8).map(|(pid, s)| format!("{pid}={}", s.codec)).collect::<Vec<_>>().join(" ")
}

fn report_section_error(
    table: &str,
    clause: &'static str,
    at: u64,
    pid: u16,
    fault: SectionError,
    defects: &mut DefectLog,
) -> Option<TableUpdate> {
    match fault {
        SectionError::Irrelevant => {}
        SectionError::Length => defects.add(DefectKind::Tables, at, clause, || {
            format!("{table} on PID {pid}: the section's length doesn't fit its contents (at most 1024 bytes)")
        }),
        SectionError::Crc { computed, found } => defects.add(DefectKind::Tables, at, clause, || {
            format!("{table} on PID {pid}: CRC_32 is {found:#010x}, the CRC of its bytes is {computed:#010x}")
        }),
    }
    None
}
