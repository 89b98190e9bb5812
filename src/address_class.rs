//! Classes of IP addresses. The class of an address decides whether the exporter's address guard allows a request to
//! it; the catalogue refuses URLs with an address to which no setting allows a request.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Class of an IP address, which decides whether the exporter may send requests to the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AddressClass {
    Public,
    /// A private, loopback or unique-local address. Requests are allowed only if `fetch.allow_private_addresses` is
    /// true.
    Private,
    /// An address to which no setting allows a request, such as a link-local one. The text names the kind of address
    /// for error messages.
    Never(&'static str),
}

pub(crate) const LINK_LOCAL: AddressClass = AddressClass::Never("a link-local address");
pub(crate) const METADATA: AddressClass = AddressClass::Never("a cloud metadata address");
pub(crate) const MULTICAST: AddressClass = AddressClass::Never("a multicast address");
pub(crate) const UNSPECIFIED: AddressClass = AddressClass::Never("an unspecified address");

/// IPv4 addresses of cloud metadata services outside the link-local range: Alibaba, Oracle, Azure.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192), Ipv4Addr::new(168, 63, 129, 16)];

/// Returns the class of an IP address. An IPv6 address that contains an IPv4 address has the class of the IPv4 address.
pub(crate) fn classify(ip: IpAddr) -> AddressClass {
    match ip {
        IpAddr::V4(v4) => classify_v4(v4),
        IpAddr::V6(v6) => embedded_v4(v6).map_or_else(|| classify_v6(v6), classify_v4),
    }
}

fn classify_v4(ip: Ipv4Addr) -> AddressClass {
    match ip.octets() {
        _ if METADATA_V4.contains(&ip) => METADATA,
        [169, 254, 169, 254] => METADATA,
        [169, 254, ..] => LINK_LOCAL,
        [0, ..] => UNSPECIFIED,
        [224..=239, ..] => MULTICAST,
        [255, 255, 255, 255] => AddressClass::Never("the broadcast address"),
        [10 | 127, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => AddressClass::Private,
        // Reserved (RFC 1112 4) and benchmarking (RFC 2544) blocks: some networks use them internally, the Internet
        // never does.
        [240..=255, ..] | [198, 18 | 19, ..] => AddressClass::Private,
        _ => AddressClass::Public,
    }
}

fn classify_v6(ip: Ipv6Addr) -> AddressClass {
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => UNSPECIFIED,
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressClass::Private,
        // AWS instance services (metadata, time, pod identity) and Google's metadata server.
        [0xfd00, 0x0ec2, ..] | [0xfd20, 0x00ce, ..] => METADATA,
        [0xfe80..=0xfebf, ..] => LINK_LOCAL,
        [0xfec0..=0xfeff, ..] | [0xfc00..=0xfdff, ..] => AddressClass::Private,
        [0xff00..=0xffff, ..] => MULTICAST,
        _ => AddressClass::Public,
    }
}

/// Returns the IPv4 address inside of an IPv6 address of a transition format, to which a gateway would forward; `None`
/// for other addresses. The formats are mapped and compatible (RFC 4291 2.5.5), translated (RFC 2765 2.1), NAT64 (RFC
/// 6052 2.1, RFC 8215), 6to4 (RFC 3056 2) and Teredo (RFC 4380 4).
fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, a, b] | [0, 0, 0, 0, 0xffff, 0, a, b] => Some(v4(a, b)),
        [0x64, 0xff9b, 0 | 1, _, _, _, a, b] => Some(v4(a, b)),
        [0x2002, a, b, ..] => Some(v4(a, b)),
        [0x2001, 0, _, _, _, _, a, b] => Some(v4(!a, !b)),
        _ => None,
    }
}
