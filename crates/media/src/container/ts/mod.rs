//! MPEG-2 transport stream, ISO/IEC 13818-1.
//!
//! Written by hand: `mpeg2ts-reader` stops at the first lost sync byte, drops scrambled and cut packets, has no byte
//! offsets, and tells of a wrong CRC by log line, which has to become a defect here.

mod announced;
mod clock;
mod continuity;
mod elementary;
pub mod framing;
mod habit;
mod id3;
mod packet;
mod pes;
mod pids;
mod psi;
mod splices;
mod stream_type;
mod tables;

use super::defects::Defects;
use super::{Inspection, MAX_TRACKS, TsFacts};
use crate::defect::DefectKind;
use clock::Clock;
use continuity::Verdict;
use elementary::Elementary;
use framing::{Framing, SIZE};
use packet::{NULL_PID, Packet};
use pids::{Pids, Role};
use splices::Splices;
use stream_type::{SCTE35, Stream};
use tables::{News, Tables};

/// Counters compared across segments: a single program's PIDs are far fewer.
const COUNTERS_MAX: usize = 64;
/// ISO/IEC 13818-1 2.4.4.4.
const PAT_PID: u16 = 0;
const COUNTER_CLAUSE: &str = "ISO/IEC 13818-1 2.4.3.3";

#[derive(Debug)]
pub struct Ts {
    framing: Framing,
    demux: Demux,
}

impl Ts {
    #[must_use]
    pub fn new(defects: Defects) -> Self {
        Self { framing: Framing::default(), demux: Demux::new(defects) }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.framing.push(bytes, &mut self.demux);
    }

    pub fn finish(mut self, inspection: &mut Inspection) -> Defects {
        self.framing.finish(&mut self.demux);
        self.demux.finish(inspection)
    }
}

/// Packets in, facts out.
#[derive(Debug)]
pub struct Demux {
    pub defects: Defects,
    pids: Pids,
    tables: Tables,
    streams: Vec<Elementary>,
    clock: Clock,
    splices: Splices,
    facts: TsFacts,
    encrypted: bool,
    /// A PES packet that came before its PMT: offset and PID.
    early: Option<(u64, u16)>,
}

impl Demux {
    fn new(defects: Defects) -> Self {
        let mut demux = Self {
            defects,
            pids: Pids::default(),
            tables: Tables::default(),
            streams: Vec::new(),
            clock: Clock::default(),
            splices: Splices::default(),
            facts: TsFacts::default(),
            encrypted: false,
            early: None,
        };
        demux.assign(PAT_PID, Role::Tables);
        demux
    }

    pub fn packet(&mut self, at: u64, bytes: &[u8; SIZE]) {
        let packet = packet::parse(bytes);
        self.facts.packets += 1;
        if packet.pid == NULL_PID {
            return;
        }
        if packet.transport_error {
            return self.damaged(at, &packet);
        }
        if let Some(length) = packet.overlong {
            let pid = packet.pid;
            self.defects.add(DefectKind::Container, at, "ISO/IEC 13818-1 2.4.3.5", || {
                format!("PID {pid}: adaptation_field_length {length} is longer than the packet")
            });
        }
        if packet.has_payload && !self.follows(at, &packet, bytes) {
            return;
        }
        if let Some(pcr) = packet.pcr {
            self.clock.tick(packet.pid, pcr, packet.discontinuity);
        }
        if !packet.payload.is_empty() {
            self.payload(at, &packet);
        }
    }

    /// transport_error_indicator: the bytes can't be trusted, not even the counter.
    fn damaged(&mut self, at: u64, packet: &Packet<'_>) {
        let pid = packet.pid;
        self.facts.transport_errors += 1;
        self.defects.add(DefectKind::Continuity, at, COUNTER_CLAUSE, || {
            format!("PID {pid}: transport_error_indicator is set: the packet was damaged before it was packaged")
        });
        if let Some(slot) = self.pids.of(pid) {
            slot.continuity.damaged();
        }
        self.reset(pid);
    }

    /// Checks the counter; `false` for a duplicate.
    fn follows(&mut self, at: u64, packet: &Packet<'_>, bytes: &[u8; SIZE]) -> bool {
        let (pid, counter) = (packet.pid, packet.counter);
        let print = bytes.last_chunk::<8>().map_or(0, |b| u64::from_ne_bytes(*b));
        let Some(slot) = self.pids.of(pid) else { return false };
        match slot.continuity.next(counter, packet.discontinuity, print) {
            Verdict::Follows => true,
            Verdict::Duplicate => false,
            Verdict::Broken { expected } => {
                self.facts.continuity_errors += 1;
                self.defects.add(DefectKind::Continuity, at, COUNTER_CLAUSE, || {
                    format!("PID {pid}: continuity counter {expected} expected, found {counter}")
                });
                self.reset(pid);
                true
            }
        }
    }

    /// Packets of this PID are missing.
    fn reset(&mut self, pid: u16) {
        match self.role(pid) {
            Role::Tables => self.tables.reset(pid),
            Role::Stream(index) => {
                if let Some(stream) = self.streams.get_mut(usize::from(index)) {
                    stream.reset();
                }
                self.splices.reset(pid);
            }
            Role::Unknown | Role::Ignored => {}
        }
    }

    fn payload(&mut self, at: u64, packet: &Packet<'_>) {
        self.encrypted |= packet.scrambled;
        self.facts.scrambled += u64::from(packet.scrambled);
        match self.role(packet.pid) {
            Role::Stream(index) => self.stream(at, packet, index),
            Role::Tables => {
                for news in self.tables.push(at, packet, &mut self.defects) {
                    self.learn(news);
                }
            }
            Role::Unknown => self.unannounced(at, packet),
            Role::Ignored => {}
        }
    }

    fn stream(&mut self, at: u64, packet: &Packet<'_>, index: u8) {
        if let Some(stream) = self.streams.get_mut(usize::from(index)) {
            self.encrypted |= stream.push(at, packet, &mut self.defects);
            if stream.stream.codec == SCTE35 && !packet.scrambled {
                self.splices.push(at, packet, &mut self.defects);
            }
        }
    }

    /// A PES packet on a PID that no PMT has named yet: its time stamps are worth reading all the same.
    fn unannounced(&mut self, at: u64, packet: &Packet<'_>) {
        let [0, 0, 1, stream_id @ (0xbd | 0xc0..=0xef), ..] = packet.payload else { return };
        if !packet.start || self.tables.has_pmt() {
            return;
        }
        self.early.get_or_insert((at, packet.pid));
        self.announce(packet.pid, Stream::unannounced(*stream_id));
        if let Role::Stream(index) = self.role(packet.pid) {
            self.stream(at, packet, index);
        }
    }

    fn learn(&mut self, news: News) {
        match news {
            News::Programs(pids) => pids.into_iter().for_each(|pid| self.assign(pid, Role::Tables)),
            News::Program(pmt) => {
                self.clock.choose(pmt.pcr_pid);
                for (pid, stream) in pmt.streams {
                    self.encrypted |= stream.encrypted;
                    self.announce(pid, stream);
                }
            }
        }
    }

    fn announce(&mut self, pid: u16, stream: Stream) {
        match self.role(pid) {
            Role::Stream(index) => {
                if let Some(known) = self.streams.get_mut(usize::from(index)) {
                    known.announce(stream);
                }
            }
            Role::Unknown => match u8::try_from(self.streams.len()) {
                Ok(index) if usize::from(index) < MAX_TRACKS => {
                    self.streams.push(Elementary::new(pid, stream));
                    self.assign(pid, Role::Stream(index));
                }
                _ => self.assign(pid, Role::Ignored),
            },
            Role::Tables | Role::Ignored => {}
        }
    }

    fn role(&self, pid: u16) -> Role {
        self.pids.get(pid).map_or(Role::Unknown, |p| p.role)
    }

    fn assign(&mut self, pid: u16, role: Role) {
        if let Some(slot) = self.pids.of(pid) {
            slot.role = role;
        }
    }

    fn finish(mut self, inspection: &mut Inspection) -> Defects {
        self.tables.finish(self.early, &mut self.defects);
        self.facts.pat_at = self.tables.pat_at();
        self.facts.pmt_at = self.tables.pmt_at();
        self.facts.pcr_interval_max = self.clock.interval_max();
        self.facts.pcrs = self.clock.count();
        self.facts.pcr_first = self.clock.first();
        let counters = self.pids.iter().filter_map(|(pid, slot)| slot.continuity.counter(pid));
        self.facts.sections = self.splices.finish();
        self.facts.counters = counters.take(COUNTERS_MAX).collect();
        inspection.encrypted |= self.encrypted;
        inspection.tracks = self.streams.into_iter().map(Elementary::finish).collect();
        inspection.ts = Some(self.facts);
        self.defects
    }
}
