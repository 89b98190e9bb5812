//! Address guard of the HTTP client: an exporter that fetches URLs on request must not give its callers access to the
//! internal network.

use crate::address_class::{AddressClass, classify};
use crate::facts::{Failure, FailureKind};
use packager_media::redact;
use std::net::IpAddr;
use url::{Host, Url};

/// Rules that decide to which addresses the exporter may send requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct AddressGuard {
    /// Whether requests to private and loopback addresses are allowed (`fetch.allow_private_addresses`).
    pub(crate) allow_private: bool,
}

impl AddressGuard {
    /// Checks scheme and literal IP address of a URL. A host name is checked after DNS, by
    /// [`AddressGuard::check_address`].
    pub(crate) fn check_url(self, url: &Url) -> Result<(), Failure> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused(format!("{}: only http and https URLs are fetched", redact::bounded_url(url))));
        }
        let judged = match url.host() {
            None => return Err(refused(format!("{}: no host", redact::bounded_url(url)))),
            Some(Host::Domain(_)) => Ok(()),
            Some(Host::Ipv4(ip)) => self.check_address(ip.into()),
            Some(Host::Ipv6(ip)) => self.check_address(ip.into()),
        };
        judged.map_err(|why| refused(format!("{} {why}", url.host_str().unwrap_or_default())))
    }

    /// Checks an IP address. The error says why the address is refused, as the end of a sentence that begins with the
    /// address.
    pub(crate) fn check_address(self, ip: IpAddr) -> Result<(), String> {
        match classify(ip) {
            AddressClass::Public => Ok(()),
            AddressClass::Private if self.allow_private => Ok(()),
            AddressClass::Private => {
                Err("is a private or loopback address; set fetch.allow_private_addresses to probe it".to_owned())
            }
            AddressClass::Never(what) => Err(format!("is {what}, which is never probed")),
        }
    }

    /// Returns the addresses of `host` to which requests are allowed, or the failure if all of them are refused.
    pub(crate) fn filter_addresses(self, host: &str, found: Vec<IpAddr>) -> Result<Vec<IpAddr>, Failure> {
        let mut reason = None;
        let mut kept = found;
        kept.retain(|ip| {
            let judged = self.check_address(*ip);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address_class::{LINK_LOCAL, MULTICAST, UNSPECIFIED};

    const OPEN: AddressGuard = AddressGuard { allow_private: true };
    const CLOSED: AddressGuard = AddressGuard { allow_private: false };

    fn url(guard: AddressGuard, text: &str) -> Result<(), String> {
        guard.check_url(&Url::parse(text).unwrap()).map_err(|f| f.message)
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
    fn every_block_ends_where_its_rfc_ends_it() {
        use AddressClass::{Private, Public};
        let class = |text: &str| classify(text.parse().unwrap());
        let edges = [
            ("1.0.0.0", Public),
            ("9.255.255.255", Public),
            ("10.0.0.0", Private),
            ("10.255.255.255", Private),
            ("11.0.0.0", Public),
            ("100.63.255.255", Public),
            ("100.64.0.0", Private),
            ("100.127.255.255", Private),
            ("126.255.255.255", Public),
            ("127.0.0.0", Private),
            ("128.0.0.0", Public),
            ("169.253.255.255", Public),
            ("169.254.0.0", LINK_LOCAL),
            ("169.254.255.255", LINK_LOCAL),
            ("169.255.0.0", Public),
            ("172.15.255.255", Public),
            ("172.16.0.0", Private),
            ("172.31.255.255", Private),
            ("192.168.0.0", Private),
            ("192.169.0.0", Public),
            ("198.17.255.255", Public),
            ("198.18.0.0", Private),
            ("198.19.255.255", Private),
            ("198.20.0.0", Public),
            ("223.255.255.255", Public),
            ("224.0.0.0", MULTICAST),
            ("239.255.255.255", MULTICAST),
            ("240.0.0.0", Private),
            ("255.255.255.254", Private),
            ("0.255.255.255", UNSPECIFIED),
            ("fbff::1", Public),
            ("fc00::", Private),
            ("fdff::", Private),
            ("fe7f::1", Public),
            ("fe80::", LINK_LOCAL),
            ("febf::1", LINK_LOCAL),
            ("fec0::", Private),
            ("feff::1", Private),
            ("ff00::", MULTICAST),
            ("fd00:ec1::254", Private),
            ("::1", Private),
            ("::2", UNSPECIFIED),
            ("64:ff9b:2::1", Public),
            ("2002:0a00:0001::", Private),
            ("2001:0:1::f5ff:fffe", Private),
            ("2001:1::f5ff:fffe", Public),
        ];
        for (text, expected) in edges {
            assert_eq!(class(text), expected, "{text}");
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
        assert_eq!(CLOSED.filter_addresses("h", found).unwrap(), vec!["8.8.8.8".parse::<IpAddr>().unwrap()]);
        let failure = OPEN.filter_addresses("evil.example", vec!["169.254.169.254".parse().unwrap()]).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Refused);
        assert!(failure.message.contains("evil.example resolves to 169.254.169.254"), "{}", failure.message);
    }
}
