//! Common encryption of the origin's CMAF tracks (ISO/IEC 23001-7) with the scheme `cbcs` or `cenc`: sample entries,
//! `senc` boxes and encrypted samples.

use aes::Aes128;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::array::Array;
use cbc::cipher::{BlockCipherEncrypt, BlockModeEncrypt, KeyInit, KeyIvInit};

use super::encryption::Cipher;
use super::faults::Effect;
use super::mp4::{TrackKind, boxes, find, mp4_box, read_u32, write_u32};

const KEY: [u8; 16] = *b"of the live orig";
const VECTOR: [u8; 16] = *b"constant vector.";
const WIDEVINE: u128 = 0xedef_8ba9_79d6_4ace_a3c8_27dc_d51d_21ed;
const BLOCK: usize = 16;
/// Size in bytes of a sample's initialization vector in the scheme `cenc`.
const VECTOR_SIZE: u8 = 8;
/// Numbers of encrypted and of clear blocks in the pattern of video; audio has no pattern.
const PATTERN: [usize; 2] = [1, 9];
/// Number of clear bytes at the beginning of a slice, including its length and header.
const LEAD: usize = 36;
const PATH: [&[u8; 4]; 6] = [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"];

/// Returns the key identifier of the channel whose segment numbers begin at `base`.
pub(super) fn key_id(base: i64) -> [u8; 16] {
    (0x0b1e_55ed_0000_4000_8000_0000_0000_0000_u128 + base as u128).to_be_bytes()
}

/// Returns the EXT-X-KEY tags of a playlist: for FairPlay and Widevine with `cbcs`, only for Widevine with `cenc`,
/// which FairPlay doesn't support.
pub(super) fn key_tags(cipher: Cipher, base: i64, effect: Option<Effect>) -> String {
    let counter = (cipher == Cipher::Cenc) != (effect == Some(Effect::MethodWrong));
    let method = if counter { "SAMPLE-AES-CTR" } else { "SAMPLE-AES" };
    let kid = key_id(if effect == Some(Effect::KidWrong) { base + 500 } else { base });
    let hex: String = kid.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut text = String::new();
    if cipher == Cipher::Cbcs {
        text = format!(
            "#EXT-X-KEY:METHOD={method},URI=\"skd://{hex}\",KEYFORMAT=\"com.apple.streamingkeydelivery\",\
             KEYFORMATVERSIONS=\"1\"\n"
        );
    }
    if effect != Some(Effect::DrmSystemMissing) {
        text.push_str(&format!(
            "#EXT-X-KEY:METHOD={method},URI=\"data:text/plain;base64,{}\",KEYID=0x{hex},\
             KEYFORMAT=\"urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed\",KEYFORMATVERSIONS=\"1\"\n",
            STANDARD.encode(pssh(kid))
        ));
    }
    text
}

/// Returns the ContentProtection descriptors of an MPD, with the same content as [`key_tags`].
pub(super) fn content_protection(cipher: Cipher, base: i64, effect: Option<Effect>) -> String {
    if !cipher.is_common_encryption() || effect == Some(Effect::EncryptionUnannounced) {
        return String::new();
    }
    let counter = (cipher == Cipher::Cenc) != (effect == Some(Effect::MethodWrong));
    let scheme = if counter { "cenc" } else { "cbcs" };
    let kid = key_id(if effect == Some(Effect::KidWrong) { base + 500 } else { base });
    let hex: String = kid.iter().map(|byte| format!("{byte:02x}")).collect();
    let uuid = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
    let mut text = format!(
        "<ContentProtection schemeIdUri=\"urn:mpeg:dash:mp4protection:2011\" value=\"{scheme}\" \
         xmlns:cenc=\"urn:mpeg:cenc:2013\" cenc:default_KID=\"{uuid}\"/>\n"
    );
    if effect == Some(Effect::DrmSystemMissingEverywhere) {
        return text;
    }
    text.push_str(&format!(
        "<ContentProtection schemeIdUri=\"urn:uuid:EDEF8BA9-79D6-4ACE-A3C8-27DCD51D21ED\">\
         <pssh xmlns=\"urn:mpeg:cenc:2013\">{}</pssh></ContentProtection>\n",
        STANDARD.encode(pssh(kid))
    ));
    text
}

fn pssh(kid: [u8; 16]) -> Vec<u8> {
    mp4_box(b"pssh", &[&[1, 0, 0, 0], &WIDEVINE.to_be_bytes(), &[0, 0, 0, 1], &kid, &[0; 4]])
}

/// Makes an initialization segment with a protected sample entry and a `pssh` box, which the fault may leave out.
pub(super) fn init(cipher: Cipher, clear: &[u8], kind: TrackKind, base: i64, effect: Option<Effect>) -> Vec<u8> {
    let mut bytes = clear.to_vec();
    let stsd = find(&bytes, &PATH).expect("every header has a sample entry");
    let entry = stsd + 16;
    let format: [u8; 4] = bytes[entry + 4..entry + 8].try_into().expect("four bytes");
    bytes[entry + 4..entry + 8].copy_from_slice(if kind == TrackKind::Video { b"encv" } else { b"enca" });
    let pattern = if kind == TrackKind::Video { (PATTERN[0] << 4 | PATTERN[1]) as u8 } else { 0 };
    let (scheme, tenc) = match cipher {
        Cipher::Cenc => (b"cenc", mp4_box(b"tenc", &[&[0, 0, 0, 0, 0, 0, 1, VECTOR_SIZE], &key_id(base)])),
        _ => (b"cbcs", mp4_box(b"tenc", &[&[1, 0, 0, 0, 0, pattern, 1, 0], &key_id(base), &[16], &VECTOR])),
    };
    let schm = mp4_box(b"schm", &[&[0; 4], scheme, &[0, 1, 0, 0]]);
    let sinf = mp4_box(b"sinf", &[&mp4_box(b"frma", &[&format]), &schm, &mp4_box(b"schi", &[&tenc])]);
    let end = entry + read_u32(&bytes, entry) as usize;
    let mut parents: Vec<usize> = (1..=PATH.len()).filter_map(|depth| find(&bytes, &PATH[..depth])).collect();
    parents.push(entry);
    insert(&mut bytes, end, &sinf, &parents);
    if effect == Some(Effect::DrmSystemMissingEverywhere) {
        return bytes;
    }
    let moov = parents[0];
    let end = moov + read_u32(&bytes, moov) as usize;
    insert(&mut bytes, end, &pssh(key_id(base)), &[moov]);
    bytes
}

fn insert(bytes: &mut Vec<u8>, at: usize, content: &[u8], parents: &[usize]) {
    bytes.splice(at..at, content.iter().copied());
    for parent in parents {
        let size = read_u32(bytes, *parent);
        write_u32(bytes, *parent, size + content.len() as u32);
    }
}

/// Encrypts the samples of every CMAF fragment in `clear`.
pub(super) fn encrypt(cipher: Cipher, clear: &[u8], kind: TrackKind, effect: Option<Effect>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut moof = 0;
    for (name, start, end) in boxes(clear, 0, clear.len()) {
        match &name {
            b"moof" => moof = start,
            b"mdat" => out.extend(fragment(cipher, &clear[moof..end], kind, effect)),
            _ => out.extend_from_slice(&clear[start..end]),
        }
    }
    out
}

/// Entry of a sample in a `senc` box.
struct SampleEncryption {
    vector: Vec<u8>,
    /// Sizes of clear and encrypted bytes of the sample, alternating; empty when the whole sample is encrypted.
    spans: Vec<(u16, u32)>,
}

fn fragment(cipher: Cipher, clear: &[u8], kind: TrackKind, effect: Option<Effect>) -> Vec<u8> {
    let mut bytes = clear.to_vec();
    let trun = find(&bytes, &[b"moof", b"traf", b"trun"]).expect("every fragment has a trun");
    let mfhd = find(&bytes, &[b"moof", b"mfhd"]).expect("every fragment has an mfhd");
    let sequence = u64::from(read_u32(&bytes, mfhd + 12));
    let first_flags = read_u32(&bytes, trun + 8) & 4 != 0;
    let sizes_at = trun + if first_flags { 24 } else { 20 };
    let count = read_u32(&bytes, trun + 12) as usize;
    let mut at = read_u32(&bytes, trun + 16) as usize;
    let mut entries = Vec::new();
    for n in 0..count {
        let size = read_u32(&bytes, sizes_at + 4 * n) as usize;
        let sample = &mut bytes[at..at + size];
        let mut counter = Counter { vector: sequence << 16 | n as u64, block: 0 };
        let spans = match (cipher, kind) {
            (Cipher::Cenc, TrackKind::Video) => encrypt_slices(sample, BLOCK, &mut |span| counter.encrypt(span)),
            (Cipher::Cenc, TrackKind::Audio) => {
                counter.encrypt(sample);
                Vec::new()
            }
            (_, TrackKind::Video) => encrypt_slices(sample, 1, &mut |span| encrypt_pattern(span, PATTERN)),
            (_, TrackKind::Audio) => {
                encrypt_pattern(sample, [1, 0]);
                Vec::new()
            }
        };
        let vector = if cipher == Cipher::Cenc { counter.vector.to_be_bytes().to_vec() } else { Vec::new() };
        entries.push(SampleEncryption { vector, spans });
        at += size;
    }
    if cipher == Cipher::Cenc || kind == TrackKind::Video {
        insert_sample_encryption(&mut bytes, trun, &entries, effect);
    }
    bytes
}

/// Encrypts the slices of a sample, and returns the sizes of clear and encrypted bytes, alternating. Of each slice a
/// multiple of `unit` bytes at its end is encrypted.
fn encrypt_slices(sample: &mut [u8], unit: usize, encrypt: &mut dyn FnMut(&mut [u8])) -> Vec<(u16, u32)> {
    let (mut spans, mut clear, mut at) = (Vec::new(), 0, 0);
    while at + 5 <= sample.len() {
        let size = 4 + read_u32(sample, at) as usize;
        if matches!(sample[at + 4] & 0x1f, 1 | 5) && size >= LEAD + BLOCK {
            let protected = (size - LEAD) / unit * unit;
            encrypt(&mut sample[at + size - protected..at + size]);
            spans.push(((clear + size - protected) as u16, protected as u32));
            clear = 0;
        } else {
            clear += size;
        }
        at += size;
    }
    if clear > 0 {
        spans.push((clear as u16, 0));
    }
    spans
}

/// AES in counter mode for one sample; the block counter continues over all of the sample's encrypted ranges.
struct Counter {
    vector: u64,
    block: u64,
}

impl Counter {
    fn encrypt(&mut self, span: &mut [u8]) {
        let cipher = Aes128::new(&KEY.into());
        for block in span.chunks_mut(BLOCK) {
            let mut stream = Array::from((u128::from(self.vector) << 64 | u128::from(self.block)).to_be_bytes());
            cipher.encrypt_block(&mut stream);
            block.iter_mut().zip(stream).for_each(|(byte, key)| *byte ^= key);
            self.block += 1;
        }
    }
}

/// Encrypts whole blocks by a pattern of encrypted and skipped blocks (of 16 bytes); an incomplete block stays clear.
fn encrypt_pattern(span: &mut [u8], [crypt, skip]: [usize; 2]) {
    let mut cipher = cbc::Encryptor::<Aes128>::new(&KEY.into(), &VECTOR.into());
    for turn in span.chunks_mut(BLOCK * (crypt + skip)) {
        let end = turn.len().min(BLOCK * crypt);
        let (blocks, _) = Array::slice_as_chunks_mut(&mut turn[..end]);
        cipher.encrypt_blocks(blocks);
    }
}

/// Adds the boxes `senc`, `saiz` and `saio` to a fragment, and moves the data offset of `trun` accordingly.
fn insert_sample_encryption(bytes: &mut Vec<u8>, trun: usize, entries: &[SampleEncryption], effect: Option<Effect>) {
    if effect == Some(Effect::SamplesUndescribed) {
        return;
    }
    let divided = entries.iter().any(|entry| !entry.spans.is_empty());
    let (mut content, mut sizes) = (Vec::new(), Vec::new());
    for SampleEncryption { vector, spans } in entries {
        let begin = content.len();
        content.extend(vector);
        if divided {
            content.extend((spans.len() as u16).to_be_bytes());
        }
        for (clear, protected) in spans {
            let clear = clear + u16::from(effect == Some(Effect::SubsampleSpansWrong));
            content.extend(clear.to_be_bytes());
            content.extend(protected.to_be_bytes());
        }
        sizes.push((content.len() - begin) as u8);
    }
    let count = (entries.len() as u32).to_be_bytes();
    let traf = find(bytes, &[b"moof", b"traf"]).expect("every fragment has a traf");
    let end = traf + read_u32(bytes, traf) as usize;
    let first = end as u32 + 16;
    let added = [
        mp4_box(b"senc", &[&[0, 0, 0, if divided { 2 } else { 0 }], &count, &content]),
        mp4_box(b"saiz", &[&[0; 5], &count, &sizes]),
        mp4_box(b"saio", &[&[0; 4], &[0, 0, 0, 1], &first.to_be_bytes()]),
    ]
    .concat();
    let offset = read_u32(bytes, trun + 16) + added.len() as u32;
    write_u32(bytes, trun + 16, offset);
    insert(bytes, end, &added, &[0, traf]);
}
