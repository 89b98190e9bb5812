//! Header and adaptation field of a transport packet.

use super::framing::PACKET_SIZE;

pub(super) const NULL_PID: u16 = 0x1fff;

/// Fields of a transport packet (ISO/IEC 13818-1 2.4.3.2, 2.4.3.4).
#[derive(Debug)]
pub(super) struct TsPacket<'a> {
    pub(super) pid: u16,
    pub(super) transport_error: bool,
    /// payload_unit_start_indicator: whether a PES packet or section begins in the transport packet.
    pub(super) unit_start: bool,
    /// Whether transport_scrambling_control of the packet isn't 0.
    pub(super) scrambled: bool,
    pub(super) counter: u8,
    /// Whether adaptation_field_control of the packet announces a payload, which may still be empty.
    pub(super) has_payload: bool,
    /// discontinuity_indicator of the packet's adaptation field.
    pub(super) discontinuity: bool,
    /// random_access_indicator of the packet's adaptation field.
    pub(super) random_access: bool,
    /// Program clock reference of the packet in ticks of 27 MHz; `None` without one.
    pub(super) pcr: Option<u64>,
    pub(super) payload: &'a [u8],
    /// adaptation_field_length, if it exceeds the packet; otherwise `None`.
    pub(super) overlong_adaptation: Option<u8>,
}

#[must_use]
#[inline]
pub(super) fn parse(bytes: &[u8; PACKET_SIZE]) -> TsPacket<'_> {
    let control = bytes[3] >> 4 & 3;
    let mut packet = TsPacket {
        pid: u16::from(bytes[1] & 0x1f) << 8 | u16::from(bytes[2]),
        transport_error: bytes[1] & 0x80 != 0,
        unit_start: bytes[1] & 0x40 != 0,
        scrambled: bytes[3] & 0xc0 != 0,
        counter: bytes[3] & 0xf,
        has_payload: control & 1 != 0,
        discontinuity: false,
        random_access: false,
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
    packet.random_access = flags & 0x40 != 0;
    if flags & 0x10 != 0
        && let Some([a, b, c, d, e, f]) = field.get(1..7)
    {
        let base = u64::from(u32::from_be_bytes([*a, *b, *c, *d])) << 1 | u64::from(e >> 7);
        packet.pcr = Some(base * 300 + (u64::from(e & 1) << 8 | u64::from(*f)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a transport packet with this header and adaptation field; its other bytes count up.
    fn packet(head: [u8; 4], field: &[u8]) -> [u8; PACKET_SIZE] {
        let mut bytes: [u8; PACKET_SIZE] = std::array::from_fn(|n| n as u8);
        bytes[..4].copy_from_slice(&head);
        bytes[4..4 + field.len()].copy_from_slice(field);
        bytes
    }

    #[test]
    fn each_field_of_the_header_has_its_bits() {
        let bytes = packet([0x47, 0x1f, 0xff, 0x10], &[]);
        let all = parse(&bytes);
        assert_eq!((all.pid, all.transport_error, all.unit_start, all.scrambled), (0x1fff, false, false, false));
        assert_eq!((all.counter, all.has_payload, all.payload), (0, true, &bytes[4..]));
        let flags = |second, fourth| {
            let bytes = packet([0x47, second, 0x01, fourth], &[0]);
            let p = parse(&bytes);
            (p.pid, p.transport_error, p.unit_start, p.scrambled, p.counter, p.has_payload)
        };
        assert_eq!(flags(0xe0, 0), (1, true, true, false, 0, false));
        assert_eq!(flags(0x40, 0x4f), (1, false, true, true, 15, false));
        assert_eq!(flags(0x81, 0x90), (0x101, true, false, true, 0, true));
        assert_eq!(flags(0x00, 0x31), (1, false, false, false, 1, true));
    }

    #[test]
    fn the_payload_begins_behind_the_adaptation_field() {
        let lengths = |control: u8, length: u8| {
            let bytes = packet([0x47, 0, 1, control], &[length, 0x80]);
            let p = parse(&bytes);
            (p.payload.len(), p.payload.first().copied(), p.discontinuity, p.overlong_adaptation)
        };
        assert_eq!(lengths(0x30, 0), (183, Some(0x80), false, None));
        assert_eq!(lengths(0x30, 1), (182, Some(6), true, None));
        assert_eq!(lengths(0x30, 182), (1, Some(187), true, None));
        assert_eq!(lengths(0x30, 183), (0, None, true, None));
        assert_eq!(lengths(0x30, 184), (0, None, false, Some(184)));
        assert_eq!(lengths(0x20, 10), (0, None, true, None), "no payload");
    }

    #[test]
    fn a_clock_reference_has_33_bits_of_base_and_9_of_extension() {
        let pcr = |field: &[u8]| parse(&packet([0x47, 0, 1, 0x30], field)).pcr;
        assert_eq!(pcr(&[7, 0x10, 0xff, 0xff, 0xff, 0xff, 0x81, 0x2b]), Some(0x1_ffff_ffff * 300 + 299));
        assert_eq!(pcr(&[7, 0x10, 0, 0, 0, 1, 0x7e, 2]), Some(2 * 300 + 2));
        assert_eq!(pcr(&[6, 0x10, 0, 0, 0, 1, 0, 2]), None, "cut off");
        assert_eq!(pcr(&[7, 0xef, 0, 0, 0, 1, 0, 2]), None, "no PCR_flag");
    }
}
