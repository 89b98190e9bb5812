//! SAMPLE-AES of the origin's transport streams, by Apple's "MPEG-2 Stream Encryption Format for HTTP Live Streaming":
//! other stream types in the PMT, and H.264 slices and AAC frames that are encrypted in place.

use aes::Aes128;
use cbc::cipher::array::Array;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};

use super::ad_breaks;
use super::ts::{AUDIO_PID, PACKET, PMT_PID, VIDEO_PID, payload_start, pid};

const KEY: [u8; 16] = *b"sample aes, live";
const BLOCK: usize = 16;
/// Number of clear bytes at the beginning of a slice. `SLICE_LEAST` is the largest size in bytes of a slice that isn't
/// encrypted. `FRAME_LEAD` is the number of clear bytes of an AAC frame after its ADTS header.
const SLICE_LEAD: usize = 32;
const SLICE_LEAST: usize = 48;
const FRAME_LEAD: usize = 16;
const ADTS: usize = 7;
/// Number of bytes in ten blocks of a slice, of which the first block is encrypted.
const SLICE_PERIOD: usize = 10 * BLOCK;

/// Returns the EXT-X-KEY tag for the key with this number.
pub(super) fn key_tag(number: i64) -> String {
    let vector = u128::from_be_bytes(vector(number));
    format!(
        "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://sample-aes-{number}\",IV=0x{vector:032x},\
         KEYFORMAT=\"com.apple.streamingkeydelivery\",KEYFORMATVERSIONS=\"1\"\n"
    )
}

fn vector(number: i64) -> [u8; 16] {
    (0x5a5a_0000_0000_0000_0000_0000_0000_0000_u128 + number as u128).to_be_bytes()
}

/// Encrypts the samples of a segment with the key of this number.
pub(super) fn encrypt(mut bytes: Vec<u8>, number: i64) -> Vec<u8> {
    bytes.chunks_exact_mut(PACKET).filter(|packet| pid(packet) == PMT_PID).for_each(declare_encrypted_streams);
    let vector = vector(number);
    for_each_pes_payload(&mut bytes, VIDEO_PID, |payload| encrypt_slices(payload, &vector));
    for_each_pes_payload(&mut bytes, AUDIO_PID, |payload| encrypt_frames(payload, &vector));
    bytes
}

/// Replaces the stream types of a PMT by those of encrypted streams, each with its private data indicator.
fn declare_encrypted_streams(packet: &mut [u8]) {
    let section = payload_start(packet) + 1;
    let length = usize::from(packet[section + 1] & 0x0f) << 8 | usize::from(packet[section + 2]);
    let mut changed = packet[section..section + 12].to_vec();
    for stream in packet[section + 12..section + 3 + length - 4].chunks_exact(5) {
        let (kind, indicator) = if stream[0] == 0x1b { (0xdb, b"zavc") } else { (0xcf, b"aacd") };
        changed.extend([kind, stream[1], stream[2], 0xf0, 6, 15, 4]);
        changed.extend(indicator);
    }
    changed[2] = (changed.len() + 4 - 3) as u8;
    changed.extend(ad_breaks::crc32(&changed).to_be_bytes());
    packet[section..section + changed.len()].copy_from_slice(&changed);
}

/// Applies `change` to the payload of every PES packet on a PID.
fn for_each_pes_payload(bytes: &mut [u8], wanted: u16, change: impl Fn(&mut [u8])) {
    let mut offsets: Vec<Vec<usize>> = Vec::new();
    for (at, packet) in bytes.chunks_exact(PACKET).enumerate().filter(|(_, packet)| pid(packet) == wanted) {
        let mut start = payload_start(packet);
        if packet[1] & 0x40 != 0 {
            start += 9 + usize::from(packet[start + 8]);
            offsets.push(Vec::new());
        }
        offsets.last_mut().expect("each unit begins with a PES packet").extend(at * PACKET + start..(at + 1) * PACKET);
    }
    for offsets in offsets {
        let mut payload: Vec<u8> = offsets.iter().map(|at| bytes[*at]).collect();
        change(&mut payload);
        offsets.iter().zip(payload).for_each(|(at, byte)| bytes[*at] = byte);
    }
}

/// Encrypts the whole blocks of every AAC frame, after its header and its clear bytes.
fn encrypt_frames(payload: &mut [u8], vector: &[u8; 16]) {
    let mut at = 0;
    while at + ADTS < payload.len() {
        let size = usize::from(payload[at + 3] & 3) << 11
            | usize::from(payload[at + 4]) << 3
            | usize::from(payload[at + 5] >> 5);
        let end = (at + size).min(payload.len());
        if let Some(rest) = payload.get_mut(at + ADTS + FRAME_LEAD..end) {
            encrypt_whole_blocks(rest, &mut cipher(vector));
        }
        at += size;
    }
}

/// Encrypts the slices of a picture without their emulation prevention bytes, then inserts such bytes again. A slice
/// that becomes shorter is filled up with zeros after its NAL unit. The key is chosen so that no slice becomes longer.
fn encrypt_slices(payload: &mut [u8], vector: &[u8; 16]) {
    let starts: Vec<usize> = memchr::memmem::find_iter(payload, &[0, 0, 1]).map(|at| at + 3).collect();
    for (n, &start) in starts.iter().enumerate() {
        let next = starts.get(n + 1).map_or(payload.len(), |next| next - 3);
        let zeros = payload[start..next].iter().rev().take_while(|byte| **byte == 0).count();
        let unit = start..next - zeros;
        if !matches!(payload[start] & 0x1f, 1 | 5) || unit.len() <= SLICE_LEAST {
            continue;
        }
        let mut clear = unescaped(&payload[unit.clone()]);
        let mut cipher = cipher(vector);
        let end = clear.len();
        for turn in clear[SLICE_LEAD..end].chunks_mut(SLICE_PERIOD).filter(|turn| turn.len() > BLOCK) {
            encrypt_whole_blocks(&mut turn[..BLOCK], &mut cipher);
        }
        let mut written = escaped(&clear);
        assert!(written.len() <= unit.len(), "another key is needed");
        written.resize(unit.len(), 0);
        payload[unit].copy_from_slice(&written);
    }
}

fn cipher(vector: &[u8; 16]) -> cbc::Encryptor<Aes128> {
    cbc::Encryptor::<Aes128>::new(&KEY.into(), &(*vector).into())
}

fn encrypt_whole_blocks(span: &mut [u8], cipher: &mut cbc::Encryptor<Aes128>) {
    let whole = span.len() / BLOCK * BLOCK;
    let (blocks, _) = Array::slice_as_chunks_mut(&mut span[..whole]);
    cipher.encrypt_blocks(blocks);
}

/// Returns a NAL unit without its emulation prevention bytes (ISO/IEC 14496-10 7.4.1).
fn unescaped(unit: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(unit.len());
    let mut zeros = 0;
    for &byte in unit {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    out
}

fn escaped(unit: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(unit.len());
    let mut zeros = 0;
    for &byte in unit {
        if zeros >= 2 && byte <= 3 {
            out.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    out
}
