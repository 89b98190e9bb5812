//! Numbers of channels by state, severity and tier, and what the exporter is connected to.

use super::status::{ChannelState, ChannelStates, StatusSource, state_at, worst};
use crate::catalog::Channel;
use crate::finding::Severity;
use crate::rfc3339;
use crate::service_contact::ServiceContact;
use packager_media::units::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Numbers of channels for the overview on the web page.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = ChannelSummary)]
pub(crate) struct Summary {
    pub(crate) source: StatusSource,
    /// Version of the exporter that answers.
    #[schema(value_type = String)]
    pub(crate) version: &'static str,
    /// Number of channels in the catalogue, disabled ones included.
    pub(crate) total: u32,
    /// Number of enabled channels.
    pub(crate) active: u32,
    /// Number of enabled channels in 4K.
    pub(crate) is_4k: u32,
    pub(crate) states: StateCounts,
    /// Numbers of channels by the severity of their worst failed check.
    pub(crate) severities: SeverityCounts,
    /// Numbers of enabled channels by tier. Channels without a tier are not counted.
    #[schema(value_type = BTreeMap<String, u32>)]
    pub(crate) tiers: BTreeMap<u32, u32>,
    /// Start of the newest probe of any channel; `null` before the first probe.
    #[serde(serialize_with = "rfc3339::optional::serialize")]
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub(crate) heard_at: Option<Timestamp>,
    /// Whether the exporter has a database. Without a database it knows no alerts.
    pub(crate) has_database: bool,
    /// Whether --alertmanager.url is set. Without it an acknowledgement sets no silence.
    pub(crate) has_alertmanager: bool,
    /// Contact with Alertmanager, which is asked every few seconds if there is a database; `null` if --alertmanager.url is not set.
    #[schema(required)]
    pub(crate) alertmanager: Option<ServiceContact>,
    /// Contact with Prometheus, which is asked for charts only; `null` if --prometheus.url is not set.
    #[schema(required)]
    pub(crate) prometheus: Option<ServiceContact>,
    /// Beginning of the addresses of `/probe` and `/logs` for a browser: the prefix of paths, perhaps empty, if the address that
    /// answers serves them, else the external URL of the exporter. `null` if the API has an address of its own and
    /// --web.external-url is not set.
    #[schema(required)]
    pub(crate) probing_base: Option<String>,
    /// URL of Grafana for a browser, without a slash at its end; `null` if --grafana.url is not set. The dashboard of a channel is at
    /// `/d/packager-channel?var-channel=CODE` there.
    #[schema(required)]
    pub(crate) grafana: Option<String>,
    /// Name of the installation, by which people tell its page from others; `null` if --web.page-title is not set.
    #[schema(required)]
    pub(crate) installation: Option<String>,
}

/// Numbers of channels by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct StateCounts {
    pub(crate) up: u32,
    pub(crate) degraded: u32,
    pub(crate) down: u32,
    pub(crate) unknown: u32,
    pub(crate) disabled: u32,
}

/// Numbers of channels by the severity of their worst failed check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct SeverityCounts {
    pub(crate) critical: u32,
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) warning: u32,
}

impl ChannelStates {
    /// Counts `channels` by their states at the time `now`.
    pub(crate) fn summary<'a>(&self, channels: impl Iterator<Item = &'a Channel>, now: Timestamp) -> Summary {
        let mut summary = Summary {
            source: StatusSource::Memory,
            version: env!("CARGO_PKG_VERSION"),
            total: 0,
            active: 0,
            is_4k: 0,
            states: StateCounts::default(),
            severities: SeverityCounts::default(),
            tiers: BTreeMap::new(),
            heard_at: None,
            has_database: false,
            has_alertmanager: false,
            alertmanager: None,
            prometheus: None,
            probing_base: None,
            grafana: None,
            installation: None,
        };
        for channel in channels {
            let known = self.known(&channel.code, now);
            let state = state_at(channel, known, now);
            summary.add(channel, state);
            summary.heard_at = summary.heard_at.max(known.map(|known| known.heard_at));
            let current = known.map(|known| known.status).filter(|status| ChannelState::from(status.state) == state);
            if let Some(severity) = current.and_then(worst) {
                *summary.severities.of(severity) += 1;
            }
        }
        summary
    }
}

impl Summary {
    fn add(&mut self, channel: &Channel, state: ChannelState) {
        self.total += 1;
        *self.states.of(state) += 1;
        if state == ChannelState::Disabled {
            return;
        }
        self.active += 1;
        self.is_4k += u32::from(channel.is_4k);
        if let Some(tier) = channel.tier {
            *self.tiers.entry(tier).or_default() += 1;
        }
    }
}

impl StateCounts {
    fn of(&mut self, state: ChannelState) -> &mut u32 {
        match state {
            ChannelState::Up => &mut self.up,
            ChannelState::Degraded => &mut self.degraded,
            ChannelState::Down => &mut self.down,
            ChannelState::Unknown => &mut self.unknown,
            ChannelState::Disabled => &mut self.disabled,
        }
    }
}

impl SeverityCounts {
    fn of(&mut self, severity: Severity) -> &mut u32 {
        match severity {
            Severity::Critical => &mut self.critical,
            Severity::Major => &mut self.major,
            Severity::Minor => &mut self.minor,
            Severity::Warning => &mut self.warning,
        }
    }
}
