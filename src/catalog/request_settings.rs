//! How a channel's servers are asked: what is sent to them, and by which way connections reach them.

use super::{UrlSigning, show};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use url::{Host, Url};

/// Settings of the requests to a channel's servers. An output's settings are laid over its channel's, and these over the
/// template's ([`RequestSettings::over`]).
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize)]
pub struct RequestSettings {
    #[serde(serialize_with = "show::headers", skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    #[serde(rename = "signed_url", skip_serializing_if = "Option::is_none")]
    pub signing: Option<UrlSigning>,
    /// Origin of the page that players run on: the header Origin of every request, to whatever server. `None`: requests have none.
    #[serde(skip)]
    pub page_origin: Option<String>,
    #[serde(flatten)]
    pub connection: ConnectionSettings,
}

/// How connections to a channel's servers are opened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
pub struct ConnectionSettings {
    /// Address that is connected to instead of the one that DNS has for the host of the output's URL. `None`: DNS decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_to: Option<ConnectTo>,
    /// Name that is sent in SNI and that the server's certificate must have, instead of the host of the output's URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// Host of the output's URL: `connect_to` and `server_name` hold for it alone. `None`: they hold for no host.
    #[serde(skip)]
    pub own_host: Option<String>,
    /// Port of the output's URL: the port of `connect_to` replaces it and no other. `None`: it replaces every port.
    #[serde(skip)]
    pub own_port: Option<u16>,
    /// File of certificates (PEM) that are trusted beside the system's.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "show::optional_path")]
    pub ca_file: Option<PathBuf>,
    /// The client's certificate and its key, for the channel's own servers.
    #[serde(flatten)]
    pub identity: Option<ClientIdentity>,
    /// `Some(true)`: the server's certificate isn't verified, which every report says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insecure_skip_verify: Option<bool>,
    /// Proxy of the requests. `None`: none, whatever the environment of the process says.
    #[serde(flatten)]
    pub proxy: Option<ProxySettings>,
    /// Kind of address that a host's name may stand for. `None`: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_protocol: Option<IpProtocol>,
    /// Address of this machine from which connections are opened. `None`: the system's choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_address: Option<IpAddr>,
}

/// Credentials in the header Authorization.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Auth {
    Basic { username: String, password: String },
    Bearer { token: String },
}

/// Files of a client's certificate and of its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct ClientIdentity {
    #[serde(serialize_with = "show::path")]
    pub cert_file: PathBuf,
    #[serde(serialize_with = "show::path")]
    pub key_file: PathBuf,
}

/// A proxy, the hosts that are asked without it, and the name and password that it wants.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct ProxySettings {
    /// `http://host:port` or `socks5://host:port`, without credentials.
    pub proxy_url: Url,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_auth: Option<Auth>,
    /// Hosts that are asked directly: names (which include the names below them), addresses, networks, or `*`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub no_proxy: Vec<String>,
}

/// Kind of address that a host's name may stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IpProtocol {
    Ip4,
    Ip6,
    Any,
}

/// A host to connect to, with the port if it is another than the URL's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ConnectTo {
    pub host: Host,
    pub port: Option<u16>,
}

impl ConnectTo {
    /// Parses `10.0.0.11:443`, `[2001:db8::1]:443`, `edge-1.internal:8443`, or any of them without the port.
    ///
    /// # Errors
    /// Returns what must be written instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "must be an address or a host name, such as 10.0.0.11:443, [2001:db8::1]:443 or edge-1.internal";
        if let Ok(address) = text.parse::<std::net::Ipv6Addr>() {
            return Ok(Self { host: Host::Ipv6(address), port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (text, None),
        };
        let port = port.map(str::parse::<u16>).transpose().map_err(|_| wrong())?;
        let is_port = port.is_none_or(|port| port > 0);
        let host = Host::parse(host).map_err(|_| wrong())?;
        if is_port { Ok(Self { host, port }) } else { Err(wrong().to_owned()) }
    }

    /// The address to connect to. `None`: the host is a name.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self.host {
            Host::Ipv4(ip) => Some(ip.into()),
            Host::Ipv6(ip) => Some(ip.into()),
            Host::Domain(_) => None,
        }
    }
}

impl fmt::Display for ConnectTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl Serialize for ConnectTo {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl RequestSettings {
    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The value of the custom header `name`, in lower case. `None` without one.
    #[must_use]
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
    }

    /// A copy for hosts other than the channel's own: without custom headers and without credentials.
    #[must_use]
    pub fn without_secrets(&self) -> Self {
        let connection = ConnectionSettings { identity: None, ..self.connection.clone() };
        Self { headers: Vec::new(), auth: None, signing: None, connection, ..self.clone() }
    }

    /// Returns these settings, with the values of `base` for settings that are not set here. A header of `base` stays
    /// unless these settings have a header of the same name. A header Authorization or User-Agent of these settings
    /// replaces the credentials or the user agent of `base`.
    #[must_use]
    pub fn over(&self, base: &Self) -> Self {
        let has = |name: &str| self.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        let inherited = base.headers.iter().filter(|(name, _)| !has(name));
        Self {
            headers: self.headers.iter().chain(inherited).cloned().collect(),
            user_agent: self.user_agent.clone().or_else(|| base.user_agent.clone().filter(|_| !has("user-agent"))),
            auth: self.auth.clone().or_else(|| base.auth.clone().filter(|_| !has("authorization"))),
            signing: self.signing.clone().or_else(|| base.signing.clone()),
            page_origin: self.page_origin.clone().or_else(|| base.page_origin.clone()),
            connection: self.connection.over(&base.connection),
        }
    }

    /// Returns whether `self` and `other` send the same credentials and custom headers: authorization, tokens of signed
    /// URLs and client certificate included.
    #[must_use]
    pub fn shares_secrets_with(&self, other: &Self) -> bool {
        self.headers == other.headers
            && self.auth == other.auth
            && self.signing == other.signing
            && self.connection.identity == other.connection.identity
    }
}

impl ConnectionSettings {
    fn over(&self, base: &Self) -> Self {
        Self {
            connect_to: self.connect_to.clone().or_else(|| base.connect_to.clone()),
            server_name: self.server_name.clone().or_else(|| base.server_name.clone()),
            own_host: self.own_host.clone().or_else(|| base.own_host.clone()),
            own_port: self.own_port.or(base.own_port),
            ca_file: self.ca_file.clone().or_else(|| base.ca_file.clone()),
            identity: self.identity.clone().or_else(|| base.identity.clone()),
            insecure_skip_verify: self.insecure_skip_verify.or(base.insecure_skip_verify),
            proxy: self.proxy.clone().or_else(|| base.proxy.clone()),
            ip_protocol: self.ip_protocol.or(base.ip_protocol),
            source_address: self.source_address.or(base.source_address),
        }
    }

    /// Returns the settings that apply to a connection to the host of `url`; the other settings are unset. `trusted`
    /// says whether the host may get the channel's credentials, which include the client's certificate.
    #[must_use]
    pub fn for_url(&self, url: &Url, trusted: bool) -> Self {
        let mut own = self.clone();
        if self.own_host.as_deref().is_none_or(|host| Some(host) != url.host_str()) {
            (own.connect_to, own.server_name, own.own_host) = (None, None, None);
        }
        if !trusted {
            own.identity = None;
        }
        if url.scheme() != "https" {
            (own.server_name, own.ca_file, own.identity, own.insecure_skip_verify) = (None, None, None, None);
        }
        if own.connect_to.is_none() && own.server_name.is_none() {
            own.own_host = None;
        }
        if own.connect_to.as_ref().is_none_or(|other| other.port.is_none()) {
            own.own_port = None;
        }
        own
    }

    /// Returns the host and port to which a connection for `url` is opened. If `url` has the host of the output's URL,
    /// the host of `connect_to` replaces it. The port of `connect_to` replaces only the port of the output's URL: a
    /// `url` with another port keeps its port. An IPv6 address is in brackets.
    #[must_use]
    pub fn target(&self, url: &Url) -> (String, u16) {
        let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
        let is_own = self.own_host.as_deref() == Some(host);
        match self.connect_to.as_ref().filter(|_| is_own) {
            Some(other) => {
                let replacing = other.port.filter(|_| self.own_port.is_none_or(|own| own == port));
                (other.host.to_string(), replacing.unwrap_or(port))
            }
            None => (host.to_owned(), port),
        }
    }

    /// Whether the server's certificate isn't verified.
    #[must_use]
    pub fn is_insecure(&self) -> bool {
        self.insecure_skip_verify == Some(true)
    }
}

/// Header values may be secrets, so only the names of headers are printed.
impl fmt::Debug for RequestSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&String> = self.headers.iter().map(|(name, _)| name).collect();
        let mut shown = f.debug_struct("RequestSettings");
        shown.field("headers", &headers).field("user_agent", &self.user_agent);
        shown.field("auth", &self.auth).field("signing", &self.signing).field("connection", &self.connection).finish()
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic { .. } => "Basic(<secret>)",
            Self::Bearer { .. } => "Bearer(<secret>)",
        })
    }
}

impl Serialize for Auth {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str("<secret>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_to_connect_to_has_a_host_and_perhaps_a_port() {
        for text in ["10.0.0.11:443", "10.0.0.11", "[2001:db8::1]:8443", "[2001:db8::1]", "edge-1.internal:80", "edge"]
        {
            assert_eq!(ConnectTo::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(ConnectTo::parse("2001:db8::1").unwrap().to_string(), "[2001:db8::1]");
        for text in
            ["", ":443", "10.0.0.11:", "10.0.0.11:0", "10.0.0.11:65536", "a b", "http://a", "a/b", "[::1", "1:2:3"]
        {
            assert!(ConnectTo::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn settings_hold_where_they_are_meant() {
        let connection = ConnectionSettings {
            connect_to: Some(ConnectTo::parse("10.0.0.11").unwrap()),
            server_name: Some("origin".to_owned()),
            own_host: Some("live.example".to_owned()),
            identity: Some(ClientIdentity { cert_file: "c".into(), key_file: "k".into() }),
            insecure_skip_verify: Some(true),
            source_address: Some("10.0.0.1".parse().unwrap()),
            ..ConnectionSettings::default()
        };
        let at = |url: &str, trusted| connection.for_url(&Url::parse(url).unwrap(), trusted);
        assert_eq!(at("https://live.example:8443/x", true), connection);
        assert!(at("https://live.example/", false).identity.is_none());
        let other = at("https://cdn.example/", false);
        assert!(other.connect_to.is_none() && other.server_name.is_none() && other.is_insecure());
        assert_eq!(other.source_address, connection.source_address);
        let plain = at("http://live.example/", true);
        assert!(plain.connect_to.is_some() && plain.server_name.is_none() && !plain.is_insecure());
    }

    #[test]
    fn what_is_nearer_to_the_output_wins() {
        let bearer = Some(Auth::Bearer { token: "t".to_owned() });
        let base = RequestSettings {
            headers: vec![("X-A".into(), "1".into()), ("X-B".into(), "1".into())],
            user_agent: Some("base".to_owned()),
            auth: bearer.clone(),
            connection: ConnectionSettings { insecure_skip_verify: Some(true), ..ConnectionSettings::default() },
            ..RequestSettings::default()
        };
        let own = RequestSettings {
            headers: vec![("x-a".into(), "2".into())],
            connection: ConnectionSettings { insecure_skip_verify: Some(false), ..ConnectionSettings::default() },
            ..RequestSettings::default()
        };
        let both = own.over(&base);
        assert_eq!(both.headers, [("x-a".into(), "2".into()), ("X-B".into(), "1".into())]);
        assert_eq!((both.user_agent.as_deref(), both.auth.clone()), (Some("base"), bearer));
        assert!(!both.connection.is_insecure() && !both.shares_secrets_with(&own));
    }
}
