//! CMAF fragments of the origin, rewritten for their position in an endless track (ISO/IEC 14496-12).

use super::faults::Effect;
use super::fixtures::{AUDIO_TIMESCALE, LOOP_UNITS, Track, VIDEO_TIMESCALE};

/// Number of parts in a media unit of 2 s.
pub(super) const PARTS: i64 = 5;
const VIDEO_PART: i64 = 10;
pub(super) const AUDIO_PART: i64 = 19;

/// Splits a fragmented file into its initialization segment and its fragments, each a moof with its mdat. The samples have sizes
/// of their own.
pub(super) fn split(file: &'static [u8]) -> Track {
    let track = split_units(file);
    Track { parts: track.units.iter().map(|unit| parts(unit)).collect(), ..track }
}

/// Splits a fragmented file as [`split`] does, without parts: for samples that all have one size.
pub(super) fn split_units(file: &'static [u8]) -> Track {
    let mut track = Track { init: &[], units: Vec::new(), parts: Vec::new() };
    let mut fragment = 0;
    for (kind, start, end) in boxes(file, 0, file.len()) {
        match &kind {
            b"moov" => track.init = &file[..end],
            b"moof" => fragment = start,
            b"mdat" => track.units.push(&file[fragment..end]),
            _ => {}
        }
    }
    track
}

/// Splits a CMAF fragment into its parts. The samples have their own sizes, and share one duration.
fn parts(fragment: &[u8]) -> Vec<Vec<u8>> {
    let at = |path: &[&[u8; 4]]| find(fragment, path).expect("the fixtures' boxes");
    let (moof, tfhd) = (at(&[b"moof"]), at(&[b"moof", b"traf", b"tfhd"]));
    let (tfdt, trun) = (at(&[b"moof", b"traf", b"tfdt"]), at(&[b"moof", b"traf", b"trun"]));
    let mfhd = at(&[b"moof", b"mfhd"]);
    let first_flags = read_u32(fragment, trun + 8) & 4 != 0;
    let sizes_at = trun + if first_flags { 24 } else { 20 };
    let sizes: Vec<usize> =
        (0..read_u32(fragment, trun + 12) as usize).map(|n| read_u32(fragment, sizes_at + 4 * n) as usize).collect();
    let each = if first_flags { VIDEO_PART } else { AUDIO_PART } as usize;
    let mut data = moof + read_u32(fragment, trun + 16) as usize;
    let ticks = i64::from(read_u32(fragment, tfhd + 20));
    let mut out = Vec::new();
    for (n, sizes) in sizes.chunks(each).enumerate() {
        let mut part_tfdt = fragment[tfdt..tfdt + 20].to_vec();
        add_time(&mut part_tfdt[12..], (n * each) as i64 * ticks);
        let flags = (first_flags && n == 0).then(|| fragment[trun + 20..trun + 24].to_vec());
        let part_trun = track_run(sizes, flags);
        let traf = mp4_box(b"traf", &[&fragment[tfhd..tfhd + 32], &part_tfdt, &part_trun]);
        let mut moof = mp4_box(b"moof", &[&fragment[mfhd..mfhd + 16], &traf]);
        let head = moof.len() as u32 + 8;
        let offset = find(&moof, &[b"moof", b"traf", b"trun"]).expect("just written") + 16;
        write_u32(&mut moof, offset, head);
        let length = sizes.iter().sum::<usize>();
        moof.extend(mp4_box(b"mdat", &[&fragment[data..data + length]]));
        data += length;
        out.push(moof);
    }
    out
}

/// Makes a trun box with sample sizes and, if given, the flags of the first sample; its data offset is filled in later
/// (ISO/IEC 14496-12 8.8.8).
fn track_run(sizes: &[usize], first_flags: Option<Vec<u8>>) -> Vec<u8> {
    let mut fields = (0x201 | if first_flags.is_some() { 4 } else { 0_u32 }).to_be_bytes().to_vec();
    fields.extend((sizes.len() as u32).to_be_bytes());
    fields.extend(0_u32.to_be_bytes());
    fields.extend(first_flags.unwrap_or_default());
    fields.extend(sizes.iter().flat_map(|size| (*size as u32).to_be_bytes()));
    mp4_box(b"trun", &[&fields])
}

pub(super) fn mp4_box(kind: &[u8; 4], content: &[&[u8]]) -> Vec<u8> {
    let size = 8 + content.iter().map(|part| part.len()).sum::<usize>();
    let mut out = (size as u32).to_be_bytes().to_vec();
    out.extend(kind);
    content.iter().for_each(|part| out.extend_from_slice(part));
    out
}

/// Returns part number `part` of unit number `unit` (2 s of media). Its sequence number and decode time continue from
/// loop to loop.
pub(super) fn part(track: &Track, kind: TrackKind, unit: i64, part: i64) -> Vec<u8> {
    let timescale = if kind == TrackKind::Video { VIDEO_TIMESCALE } else { AUDIO_TIMESCALE };
    let mut bytes = track.parts[unit.rem_euclid(LOOP_UNITS) as usize][part as usize].clone();
    set_position(&mut bytes, unit * PARTS + part, unit.div_euclid(LOOP_UNITS) * 8 * timescale);
    bytes
}

/// Kind of media of a CMAF track.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TrackKind {
    Video,
    Audio,
}

pub(super) fn segment(
    track: &Track,
    kind: TrackKind,
    first: i64,
    count: i64,
    shift_ms: i64,
    effect: Option<Effect>,
) -> Vec<u8> {
    let timescale = if kind == TrackKind::Video { VIDEO_TIMESCALE } else { AUDIO_TIMESCALE };
    let late = if kind == TrackKind::Audio && effect == Some(Effect::AvOffset) { 1000 } else { 0 };
    let mut out = Vec::new();
    for unit in first..first + count {
        let mut bytes = track.units[unit.rem_euclid(LOOP_UNITS) as usize].to_vec();
        let loops = unit.div_euclid(LOOP_UNITS) * 8 * timescale;
        set_position(&mut bytes, unit, loops + (shift_ms + late) * timescale / 1000);
        if unit == first && kind == TrackKind::Video && effect == Some(Effect::KeyframeMissing) {
            demote_first_picture(&mut bytes);
        }
        if effect == Some(Effect::Fmp4Invalid) {
            overrun_parent(&mut bytes);
        }
        out.extend_from_slice(&bytes);
    }
    if effect == Some(Effect::ContainerInvalid) {
        // The size of mdat is larger than the body.
        out.truncate(out.len() / 2);
    }
    out
}

/// Returns the initialization segment with a track box that is too short for its content.
pub(super) fn broken_init(track: &Track) -> Vec<u8> {
    let mut bytes = track.init.to_vec();
    if let Some(at) = find(&bytes, &[b"moov", b"trak"]) {
        let size = read_u32(&bytes, at);
        write_u32(&mut bytes, at, size / 2);
    }
    bytes
}

/// Returns the initialization segment with an `avcC` or `hvcC` that ends before its parameter sets; the rest becomes a
/// `free` box.
pub(super) fn init_without_sets(track: &Track) -> Vec<u8> {
    // Both records end with a number of sets or of arrays of sets (ISO/IEC 14496-15 5.3.3.1, 8.3.3.1).
    let mut bytes = track.init.to_vec();
    for (kind, record) in [(b"avcC", [0xe0, 0].as_slice()), (b"hvcC", &[0])] {
        let Some(at) = bytes.windows(4).position(|w| w == kind).map(|at| at - 4) else { continue };
        let fields = if kind == b"avcC" { 5 } else { 22 };
        let (size, kept) = (read_u32(&bytes, at) as usize, 8 + fields + record.len());
        bytes[at + 8 + fields..at + kept].copy_from_slice(record);
        write_u32(&mut bytes, at, kept as u32);
        write_u32(&mut bytes, at + kept, (size - kept) as u32);
        bytes[at + kept + 4..at + kept + 8].copy_from_slice(b"free");
    }
    bytes
}

/// Returns the initialization segment with an `esds` in which another descriptor takes the place of the AudioSpecificConfig.
pub(super) fn init_without_audio_config(track: &Track) -> Vec<u8> {
    // DecoderConfigDescriptor has 13 bytes before the DecoderSpecificInfo (tag 5; ISO/IEC 14496-1 7.2.6.6).
    let mut bytes = track.init.to_vec();
    if let Some(esds) = bytes.windows(4).position(|w| w == b"esds")
        && let Some(audio) = bytes[esds..].windows(2).position(|w| w == [0x40, 0x15]).map(|at| esds + at)
    {
        bytes[audio + 13] = 0x7f;
    }
    bytes
}

/// Returns the initialization segment with other transfer characteristics in its colour box (ISO/IEC 14496-12 12.1.5).
pub(super) fn init_with_transfer(track: &Track, characteristics: u8) -> Vec<u8> {
    const COLOUR: &[u8] = b"colrnclx";
    let mut bytes = track.init.to_vec();
    if let Some(at) = bytes.windows(COLOUR.len()).position(|w| w == COLOUR) {
        bytes[at + COLOUR.len() + 3] = characteristics;
    }
    bytes
}

/// Sets the sequence number of a fragment to `unit` + 1, and moves its decode time by `shift` ticks.
fn set_position(fragment: &mut [u8], unit: i64, shift: i64) {
    let mfhd = find(fragment, &[b"moof", b"mfhd"]).expect("every fragment has an mfhd");
    write_u32(fragment, mfhd + 12, (unit + 1) as u32);
    let tfdt = find(fragment, &[b"moof", b"traf", b"tfdt"]).expect("every fragment has a tfdt");
    add_time(&mut fragment[tfdt + 12..tfdt + 20], shift);
}

fn add_time(field: &mut [u8], shift: i64) {
    let time = i64::from_be_bytes((&*field).try_into().expect("eight bytes"));
    field.copy_from_slice(&(time + shift).to_be_bytes());
}

/// Turns the first sample of a fragment into one that isn't a sync sample, in its flags and in its NAL units.
fn demote_first_picture(fragment: &mut [u8]) {
    let trun = find(fragment, &[b"moof", b"traf", b"trun"]).expect("every fragment has a trun");
    // The fixtures' trun: flags, count, data offset, first sample flags, then sizes (8.8.8).
    write_u32(fragment, trun + 20, 0x0101_0000);
    let size = read_u32(fragment, trun + 24) as usize;
    let moof = find(fragment, &[b"moof"]).expect("every fragment has a moof");
    let mut at = moof + read_u32(fragment, trun + 16) as usize;
    let end = at + size;
    while at + 4 < end {
        let header = fragment[at + 4];
        // IDR pictures of HEVC (types 19 and 20; no header of the H.264 fixtures is alike), and of H.264.
        if matches!(header, 38 | 40) {
            fragment[at + 4] = 2;
        } else if header & 0x1f == 5 {
            fragment[at + 4] = header & 0xe0 | 1;
        }
        at += 4 + read_u32(fragment, at) as usize;
    }
}

/// Makes the size of the trun box larger than the traf box that contains it, as a fault of the container.
fn overrun_parent(fragment: &mut [u8]) {
    let trun = find(fragment, &[b"moof", b"traf", b"trun"]).expect("every fragment has a trun");
    let size = read_u32(fragment, trun);
    write_u32(fragment, trun, size + 64);
}

pub(super) fn find(bytes: &[u8], path: &[&[u8; 4]]) -> Option<usize> {
    let (mut start, mut end, mut found) = (0, bytes.len(), None);
    for wanted in path {
        let (_, at, stop) = boxes(bytes, start, end).into_iter().find(|(kind, ..)| kind == *wanted)?;
        (start, end, found) = (at + 8, stop, Some(at));
    }
    found
}

pub(super) fn boxes(bytes: &[u8], start: usize, end: usize) -> Vec<([u8; 4], usize, usize)> {
    let mut list = Vec::new();
    let mut at = start;
    while at + 8 <= end {
        let stop = at + read_u32(bytes, at) as usize;
        list.push((bytes[at + 4..at + 8].try_into().expect("four bytes"), at, stop));
        at = stop;
    }
    list
}

pub(super) fn read_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

pub(super) fn write_u32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
}
