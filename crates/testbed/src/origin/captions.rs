//! Closed captions in H.264: CEA-608 and CEA-708 in an SEI message of each picture (ATSC A/53 part 4, 6.2).

use super::mp4::{find, mp4_box, read_u32, write_u32};
use super::ts::{PACKET, VIDEO_PID, payload_start, pid};

/// Prefix of the channels with closed captions in transport streams; `CMAF` is the one of those in CMAF.
pub(super) const TRANSPORT: &str = "CC";
pub(super) const CMAF: &str = "CT";

/// EXT-X-MEDIA tag of the closed captions; `ACCESSIBILITY` has their Accessibility descriptors for MPDs.
pub(super) const MEDIA: &str =
    "#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID=\"cc\",NAME=\"English\",LANGUAGE=\"en\",INSTREAM-ID=\"CC1\"\n";
pub(super) const ACCESSIBILITY: &str = "<Accessibility schemeIdUri=\"urn:scte:dash:cc:cea-608:2015\" value=\"CC1=eng\"/>\n\
                                 <Accessibility schemeIdUri=\"urn:scte:dash:cc:cea-708:2015\" value=\"1=lang:eng\"/>\n";

/// CEA-608 byte pairs for the first field of the pictures in a media unit of 2 s: roll-up mode with two rows, then a
/// line of text. Parity is added when a pair is sent.
const LINE: &[[u8; 2]] = &[[0x14, 0x25], [0x14, 0x2d], [0x14, 0x70], *b"Th", *b"is", *b" i", *b"s ", *b"li", *b"ve"];

/// Makes the SEI NAL unit with captions for one picture, without start code or length. `number` is the picture's
/// position in its 2 s of media.
fn caption_nal_unit(number: usize) -> Vec<u8> {
    let field = LINE.get(number).copied().unwrap_or_default().map(with_odd_parity);
    let second = [0x80, 0x80];
    // A caption channel packet of four bytes with one block of service 1: a header and two characters.
    let packet = [((number % 4) << 6) as u8 | 2, 0x22, b'o', b'k'];
    let mut body = b"\xb5\0\x31GA94\x03\xc4\xff".to_vec();
    for (kind, pair) in [(0xfc, field), (0xfd, second), (0xff, [packet[0], packet[1]]), (0xfe, [packet[2], packet[3]])]
    {
        body.extend([kind, pair[0], pair[1]]);
    }
    body.push(0xff);
    [&[6, 4, body.len() as u8], &body[..], &[0x80]].concat()
}

fn with_odd_parity(byte: u8) -> u8 {
    byte | u8::from(byte.count_ones().is_multiple_of(2)) << 7
}

/// Returns the byte offset of the first slice in a sample; `None` without one. `units` are the offset and the header
/// byte of each NAL unit.
fn first_slice(units: impl Iterator<Item = (usize, u8)>) -> Option<usize> {
    let mut slices = units.filter(|(_, header)| matches!(header & 0x1f, 1 | 5));
    slices.next().map(|(at, _)| at)
}

/// Adds closed captions to every sample of a CMAF fragment.
pub(super) fn add_to_fragment(bytes: &[u8]) -> Vec<u8> {
    let moof = find(bytes, &[b"moof"]).expect("the fixtures' boxes");
    let trun = find(bytes, &[b"moof", b"traf", b"trun"]).expect("the fixtures' boxes");
    let sizes_at = trun + if read_u32(bytes, trun + 8) & 4 != 0 { 24 } else { 20 };
    let mut head = bytes[..find(bytes, &[b"mdat"]).expect("the fixtures' boxes")].to_vec();
    let mut at = moof + read_u32(bytes, trun + 16) as usize;
    let mut data = Vec::new();
    for number in 0..read_u32(bytes, trun + 12) as usize {
        let size_at = sizes_at + 4 * number;
        let sample = &bytes[at..at + read_u32(bytes, size_at) as usize];
        at += sample.len();
        let (mut units, mut next) = (Vec::new(), 0);
        while next + 4 < sample.len() {
            units.push((next, sample[next + 4]));
            next += 4 + read_u32(sample, next) as usize;
        }
        let index = first_slice(units.into_iter()).expect("each sample is a picture");
        let caption = caption_nal_unit(number);
        data.extend_from_slice(&sample[..index]);
        data.extend((caption.len() as u32).to_be_bytes());
        data.extend(&caption);
        data.extend_from_slice(&sample[index..]);
        write_u32(&mut head, size_at, (sample.len() + 4 + caption.len()) as u32);
    }
    head.extend(mp4_box(b"mdat", &[&data]));
    head
}

/// Adds closed captions to every picture of a transport stream.
pub(super) fn add_to_transport_stream(bytes: &[u8]) -> Vec<u8> {
    let packets: Vec<&[u8]> = bytes.chunks_exact(PACKET).collect();
    let is_video = |packet: &[u8]| pid(packet) == VIDEO_PID && packet[3] & 0x10 != 0;
    let begins: Vec<usize> =
        (0..packets.len()).filter(|at| is_video(packets[*at]) && packets[*at][1] & 0x40 != 0).collect();
    // The packets that replace each packet.
    let mut written: Vec<Vec<u8>> = packets.iter().map(|packet| packet.to_vec()).collect();
    for (number, begin) in begins.iter().enumerate() {
        let until = begins.get(number + 1).copied().unwrap_or(packets.len());
        let indices: Vec<usize> = (*begin..until).filter(|at| is_video(packets[*at])).collect();
        let mut payload: Vec<u8> =
            indices.iter().flat_map(|at| &packets[*at][payload_start(packets[*at])..]).copied().collect();
        let slice =
            first_slice(memchr::memmem::find_iter(&payload, &[0, 0, 1]).map(|at| (at, payload[at + 3])).skip(1))
                .expect("each PES packet is a picture");
        let caption = [&[0, 0, 1], &caption_nal_unit(number)[..]].concat();
        payload.splice(slice..slice, caption);
        indices.iter().for_each(|at| written[*at].clear());
        let mut rest = &payload[..];
        for (n, index) in indices.iter().enumerate() {
            let clock = packets[*index][3] & 0x20 != 0 && packets[*index][4] > 0 && n == 0;
            loop {
                let packet = repacketize(
                    packets[*index],
                    clock && written[*index].is_empty(),
                    n == 0 && written[*index].is_empty(),
                    &mut rest,
                );
                written[*index].extend(packet);
                if rest.is_empty() || n + 1 < indices.len() {
                    break;
                }
            }
            if rest.is_empty() {
                break;
            }
        }
    }
    written.concat()
}

/// Makes a transport packet with the header of `old` and as much of `rest` as fits; with `clock` it keeps the PCR of
/// `old`.
fn repacketize(old: &[u8], clock: bool, begins: bool, rest: &mut &[u8]) -> [u8; PACKET] {
    let field_length = if clock { 1 + if old[5] & 0x10 != 0 { 6 } else { 0 } } else { 0 };
    let field = &old[5..5 + field_length];
    let room = PACKET - 4 - if clock { 1 + field_length } else { 0 };
    let taken = rest.len().min(room);
    let mut out = [0xff; PACKET];
    out[..4].copy_from_slice(&old[..4]);
    out[1] = old[1] & 0x1f | if begins { 0x40 } else { 0 };
    let stuffed = PACKET - 4 - taken;
    out[3] = 0x10 | if stuffed > 0 { 0x20 } else { 0 };
    if stuffed > 0 {
        out[4] = (stuffed - 1) as u8;
    }
    if stuffed > 1 {
        out[5] = 0;
        out[5..5 + field_length].copy_from_slice(field);
    }
    out[PACKET - taken..].copy_from_slice(&rest[..taken]);
    *rest = &rest[taken..];
    out
}
