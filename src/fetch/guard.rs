//! Which addresses may be asked: an exporter that fetches by request must not become a door into the network.

use crate::facts::{Failure, FailureKind};
use packager_media::redact;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

#[derive(Debug, Clone, Copy)]
pub(super) struct Guard {
    pub allow_private: bool,
}

/// What an address belongs to, as far as the guard cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Public,
    Private,
    Never(&'static str),
}

const LINK_LOCAL: Reach = Reach::Never("a link-local address");
const METADATA: Reach = Reach::Never("a cloud metadata address");
const MULTICAST: Reach = Reach::Never("a multicast address");
const UNSPECIFIED: Reach = Reach::Never("an unspecified address");

/// Platform services outside the link-local range: Alibaba, Oracle, Azure.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192), Ipv4Addr::new(168, 63, 129, 16)];

impl Guard {
    /// Scheme and host of a URL; a host that is a name is judged after DNS, by [`Guard::address`].
    pub fn url(self, url: &Url) -> Result<(), Failure> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused(format!("{}: only http and https are fetched", redact::bounded_url(url))));
        }
        let judged = match url.host() {
            None => return Err(refused(format!("{}: no host", redact::bounded_url(url)))),
            Some(Host::Domain(_)) => Ok(()),
            Some(Host::Ipv4(ip)) => self.address(ip.into()),
            Some(Host::Ipv6(ip)) => self.address(ip.into()),
        };
        judged.map_err(|why| refused(format!("{} {why}", url.host_str().unwrap_or_default())))
    }

    /// `Err` says why not, to follow the address in a sentence.
    pub fn address(self, ip: IpAddr) -> Result<(), String> {
        match reach(ip) {
            Reach::Public => Ok(()),
            Reach::Private if self.allow_private => Ok(()),
            Reach::Private => {
                Err("is a private or loopback address; set fetch.allow_private_addresses to probe it".to_owned())
            }
            Reach::Never(what) => Err(format!("is {what}, which is never probed")),
        }
    }

    /// The addresses of `host` that may be asked; refused when there were some and none may.
    pub fn filter(self, host: &str, found: Vec<IpAddr>) -> Result<Vec<IpAddr>, Failure> {
        let mut reason = None;
        let mut kept = found;
        kept.retain(|ip| {
            let judged = self.address(*ip);
            let fine = judged.is_ok();
            reason = reason.take().or(judged.err().map(|why| format!("{host} resolves to {ip}, which {why}")));
            fine
        });
        match reason {
            Some(why) if kept.is_empty() => Err(refused(why)),
            _ => Ok(kept),
        }
    }
}

fn refused(why: String) -> Failure {
    Failure { kind: FailureKind::Refused, message: format!("refused: {why}") }
}

fn reach(ip: IpAddr) -> Reach {
    match ip {
        IpAddr::V4(v4) => reach_v4(v4),
        IpAddr::V6(v6) => embedded(v6).map_or_else(|| reach_v6(v6), reach_v4),
    }
}

fn reach_v4(ip: Ipv4Addr) -> Reach {
    match ip.octets() {
        _ if METADATA_V4.contains(&ip) => METADATA,
        [169, 254, 169, 254] => METADATA,
        [169, 254, ..] => LINK_LOCAL,
        [0, ..] => UNSPECIFIED,
        [224..=239, ..] => MULTICAST,
        [255, 255, 255, 255] => Reach::Never("the broadcast address"),
        [10 | 127, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Reach::Private,
        // Reserved (RFC 1112 4) and benchmarking (RFC 2544) blocks: in use inside some networks, never on the Internet.
        [240..=255, ..] | [198, 18 | 19, ..] => Reach::Private,
        _ => Reach::Public,
    }
}

fn reach_v6(ip: Ipv6Addr) -> Reach {
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => UNSPECIFIED,
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Private,
        // AWS instance services (metadata, time, pod identity) and Google's metadata server.
        [0xfd00, 0x0ec2, ..] | [0xfd20, 0x00ce, ..] => METADATA,
        [0xfe80..=0xfebf, ..] => LINK_LOCAL,
        [0xfec0..=0xfeff, ..] | [0xfc00..=0xfdff, ..] => Reach::Private,
        [0xff00..=0xffff, ..] => MULTICAST,
        _ => Reach::Public,
    }
}

/// The IPv4 address that a transition format carries and a gateway would unpack: mapped and compatible (RFC 4291
/// 2.5.5), translated (RFC 2765 2.1), NAT64 (RFC 6052 2.1, RFC 8215), 6to4 (RFC 3056 2), Teredo (RFC 4380 4).
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Guard = Guard { allow_private: true };
    const CLOSED: Guard = Guard { allow_private: false };

    fn url(guard: Guard, text: &str) -> Result<(), String> {
        guard.url(&Url::parse(text).unwrap()).map_err(|f| f.message)
    }

    #[test]
    fn metadata_and_link_local_are_refused_however_they_are_written() {
        for host in [
            "169.254.169.254",
            "0xa9fea9fe",
            "2852039166",
            "0251.0376.0251.0376",
            "169.254.1",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "[fd20:ce::254]",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "[::ffff:169.254.169.254]",
            "[::ffff:0:169.254.169.254]",
            "[::169.254.169.254]",
            "[64:ff9b::a9fe:a9fe]",
            "[64:ff9b:1::a9fe:a9fe]",
            "[2002:a9fe:a9fe::1]",
            "[2001:0:1:2:3:4:5601:5601]",
            "0.0.0.0",
            "0.1.2.3",
            "[::]",
            "224.0.0.1",
            "[ff02::1]",
            "255.255.255.255",
        ] {
            assert!(url(OPEN, &format!("http://{host}/")).is_err(), "{host}");
        }
    }

    #[test]
    fn private_addresses_need_the_setting() {
        for host in [
            "127.0.0.1",
            "127.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "[::1]",
            "[fc00::1]",
            "[fdff::1]",
            "[::ffff:10.0.0.1]",
            "[64:ff9b::7f00:1]",
        ] {
            let at = format!("http://{host}/");
            assert_eq!(url(OPEN, &at), Ok(()), "{host}");
            assert!(url(CLOSED, &at).unwrap_err().contains("fetch.allow_private_addresses"), "{host}");
        }
    }

    #[test]
    fn public_neighbours_of_private_blocks_pass() {
        for host in [
            "8.8.8.8",
            "172.15.0.1",
            "172.32.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "192.167.0.1",
            "[2600::1]",
            "a.example",
        ] {
            assert_eq!(url(CLOSED, &format!("https://{host}/")), Ok(()), "{host}");
        }
    }

    #[test]
    fn other_schemes_are_refused() {
        assert!(url(OPEN, "file:///etc/passwd").unwrap_err().contains("only http and https"));
        assert!(url(OPEN, "ftp://h/").is_err());
    }

    #[test]
    fn a_name_loses_its_refused_addresses_and_keeps_the_others() {
        let found: Vec<IpAddr> = vec!["169.254.169.254".parse().unwrap(), "8.8.8.8".parse().unwrap()];
        assert_eq!(CLOSED.filter("h", found).unwrap(), vec!["8.8.8.8".parse::<IpAddr>().unwrap()]);
        let failure = OPEN.filter("evil.example", vec!["169.254.169.254".parse().unwrap()]).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Refused);
        assert!(failure.message.contains("evil.example resolves to 169.254.169.254"), "{}", failure.message);
    }
}
