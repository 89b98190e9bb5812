//! The transport packet: header and adaptation field.

use super::framing::SIZE;

pub const NULL_PID: u16 = 0x1fff;

/// A packet's fields, ISO/IEC 13818-1 2.4.3.2 and 2.4.3.4.
#[derive(Debug)]
pub struct Packet<'a> {
    pub pid: u16,
    pub transport_error: bool,
    /// payload_unit_start_indicator.
    pub start: bool,
    pub scrambled: bool,
    pub counter: u8,
    /// adaptation_field_control says that there is a payload; it may still be empty.
    pub has_payload: bool,
    pub discontinuity: bool,
    /// In ticks of 27 MHz.
    pub pcr: Option<u64>,
    pub payload: &'a [u8],
    /// The adaptation field is longer than the packet, or its length contradicts adaptation_field_control.
    pub overlong: Option<u8>,
}

#[must_use]
pub fn parse(bytes: &[u8; SIZE]) -> Packet<'_> {
    let control = bytes[3] >> 4 & 3;
    let mut packet = Packet {
        pid: u16::from(bytes[1] & 0x1f) << 8 | u16::from(bytes[2]),
        transport_error: bytes[1] & 0x80 != 0,
        start: bytes[1] & 0x40 != 0,
        scrambled: bytes[3] & 0xc0 != 0,
        counter: bytes[3] & 0xf,
        has_payload: control & 1 != 0,
        discontinuity: false,
        pcr: None,
        payload: &[],
        overlong: None,
    };
    let after = bytes.get(4..).unwrap_or_default();
    if control & 2 == 0 {
        packet.payload = if packet.has_payload { after } else { &[] };
        return packet;
    }
    let length = bytes[4];
    match after.get(1..).and_then(|rest| rest.split_at_checked(usize::from(length))) {
        Some((field, payload)) => {
            adaptation(&mut packet, field);
            packet.payload = if packet.has_payload { payload } else { &[] };
        }
        None => packet.overlong = Some(length),
    }
    packet
}

fn adaptation(packet: &mut Packet<'_>, field: &[u8]) {
    let Some(flags) = field.first() else { return };
    packet.discontinuity = flags & 0x80 != 0;
    if flags & 0x10 != 0
        && let Some([a, b, c, d, e, f]) = field.get(1..7)
    {
        let base = u64::from(u32::from_be_bytes([*a, *b, *c, *d])) << 1 | u64::from(e >> 7);
        packet.pcr = Some(base * 300 + (u64::from(e & 1) << 8 | u64::from(*f)));
    }
}
