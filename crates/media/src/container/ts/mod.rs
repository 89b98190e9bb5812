//! A reader for MPEG-2 transport streams (ISO/IEC 13818-1).
//!
//! Written by hand: `mpeg2ts-reader` stops at the first lost sync byte, drops scrambled and cut packets, has no byte
//! offsets, and only logs a wrong CRC, which is a defect here.

mod access_units;
mod descriptors;
mod clock;
mod continuity;
mod elementary;
pub(super) mod framing;
mod pes_packing;
mod id3;
mod packet;
mod pes;
mod pids;
mod psi;
mod splices;
mod stream_type;
mod tables;

use super::defects::DefectLog;
use super::{Inspection, MAX_TRACKS, TsFacts};
use crate::defect::DefectKind;
use clock::PcrClock;
use continuity::CounterVerdict;
use elementary::ElementaryStream;
use framing::{PACKET_SIZE, PacketFramer};
use packet::{NULL_PID, TsPacket};
use pids::{PidRole, PidTable};
use splices::SpliceSections;
use stream_type::{SCTE35, StreamDescription};
use tables::{ProgramTables, TableUpdate};

/// Largest number of PIDs whose continuity counters are compared across segments; a single program has far fewer.
const MAX_COUNTERS: usize = 64;
/// PID of the PAT (ISO/IEC 13818-1 2.4.4.4).
const PAT_PID: u16 = 0;
const COUNTER_CLAUSE: &str = "ISO/IEC 13818-1 2.4.3.3";

/// Reads a transport stream segment.
#[derive(Debug)]
pub(super) struct TsReader {
    framing: PacketFramer,
    demux: Demuxer,
}

impl TsReader {
    #[must_use]
    pub(super) fn new(defects: DefectLog) -> Self {
        Self { framing: PacketFramer::default(), demux: Demuxer::new(defects) }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.framing.push(bytes, &mut self.demux);
    }

    pub(super) fn finish(mut self, inspection: &mut Inspection) -> DefectLog {
        self.framing.finish(&mut self.demux);
        self.demux.finish(inspection)
    }
}

/// Reads the transport packets of one segment. It collects the tables, the elementary streams, the PCRs, the splice
/// sections, the defects and the scrambling.
#[derive(Debug)]
pub(super) struct Demuxer {
    pub(super) defects: DefectLog,
    pids: PidTable,
    tables: ProgramTables,
    streams: Vec<ElementaryStream>,
    clock: PcrClock,
    splices: SpliceSections,
    facts: TsFacts,
    encrypted: bool,
    /// Byte offset and PID of the first PES packet that came before a PMT.
    early_pes: Option<(u64, u16)>,
}

impl Demuxer {
    fn new(defects: DefectLog) -> Self {
        let mut demux = Self {
            defects,
            pids: PidTable::default(),
            tables: ProgramTables::default(),
            streams: Vec::new(),
            clock: PcrClock::default(),
            splices: SpliceSections::default(),
            facts: TsFacts::default(),
            encrypted: false,
            early_pes: None,
        };
        demux.set_role(PAT_PID, PidRole::Tables);
        demux
    }

    pub(super) fn packet(&mut self, at: u64, bytes: &[u8; PACKET_SIZE]) {
        let packet = packet::parse(bytes);
        self.facts.packets += 1;
        if packet.pid == NULL_PID {
            return;
        }
        if packet.transport_error {
            return self.report_damaged(at, &packet);
        }
        if let Some(length) = packet.overlong_adaptation {
            let pid = packet.pid;
            self.defects.add(DefectKind::Container, at, "ISO/IEC 13818-1 2.4.3.5", || {
                format!("PID {pid}: adaptation_field_length {length} is longer than the packet")
            });
        }
        let role = if packet.has_payload {
            let Some(role) = self.check_continuity(at, &packet, bytes) else { return };
            role
        } else {
            if packet.discontinuity {
                self.restart_continuity(&packet);
            }
            PidRole::Unknown
        };
        if let Some(pcr) = packet.pcr {
            self.clock.record(packet.pid, pcr, packet.discontinuity);
        }
        if !packet.payload.is_empty() {
            self.dispatch_payload(at, &packet, role);
        }
    }

    /// Reports a packet with transport_error_indicator. No field of such a packet can be trusted, not even its
    /// continuity counter.
    #[cold]
    fn report_damaged(&mut self, at: u64, packet: &TsPacket<'_>) {
        let pid = packet.pid;
        self.facts.transport_errors += 1;
        self.defects.add(DefectKind::Continuity, at, COUNTER_CLAUSE, || {
            format!("PID {pid}: transport_error_indicator is set: the packet was damaged before it was packaged")
        });
        if let Some(slot) = self.pids.entry(pid) {
            slot.continuity.mark_damaged();
        }
        self.reset_pid(pid);
    }

    /// Compares the packet's continuity counter with the last one of its PID and counts a gap. Returns the role of the PID;
    /// `None` for a duplicate packet, which is to be skipped.
    fn check_continuity(&mut self, at: u64, packet: &TsPacket<'_>, bytes: &[u8; PACKET_SIZE]) -> Option<PidRole> {
        let fingerprint = bytes.last_chunk::<8>().map_or(0, |b| u64::from_ne_bytes(*b));
        let slot = self.pids.entry(packet.pid)?;
        let role = slot.role;
        match slot.continuity.check(packet.counter, packet.discontinuity, fingerprint) {
            CounterVerdict::Follows => {}
            CounterVerdict::Duplicate => return None,
            CounterVerdict::Discontinuous { expected } => self.report_gap(at, packet, expected),
        }
        Some(role)
    }

    #[cold]
    fn report_gap(&mut self, at: u64, packet: &TsPacket<'_>, expected: u8) {
        let (pid, counter) = (packet.pid, packet.counter);
        self.facts.continuity_errors += 1;
        self.defects.add(DefectKind::Continuity, at, COUNTER_CLAUSE, || {
            format!("PID {pid}: continuity counter {expected} expected, found {counter}")
        });
        self.reset_pid(pid);
    }

    /// Takes the counter of a packet without payload whose discontinuity_indicator is set.
    #[cold]
    fn restart_continuity(&mut self, packet: &TsPacket<'_>) {
        if let Some(slot) = self.pids.entry(packet.pid) {
            slot.continuity.restart_at(packet.counter);
        }
    }

    /// Resets the readers of a PID, because packets on it are missing.
    fn reset_pid(&mut self, pid: u16) {
        match self.role_of(pid) {
            PidRole::Tables => self.tables.reset(pid),
            PidRole::Stream(index) => {
                if let Some(stream) = self.streams.get_mut(usize::from(index)) {
                    stream.reset();
                }
                self.splices.reset_pid(pid);
            }
            PidRole::Unknown | PidRole::Ignored => {}
        }
    }

    fn dispatch_payload(&mut self, at: u64, packet: &TsPacket<'_>, role: PidRole) {
        self.encrypted |= packet.scrambled;
        self.facts.scrambled_packets += u64::from(packet.scrambled);
        match role {
            PidRole::Stream(index) => self.push_to_stream(at, packet, index),
            PidRole::Tables => {
                for news in self.tables.push(at, packet, &mut self.defects) {
                    self.apply_table_update(news);
                }
            }
            PidRole::Unknown => self.open_unannounced(at, packet),
            PidRole::Ignored => {}
        }
    }

    fn push_to_stream(&mut self, at: u64, packet: &TsPacket<'_>, index: u8) {
        if let Some(stream) = self.streams.get_mut(usize::from(index)) {
            self.encrypted |= stream.push(at, packet, &mut self.defects);
            if stream.description.codec == SCTE35 && !packet.scrambled {
                self.splices.push(at, packet, &mut self.defects);
            }
        }
    }

    /// Reads a PES packet on a PID that no PMT has announced yet, because its time stamps are useful nevertheless.
    fn open_unannounced(&mut self, at: u64, packet: &TsPacket<'_>) {
        let [0, 0, 1, stream_id @ (0xbd | 0xc0..=0xef), ..] = packet.payload else { return };
        if !packet.unit_start || self.tables.has_pmt() {
            return;
        }
        self.early_pes.get_or_insert((at, packet.pid));
        self.add_stream(packet.pid, StreamDescription::unannounced(*stream_id));
        if let PidRole::Stream(index) = self.role_of(packet.pid) {
            self.push_to_stream(at, packet, index);
        }
    }

    fn apply_table_update(&mut self, news: TableUpdate) {
        match news {
            TableUpdate::Programs(pids) => pids.into_iter().for_each(|pid| self.set_role(pid, PidRole::Tables)),
            TableUpdate::ProgramMap(pmt) => {
                self.clock.set_pid(pmt.pcr_pid);
                for (pid, stream) in pmt.streams {
                    self.encrypted |= stream.sample_encrypted;
                    self.add_stream(pid, stream);
                }
            }
        }
    }

    fn add_stream(&mut self, pid: u16, stream: StreamDescription) {
        match self.role_of(pid) {
            PidRole::Stream(index) => {
                if let Some(known) = self.streams.get_mut(usize::from(index)) {
                    known.announce(stream);
                }
            }
            PidRole::Unknown => match u8::try_from(self.streams.len()) {
                Ok(index) if usize::from(index) < MAX_TRACKS => {
                    self.streams.push(ElementaryStream::new(pid, stream));
                    self.set_role(pid, PidRole::Stream(index));
                }
                _ => self.set_role(pid, PidRole::Ignored),
            },
            PidRole::Tables | PidRole::Ignored => {}
        }
    }

    fn role_of(&self, pid: u16) -> PidRole {
        self.pids.get(pid).map_or(PidRole::Unknown, |p| p.role)
    }

    fn set_role(&mut self, pid: u16, role: PidRole) {
        if let Some(slot) = self.pids.entry(pid) {
            slot.role = role;
        }
    }

    fn finish(mut self, inspection: &mut Inspection) -> DefectLog {
        self.tables.report_missing(self.early_pes, &mut self.defects);
        self.facts.pat_offset = self.tables.pat_at();
        self.facts.pmt_offset = self.tables.pmt_at();
        self.facts.pcr_interval_max = self.clock.interval_max();
        self.facts.pcr_back_max = self.clock.step_back_max();
        self.facts.pcr_count = self.clock.count();
        self.facts.pcr_first = self.clock.first();
        let counters = self.pids.iter().filter_map(|(pid, slot)| slot.continuity.counter(pid));
        self.facts.splice_sections = self.splices.finish();
        self.facts.counters = counters.take(MAX_COUNTERS).collect();
        inspection.encrypted |= self.encrypted;
        let defects = &mut self.defects;
        inspection.tracks = self.streams.into_iter().map(|stream| stream.finish(defects)).collect();
        inspection.ts = Some(self.facts);
        self.defects
    }
}
