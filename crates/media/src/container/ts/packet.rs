//! Header and adaptation field of a transport packet.

use super::framing::PACKET_SIZE;

pub const NULL_PID: u16 = 0x1fff;

/// Fields of a transport packet (ISO/IEC 13818-1 2.4.3.2, 2.4.3.4).
#[derive(Debug)]
pub struct TsPacket<'a> {
    pub pid: u16,
    pub transport_error: bool,
    /// payload_unit_start_indicator.
    pub unit_start: bool,
    /// Whether transport_scrambling_control isn't 0.
    pub scrambled: bool,
    pub counter: u8,
    /// Whether adaptation_field_control announces a payload; it may still be empty.
    pub has_payload: bool,
    /// discontinuity_indicator.
    pub discontinuity: bool,
    /// Program clock reference in ticks of 27 MHz.
    pub pcr: Option<u64>,
    pub payload: &'a [u8],
    /// adaptation_field_length when it exceeds the packet.
    pub overlong_adaptation: Option<u8>,
}

#[must_use]
pub fn parse(bytes: &[u8; PACKET_SIZE]) -> TsPacket<'_> {
    let control = bytes[3] >> 4 & 3;
    let mut packet = TsPacket {
        pid: u16::from(bytes[1] & 0x1f) << 8 | u16::from(bytes[2]),
        transport_error: bytes[1] & 0x80 != 0,
        unit_start: bytes[1] & 0x40 != 0,
        scrambled: bytes[3] & 0xc0 != 0,
        counter: bytes[3] & 0xf,
        has_payload: control & 1 != 0,
        discontinuity: false,
        pcr: None,
        payload: &[],
        overlong_adaptation: None,
    };
    let after = bytes.get(4..).unwrap_or_default();
    if control & 2 == 0 {
        packet.payload = if packet.has_payload { after } else { &[] };
        return packet;
    }
    let length = bytes[4];
    match after.get(1..).and_then(|rest| rest.split_at_checked(usize::from(length))) {
        Some((field, payload)) => {
            read_adaptation_field(&mut packet, field);
            packet.payload = if packet.has_payload { payload } else { &[] };
        }
        None => packet.overlong_adaptation = Some(length),
    }
    packet
}

fn read_adaptation_field(packet: &mut TsPacket<'_>, field: &[u8]) {
    let Some(flags) = field.first() else { return };
    packet.discontinuity = flags & 0x80 != 0;
    if flags & 0x10 != 0
        && let Some([a, b, c, d, e, f]) = field.get(1..7)
    {
        let base = u64::from(u32::from_be_bytes([*a, *b, *c, *d])) << 1 | u64::from(e >> 7);
        packet.pcr = Some(base * 300 + (u64::from(e & 1) << 8 | u64::from(*f)));
    }
}
