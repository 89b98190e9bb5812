//! Trusted proxies: reverse proxies that log people in, and name user and groups in headers. Headers count only from
//! configured addresses.

use super::{AuthFailure, is_name};
use crate::web::api::Role;
use http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Section `api.trusted_proxies` of the web configuration.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ProxyConfig {
    /// Addresses and networks of the proxies.
    pub(crate) addresses: Vec<String>,
    /// Header with the name of the user.
    pub(crate) user_header: Option<String>,
    /// Header with the user's groups, separated by commas.
    pub(crate) groups_header: Option<String>,
    /// Role of each group. A user in none of them has the role that `api.roles` gives the user, or `read`.
    pub(crate) group_roles: BTreeMap<String, Role>,
}

/// The section [`ProxyConfig`] after its addresses and header names were checked and parsed.
#[derive(Debug)]
pub(crate) struct TrustedProxies {
    networks: Vec<IpNet>,
    user_header: HeaderName,
    groups_header: HeaderName,
    group_roles: BTreeMap<String, Role>,
}

/// Returns a user of trusted proxies as name and role, or the reason why the headers are refused.
pub(crate) type ProxyUser = Result<(String, Role), AuthFailure>;

impl TrustedProxies {
    /// Checks the section of the web configuration.
    ///
    /// # Errors
    /// Fails if there is no address, or if an address or a header's name is malformed.
    pub(crate) fn new(config: &ProxyConfig) -> Result<Self, String> {
        if config.addresses.is_empty() {
            return Err("api.trusted_proxies: `addresses` is missing; list the addresses of the proxies".to_owned());
        }
        let networks = config.addresses.iter().map(|text| network(text)).collect::<Result<_, _>>()?;
        let header = |name: &Option<String>, default: &str| {
            let name = name.as_deref().unwrap_or(default);
            name.parse().map_err(|_| format!("api.trusted_proxies: `{name}` is not a header's name"))
        };
        Ok(Self {
            networks,
            user_header: header(&config.user_header, "X-Forwarded-User")?,
            groups_header: header(&config.groups_header, "X-Forwarded-Groups")?,
            group_roles: config.group_roles.clone(),
        })
    }

    /// Reads the user whom a proxy names. `None`: the request has no header with a user. `roles` has the roles of users
    /// by name.
    pub(crate) fn user(
        &self,
        peer: Option<IpAddr>,
        headers: &HeaderMap,
        roles: &BTreeMap<String, Role>,
    ) -> Option<ProxyUser> {
        if !headers.contains_key(&self.user_header) && !headers.contains_key(&self.groups_header) {
            return None;
        }
        if !peer.is_some_and(|peer| self.networks.iter().any(|network| network.contains(&peer))) {
            return Some(Err(AuthFailure::UntrustedProxy));
        }
        let mut users = headers.get_all(&self.user_header).iter();
        let user = users.next().and_then(|value| std::str::from_utf8(value.as_bytes()).ok()).map(str::trim);
        let Some(user) = user.filter(|user| is_name(user)) else { return Some(Err(AuthFailure::UntrustedProxy)) };
        if users.next().is_some() {
            // The proxy passed on a header of the client beside its own.
            return Some(Err(AuthFailure::UntrustedProxy));
        }
        let groups = headers.get_all(&self.groups_header).iter().filter_map(|value| value.to_str().ok());
        let groups = groups.flat_map(|value| value.split(',')).map(str::trim);
        let by_group = groups.filter_map(|group| self.group_roles.get(group).copied()).max();
        let role = by_group.max(roles.get(user).copied()).unwrap_or(Role::Read);
        Some(Ok((user.to_owned(), role)))
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address.or_else(|_| text.parse::<IpNet>()).map_err(|_| {
        format!("api.trusted_proxies: `{text}` is not an address such as 10.0.0.5 or a network such as 10.0.0.0/24")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies() -> TrustedProxies {
        let addresses = vec!["127.0.0.1".to_owned(), "10.1.0.0/16".to_owned(), "fd00::/8".to_owned()];
        let group_roles = [("noc".to_owned(), Role::Operate), ("admins".to_owned(), Role::Admin)].into();
        TrustedProxies::new(&ProxyConfig { addresses, group_roles, ..ProxyConfig::default() }).unwrap()
    }

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        map
    }

    #[test]
    fn a_user_has_the_highest_role_of_name_and_groups_or_reads() {
        let roles = BTreeMap::from([("lan".to_owned(), Role::Operate)]);
        let role = |user: &str, groups: &str| {
            let headers = headers(&[("x-forwarded-user", user), ("x-forwarded-groups", groups)]);
            proxies().user(Some([10, 1, 2, 3].into()), &headers, &roles).unwrap().unwrap()
        };
        assert_eq!(role("minh", ""), ("minh".to_owned(), Role::Read));
        assert_eq!(role("lan", "staff").1, Role::Operate);
        assert_eq!(role("lan", "staff, admins").1, Role::Admin);
        assert_eq!(role("minh", "noc").1, Role::Operate);
    }

    #[test]
    fn a_header_of_another_address_or_with_two_users_is_refused() {
        let user = |peer: [u8; 4], fields: &[(&'static str, &str)]| {
            proxies().user(Some(peer.into()), &headers(fields), &BTreeMap::new())
        };
        let refused = Some(Err(AuthFailure::UntrustedProxy));
        assert_eq!(user([10, 2, 0, 1], &[("x-forwarded-user", "lan")]), refused);
        assert_eq!(user([10, 2, 0, 1], &[("x-forwarded-groups", "admins")]), refused);
        assert_eq!(user([127, 0, 0, 1], &[("x-forwarded-user", "lan"), ("x-forwarded-user", "minh")]), refused);
        assert_eq!(user([127, 0, 0, 1], &[("x-forwarded-groups", "admins")]), refused, "groups of nobody");
        assert_eq!(user([127, 0, 0, 1], &[("x-forwarded-user", " ")]), refused);
        assert_eq!(user([10, 2, 0, 1], &[]), None);
        assert!(proxies().user(None, &headers(&[("x-forwarded-user", "lan")]), &BTreeMap::new()).unwrap().is_err());
    }

    #[test]
    fn a_malformed_section_is_refused_with_its_reason() {
        let check = |addresses: &[&str], header: Option<&str>| {
            let addresses = addresses.iter().map(|text| (*text).to_owned()).collect();
            let user_header = header.map(str::to_owned);
            TrustedProxies::new(&ProxyConfig { addresses, user_header, ..ProxyConfig::default() }).map(|_| ())
        };
        assert_eq!(check(&["10.0.0.0/24"], Some("Remote-User")), Ok(()));
        assert!(check(&[], None).unwrap_err().contains("`addresses` is missing"));
        assert!(check(&["proxy.example"], None).unwrap_err().contains("`proxy.example` is not an address"));
        assert!(check(&["10.0.0.1"], Some("a b")).unwrap_err().contains("`a b` is not a header's name"));
    }
}
