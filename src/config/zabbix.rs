//! Settings of the Zabbix output, which sends alerts as trapper values.

use crate::document::{Fault, Node};
use serde::{Deserialize, Serialize};

const PORT: u16 = 10_051;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ZabbixSettings {
    /// Trapper address of the Zabbix server or proxy, such as `zabbix.internal:10051`. `None`: nothing is sent.
    pub server: Option<String>,
    /// Name of the Zabbix host that the exporter's Zabbix template is linked to.
    pub host: String,
    /// Largest number of notifications that wait while Zabbix is unreachable. Further ones are refused, and
    /// Alertmanager sends them again.
    pub queue_notifications: usize,
}

impl Default for ZabbixSettings {
    fn default() -> Self {
        Self { server: None, host: "packager_exporter".to_owned(), queue_notifications: 10_000 }
    }
}

impl ZabbixSettings {
    /// Returns host and port of the Zabbix server. `None`: the server is unset or its address is invalid.
    #[must_use]
    pub fn address(&self) -> Option<(String, u16)> {
        let server = self.server.as_deref()?;
        match server.rsplit_once(':') {
            Some((host, port)) if !host.ends_with(':') => Some((without_brackets(host).to_owned(), port.parse().ok()?)),
            _ => Some((without_brackets(server).to_owned(), PORT)),
        }
    }

    pub(super) fn faults(&self, root: &Node) -> Vec<Fault> {
        let path = |key| ["zabbix", key];
        let mut faults = Vec::new();
        if self.server.is_some() && self.address().is_none_or(|(host, _)| host.is_empty() || host.contains('/')) {
            faults.push(super::fault_at(root, &path("server"), "write host:10051".to_owned()));
        }
        if self.host.is_empty() || self.host.len() > 128 {
            faults.push(super::fault_at(root, &path("host"), "must be 1 to 128 characters".to_owned()));
        }
        if !(1..=1_000_000).contains(&self.queue_notifications) {
            faults.push(super::fault_at(root, &path("queue_notifications"), "must be 1 to 1000000".to_owned()));
        }
        faults
    }
}

fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_may_be_left_out() {
        let of =
            |server: &str| ZabbixSettings { server: Some(server.to_owned()), ..ZabbixSettings::default() }.address();
        assert_eq!(of("zabbix.internal"), Some(("zabbix.internal".to_owned(), 10_051)));
        assert_eq!(of("10.0.0.1:20051"), Some(("10.0.0.1".to_owned(), 20_051)));
        assert_eq!(of("[fd00::1]:10051"), Some(("fd00::1".to_owned(), 10_051)));
        assert_eq!(of("zabbix:http"), None);
    }
}
