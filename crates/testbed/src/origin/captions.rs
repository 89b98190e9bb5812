//! Closed captions in H.264: CEA-608 and CEA-708 in a message before the slices of each picture (ATSC A/53 part 4, 6.2).

use super::mp4::{boxed, find, read_u32, write_u32};
use super::ts::{PACKET, VIDEO_PID, payload_start, pid};

/// The channels that have them: as transport streams, and as CMAF.
pub const TRANSPORT: &str = "CC";
pub const CMAF: &str = "CT";

/// What the EXT-X-MEDIA tag and the MPD's Accessibility say of them.
pub const MEDIA: &str =
    "#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID=\"cc\",NAME=\"English\",LANGUAGE=\"en\",INSTREAM-ID=\"CC1\"\n";
pub const ACCESSIBILITY: &str = "<Accessibility schemeIdUri=\"urn:scte:dash:cc:cea-608:2015\" value=\"CC1=eng\"/>\n\
                                 <Accessibility schemeIdUri=\"urn:scte:dash:cc:cea-708:2015\" value=\"1=lang:eng\"/>\n";

/// What the first field says over a unit: two rows rolled up, then a line of text. Each pair is sent with odd parity.
const LINE: &[[u8; 2]] = &[[0x14, 0x25], [0x14, 0x2d], [0x14, 0x70], *b"Th", *b"is", *b" i", *b"s ", *b"li", *b"ve"];

/// The NAL unit of picture `number` of its unit, without start code or length.
fn unit(number: usize) -> Vec<u8> {
    let field = LINE.get(number).copied().unwrap_or_default().map(odd);
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

fn odd(byte: u8) -> u8 {
    byte | u8::from(byte.count_ones().is_multiple_of(2)) << 7
}

/// The place of the first slice, with its length or start code, among the units of a sample that begin at these places.
fn before_slice(units: impl Iterator<Item = (usize, u8)>) -> Option<usize> {
    let mut slices = units.filter(|(_, header)| matches!(header & 0x1f, 1 | 5));
    slices.next().map(|(at, _)| at)
}

/// A fragment of CMAF with captions in each of its samples.
pub fn fragment(bytes: &[u8]) -> Vec<u8> {
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
        let place = before_slice(units.into_iter()).expect("each sample is a picture");
        let caption = unit(number);
        data.extend_from_slice(&sample[..place]);
        data.extend((caption.len() as u32).to_be_bytes());
        data.extend(&caption);
        data.extend_from_slice(&sample[place..]);
        write_u32(&mut head, size_at, (sample.len() + 4 + caption.len()) as u32);
    }
    head.extend(boxed(b"mdat", &[&data]));
    head
}

/// A transport stream with captions in each of its pictures.
pub fn transport(bytes: &[u8]) -> Vec<u8> {
    let packets: Vec<&[u8]> = bytes.chunks_exact(PACKET).collect();
    let is_video = |packet: &[u8]| pid(packet) == VIDEO_PID && packet[3] & 0x10 != 0;
    let begins: Vec<usize> =
        (0..packets.len()).filter(|at| is_video(packets[*at]) && packets[*at][1] & 0x40 != 0).collect();
    // What takes the place of each packet.
    let mut written: Vec<Vec<u8>> = packets.iter().map(|packet| packet.to_vec()).collect();
    for (number, begin) in begins.iter().enumerate() {
        let until = begins.get(number + 1).copied().unwrap_or(packets.len());
        let places: Vec<usize> = (*begin..until).filter(|at| is_video(packets[*at])).collect();
        let mut payload: Vec<u8> =
            places.iter().flat_map(|at| &packets[*at][payload_start(packets[*at])..]).copied().collect();
        let slice =
            before_slice(memchr::memmem::find_iter(&payload, &[0, 0, 1]).map(|at| (at, payload[at + 3])).skip(1))
                .expect("each PES packet is a picture");
        let caption = [&[0, 0, 1], &unit(number)[..]].concat();
        payload.splice(slice..slice, caption);
        places.iter().for_each(|at| written[*at].clear());
        let mut rest = &payload[..];
        for (n, place) in places.iter().enumerate() {
            let clock = packets[*place][3] & 0x20 != 0 && packets[*place][4] > 0 && n == 0;
            loop {
                let packet = packet(
                    packets[*place],
                    clock && written[*place].is_empty(),
                    n == 0 && written[*place].is_empty(),
                    &mut rest,
                );
                written[*place].extend(packet);
                if rest.is_empty() || n + 1 < places.len() {
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

/// As much of `rest` as fits behind the header of `old`, and what its adaptation field says where `clock`.
fn packet(old: &[u8], clock: bool, begins: bool, rest: &mut &[u8]) -> [u8; PACKET] {
    let said = if clock { 1 + if old[5] & 0x10 != 0 { 6 } else { 0 } } else { 0 };
    let field = &old[5..5 + said];
    let room = PACKET - 4 - if clock { 1 + said } else { 0 };
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
        out[5..5 + said].copy_from_slice(field);
    }
    out[PACKET - taken..].copy_from_slice(&rest[..taken]);
    *rest = &rest[taken..];
    out
}
