//! Cuts a byte stream into packets, and finds them again after a loss.

use super::Demux;
use crate::defect::DefectKind;

/// ISO/IEC 13818-1 2.4.3.2.
pub const SIZE: usize = 188;
const SYNC: u8 = 0x47;
/// Two more sync bytes at the right distance make a packet's start credible.
const LOOK_AHEAD: usize = 2 * SIZE + 1;
const CHUNK: usize = 4096;
const CLAUSE: &str = "ISO/IEC 13818-1 2.4.3.2";

/// A sync byte at `at` and, as far as the bytes reach, at the next two distances of `size`.
#[must_use]
pub fn aligned(bytes: &[u8], at: usize, size: usize) -> bool {
    let here = |n: usize| bytes.get(at + n * size);
    here(0) == Some(&SYNC) && (1..=2).all(|n| here(n).is_none_or(|b| *b == SYNC))
}

#[derive(Debug, Default)]
pub struct Framing {
    /// Offset of the first byte that isn't processed: of `held`, else of the next bytes.
    offset: u64,
    /// A cut packet, or in search of sync at most `CHUNK + LOOK_AHEAD` bytes.
    held: Vec<u8>,
    lost: Option<Lost>,
}

#[derive(Debug)]
struct Lost {
    at: u64,
    found: u8,
}

impl Framing {
    pub fn push(&mut self, mut bytes: &[u8], demux: &mut Demux) {
        while !bytes.is_empty() {
            bytes = match (&self.lost, self.held.is_empty()) {
                (Some(_), _) => self.search(bytes, demux),
                (None, true) => self.run(bytes, demux),
                (None, false) => self.fill(bytes, demux),
            };
        }
    }

    /// Whole packets straight from the caller's bytes: the path that has to be fast.
    fn run<'a>(&mut self, mut bytes: &'a [u8], demux: &mut Demux) -> &'a [u8] {
        while let Some((packet, rest)) = bytes.split_first_chunk::<SIZE>() {
            if packet[0] != SYNC {
                self.lose(packet[0]);
                return bytes;
            }
            demux.packet(self.offset, packet);
            self.offset += SIZE as u64;
            bytes = rest;
        }
        self.held.extend_from_slice(bytes);
        &[]
    }

    /// Completes a packet that was cut by the caller's pieces.
    fn fill<'a>(&mut self, bytes: &'a [u8], demux: &mut Demux) -> &'a [u8] {
        let (now, rest) = bytes.split_at(bytes.len().min(SIZE - self.held.len()));
        self.held.extend_from_slice(now);
        if self.held.len() == SIZE {
            let held = std::mem::take(&mut self.held);
            self.replay(held, demux);
        }
        rest
    }

    fn search<'a>(&mut self, bytes: &'a [u8], demux: &mut Demux) -> &'a [u8] {
        let (now, rest) = bytes.split_at(bytes.len().min(CHUNK));
        self.held.extend_from_slice(now);
        let last = (self.held.len() + 1).saturating_sub(LOOK_AHEAD);
        let found = candidates(&self.held).take_while(|at| *at < last).find(|at| aligned(&self.held, *at, SIZE));
        self.drop_held(found.unwrap_or(last));
        if found.is_some() {
            self.regain(demux);
        }
        rest
    }

    /// Sync stands at the start of `held`.
    fn regain(&mut self, demux: &mut Demux) {
        if let Some(Lost { at, found }) = self.lost.take() {
            let (to, lost) = (self.offset, self.offset - at);
            demux.defects.add(DefectKind::Container, at, CLAUSE, || {
                format!(
                    "sync byte 0x47 expected, found {found:#04x}; packets go on at byte {to}, {lost} bytes are lost"
                )
            });
        }
        let held = std::mem::take(&mut self.held);
        self.replay(held, demux);
    }

    /// Packets out of bytes held back; what is left over is held again.
    fn replay(&mut self, held: Vec<u8>, demux: &mut Demux) {
        let rest = self.run(&held, demux);
        if !rest.is_empty() {
            self.held.extend_from_slice(rest);
        }
    }

    fn lose(&mut self, found: u8) {
        self.lost = Some(Lost { at: self.offset, found });
    }

    fn drop_held(&mut self, count: usize) {
        self.held.drain(..count.min(self.held.len()));
        self.offset += count as u64;
    }

    /// The resource ends. Fewer packets than the look-ahead wants may still follow a loss.
    pub fn finish(&mut self, demux: &mut Demux) {
        while self.lost.is_some() && !self.held.is_empty() {
            let whole = (self.held.len() + 1).saturating_sub(SIZE);
            let found = candidates(&self.held).take_while(|at| *at < whole).find(|at| aligned(&self.held, *at, SIZE));
            let Some(at) = found else { break };
            self.drop_held(at);
            self.regain(demux);
        }
        match &self.lost {
            Some(Lost { at, found }) => demux.defects.add(DefectKind::Container, *at, CLAUSE, || {
                format!("sync byte 0x47 expected, found {found:#04x}; no packet follows until the end")
            }),
            None if !self.held.is_empty() => demux.defects.add(DefectKind::Container, self.offset, CLAUSE, || {
                format!("the last packet is truncated: {} of {SIZE} bytes", self.held.len())
            }),
            None => {}
        }
    }
}

/// Sync bytes behind the first byte, which is where sync was lost.
fn candidates(held: &[u8]) -> impl Iterator<Item = usize> {
    memchr::memchr_iter(SYNC, held)
}
