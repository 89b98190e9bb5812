//! Division of a byte stream into transport packets, with a search for the next packet after a loss of sync.

use super::Demuxer;
use crate::defect::DefectKind;

/// Size of a transport packet in bytes (ISO/IEC 13818-1 2.4.3.2).
pub(in crate::container) const PACKET_SIZE: usize = 188;
/// First byte of each transport packet.
pub(in crate::container) const SYNC_BYTE: u8 = 0x47;
/// Number of bytes that confirm the start of a transport packet: two more sync bytes follow, each one packet later.
const LOOK_AHEAD: usize = 2 * PACKET_SIZE + 1;
const SEARCH_CHUNK: usize = 4096;
const CLAUSE: &str = "ISO/IEC 13818-1 2.4.3.2";

/// Returns whether a sync byte stands at `at` and, as far as `bytes` reach, at once and twice the distance `size`
/// behind it.
#[must_use]
pub(in crate::container) fn is_aligned(bytes: &[u8], at: usize, size: usize) -> bool {
    let here = |n: usize| bytes.get(at + n * size);
    here(0) == Some(&SYNC_BYTE) && (1..=2).all(|n| here(n).is_none_or(|b| *b == SYNC_BYTE))
}

/// Divides bytes that arrive in chunks of any size into transport packets.
#[derive(Debug, Default)]
pub(super) struct PacketFramer {
    /// Byte offset in the segment of the first byte that isn't processed yet: of `buffered`, or of the next chunk when
    /// it is empty.
    offset: u64,
    /// Bytes of an incomplete transport packet; during a search for sync at most `SEARCH_CHUNK + LOOK_AHEAD` bytes.
    buffered: Vec<u8>,
    sync_loss: Option<SyncLoss>,
}

/// Loss of sync: the byte offset at which a sync byte is missing, and the byte that stands there instead.
#[derive(Debug)]
struct SyncLoss {
    at: u64,
    found: u8,
}

impl PacketFramer {
    pub(super) fn push(&mut self, mut bytes: &[u8], demux: &mut Demuxer) {
        while !bytes.is_empty() {
            bytes = match (&self.sync_loss, self.buffered.is_empty()) {
                (Some(_), _) => self.search_sync(bytes, demux),
                (None, true) => self.read_packets(bytes, demux),
                (None, false) => self.complete_packet(bytes, demux),
            };
        }
    }

    /// Reads whole transport packets without copying them, because most bytes of a segment pass here.
    fn read_packets<'a>(&mut self, mut bytes: &'a [u8], demux: &mut Demuxer) -> &'a [u8] {
        while let Some((packet, rest)) = bytes.split_first_chunk::<PACKET_SIZE>() {
            if packet[0] != SYNC_BYTE {
                self.lose_sync(packet[0]);
                return bytes;
            }
            demux.packet(self.offset, packet);
            self.offset += PACKET_SIZE as u64;
            bytes = rest;
        }
        self.buffered.extend_from_slice(bytes);
        &[]
    }

    /// Completes a transport packet whose bytes are divided between chunks.
    fn complete_packet<'a>(&mut self, bytes: &'a [u8], demux: &mut Demuxer) -> &'a [u8] {
        let (now, rest) = bytes.split_at(bytes.len().min(PACKET_SIZE - self.buffered.len()));
        self.buffered.extend_from_slice(now);
        if self.buffered.len() == PACKET_SIZE {
            let buffered = std::mem::take(&mut self.buffered);
            self.read_buffered(buffered, demux);
        }
        rest
    }

    fn search_sync<'a>(&mut self, bytes: &'a [u8], demux: &mut Demuxer) -> &'a [u8] {
        let (now, rest) = bytes.split_at(bytes.len().min(SEARCH_CHUNK));
        self.buffered.extend_from_slice(now);
        let last = (self.buffered.len() + 1).saturating_sub(LOOK_AHEAD);
        let found = sync_bytes(&self.buffered)
            .take_while(|at| *at < last)
            .find(|at| is_aligned(&self.buffered, *at, PACKET_SIZE));
        self.drop_buffered(found.unwrap_or(last));
        if found.is_some() {
            self.resynchronise(demux);
        }
        rest
    }

    /// Continues with the sync byte at the start of `buffered`, and reports the loss of sync.
    fn resynchronise(&mut self, demux: &mut Demuxer) {
        if let Some(SyncLoss { at, found }) = self.sync_loss.take() {
            let (to, lost) = (self.offset, self.offset - at);
            demux.defects.add(DefectKind::Container, at, CLAUSE, || {
                format!(
                    "sync byte 0x47 expected, found {found:#04x}; the next packet is at byte {to}, {lost} bytes are lost"
                )
            });
        }
        let buffered = std::mem::take(&mut self.buffered);
        self.read_buffered(buffered, demux);
    }

    /// Reads the transport packets in the buffered bytes, and buffers an incomplete rest again.
    fn read_buffered(&mut self, mut buffered: Vec<u8>, demux: &mut Demuxer) {
        let rest = self.read_packets(&buffered, demux);
        if !rest.is_empty() {
            self.buffered.extend_from_slice(rest);
        } else if self.buffered.is_empty() {
            // Its memory is used again for the next chunk's first packet.
            buffered.clear();
            self.buffered = buffered;
        }
    }

    fn lose_sync(&mut self, found: u8) {
        self.sync_loss = Some(SyncLoss { at: self.offset, found });
    }

    fn drop_buffered(&mut self, count: usize) {
        self.buffered.drain(..count.min(self.buffered.len()));
        self.offset += count as u64;
    }

    /// Ends the segment. After a loss of sync, the remaining bytes may hold fewer packets than the search needs.
    pub(super) fn finish(&mut self, demux: &mut Demuxer) {
        while self.sync_loss.is_some() && !self.buffered.is_empty() {
            let whole = (self.buffered.len() + 1).saturating_sub(PACKET_SIZE);
            let found = sync_bytes(&self.buffered)
                .take_while(|at| *at < whole)
                .find(|at| is_aligned(&self.buffered, *at, PACKET_SIZE));
            let Some(at) = found else { break };
            self.drop_buffered(at);
            self.resynchronise(demux);
        }
        match &self.sync_loss {
            Some(SyncLoss { at, found }) => demux.defects.add(DefectKind::Container, *at, CLAUSE, || {
                format!("sync byte 0x47 expected, found {found:#04x}; no packet follows until the end")
            }),
            None if is_padding(&self.buffered) => {
                demux.defects.add(DefectKind::SideBox, self.offset, CLAUSE, || {
                    format!("{} bytes that are no packet follow the last packet", self.buffered.len())
                });
            }
            None if !self.buffered.is_empty() => demux.defects.add(DefectKind::Container, self.offset, CLAUSE, || {
                format!("the last packet is truncated: {} of {PACKET_SIZE} bytes", self.buffered.len())
            }),
            None => {}
        }
    }
}

/// Whether bytes behind the last packet only fill the file: all are 0x00, or all are 0xff.
fn is_padding(bytes: &[u8]) -> bool {
    [0x00, 0xff].into_iter().any(|filler| !bytes.is_empty() && bytes.iter().all(|byte| *byte == filler))
}

/// Iterates over the positions of sync bytes in `buffered`.
fn sync_bytes(buffered: &[u8]) -> impl Iterator<Item = usize> {
    memchr::memchr_iter(SYNC_BYTE, buffered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::defects::DefectLog;

    #[test]
    fn little_is_buffered_behind_a_loss_however_much_follows() {
        let (mut framer, mut demux) = (PacketFramer::default(), Demuxer::new(DefectLog::default()));
        let packet = [&[SYNC_BYTE, 0x1f, 0xff, 0x10][..], &[0; PACKET_SIZE - 4]].concat();
        framer.push(&[0; 100], &mut demux);
        for _ in 0..1000 {
            framer.push(&packet, &mut demux);
            assert!(framer.buffered.len() < SEARCH_CHUNK + LOOK_AHEAD, "{} bytes", framer.buffered.len());
        }
    }

    #[test]
    fn bytes_behind_the_last_packet_are_no_truncated_packet() {
        let of = |tail: &[u8]| {
            let (mut framer, mut demux) = (PacketFramer::default(), Demuxer::new(DefectLog::default()));
            let packet = [&[SYNC_BYTE, 0x1f, 0xff, 0x10][..], &[0; PACKET_SIZE - 4]].concat();
            framer.push(&[packet.repeat(5), tail.to_vec()].concat(), &mut demux);
            framer.finish(&mut demux);
            demux.defects.finish().0.into_iter().map(|d| (d.kind, d.message)).collect::<Vec<_>>()
        };
        assert_eq!(of(&[]), []);
        let text = "100 bytes that are no packet follow the last packet".to_owned();
        assert_eq!(of(&[0; 100]), [(DefectKind::SideBox, text)]);
        let text = "the last packet is truncated: 100 of 188 bytes".to_owned();
        assert_eq!(of(&[SYNC_BYTE; 100]), [(DefectKind::Container, text.clone())]);
        assert_eq!(of(&[0x5a; 100]), [(DefectKind::Container, text)], "the rest of a packet whose begin was lost");
    }
}
