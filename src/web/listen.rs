//! Listening addresses in the forms that Go accepts, and so Prometheus and its exporters: `:10115`, `0.0.0.0:10115`,
//! `[::]:10115`, `localhost:9115`.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use tokio::net::{TcpListener, lookup_host};

/// Listening address: host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListenAddress {
    /// Name or address of the host; IPv6 without brackets. Empty: all addresses of the machine.
    host: String,
    port: u16,
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form =
            || format!("`{text}` is not a listen address; write :10115, 0.0.0.0:10115, [::]:10115 or host:10115");
        let (host, port) = text.rsplit_once(':').ok_or_else(form)?;
        let port = port.parse().map_err(|_| form())?;
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let fits = match bare {
            Some(v6) => v6.split('%').next().is_some_and(|a| a.parse::<Ipv6Addr>().is_ok()),
            None => !host.contains([':', '/', '[', ']', ' ']),
        };
        if !fits {
            return Err(form());
        }
        Ok(Self { host: bare.unwrap_or(host).to_owned(), port })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{open}{}{close}:{}", self.host, self.port)
    }
}

impl ListenAddress {
    /// Returns host and port for a URL. If the address stands for all addresses of the machine, such as `0.0.0.0`, the
    /// result of `name` is used as the host.
    #[must_use]
    pub(crate) fn url_host(&self, name: impl FnOnce() -> String) -> String {
        let is_any = matches!(self.host.as_str(), "" | "0.0.0.0" | "::");
        if is_any { format!("{}:{}", name(), self.port) } else { self.to_string() }
    }

    /// Binds the first address of the host that can be bound. If a name has several addresses, IPv4 comes first, as in
    /// Go.
    ///
    /// # Errors
    /// Fails if the name does not resolve, or if no address can be bound. The message names the address.
    pub(crate) async fn bind(&self) -> Result<TcpListener, String> {
        let addresses = self.resolve().await.map_err(|e| format!("can't resolve listen address {self}: {e}"))?;
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in addresses {
            match TcpListener::bind(address).await {
                Ok(listener) => return Ok(listener),
                Err(error) => last = error,
            }
        }
        Err(format!("can't listen on {self}: {last}"))
    }

    async fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        if self.host.is_empty() {
            // The first also takes IPv4; the second is for kernels without IPv6.
            return Ok(vec![(Ipv6Addr::UNSPECIFIED, self.port).into(), (Ipv4Addr::UNSPECIFIED, self.port).into()]);
        }
        let mut found: Vec<SocketAddr> = lookup_host((self.host.as_str(), self.port)).await?.collect();
        found.sort_by_key(SocketAddr::is_ipv6);
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_forms_are_read_and_others_refused_with_the_forms() {
        for good in [":10115", "0.0.0.0:10115", "[::]:10115", "localhost:9", "[fe80::1%eth0]:1"] {
            assert_eq!(good.parse::<ListenAddress>().unwrap().to_string(), good);
        }
        for bad in ["10115", "", ":", ":http", ":70000", "::1:9", "http://x:9", "[::1:9", "[x]:9", "a b:9"] {
            let error = bad.parse::<ListenAddress>().unwrap_err();
            assert!(error.contains("[::]:10115"), "{error}");
        }
    }

    #[tokio::test]
    async fn an_empty_host_takes_ipv4_and_a_taken_port_is_named() {
        let listener = ":0".parse::<ListenAddress>().unwrap().bind().await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let again: ListenAddress = format!("localhost:{port}").parse().unwrap();
        assert!(again.bind().await.unwrap_err().contains(&format!("can't listen on localhost:{port}: ")));
    }
}
