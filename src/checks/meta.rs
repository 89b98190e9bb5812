//! Metadata of a check: its id, severity, scope, alert and documentation.

use crate::finding::Severity;
use packager_media::stream::Protocol;
use serde::Serialize;

/// Metadata of one check, from which documentation, exposition, alert rules and runner are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CheckMeta {
    /// Id of the check, which names the fault. It begins with [`CheckScope::id_prefix`].
    pub id: &'static str,
    /// Severity of a violation for which neither the template nor the check sets another severity.
    pub severity: Severity,
    pub group: CheckGroup,
    pub scope: CheckScope,
    /// Name of the alert in `rules/channel.rules.yml` that reports this check. `None`: the check alerts by its
    /// severity (ChannelDegraded, ChannelDefect or ChannelAdvisory).
    pub alert: Option<&'static str>,
    /// Description of the failure: one sentence that begins with "fails when".
    pub help: &'static str,
    /// Standard and clause that the check enforces.
    pub reference: &'static str,
    /// Whether the check compares with an earlier probe, so that the first probe of a channel can't run it.
    pub needs_history: bool,
}

impl CheckMeta {
    /// Whether a failure of the check sets `playlist_validation` of InfluxDB and `playlist_validation_is_valid` of the
    /// recording rules to invalid. It is true for the checks of manifests, playlists and the ladder.
    #[must_use]
    pub fn validates_playlists(&self) -> bool {
        match self.group {
            CheckGroup::Ladder | CheckGroup::Timeline | CheckGroup::Hls | CheckGroup::Dash => true,
            CheckGroup::Delivery => {
                let ids =
                    ["manifest_unavailable", "playable_renditions_missing", "rendition_unavailable", "live_ended"];
                ids.contains(&self.id)
            }
            CheckGroup::Segments | CheckGroup::OverTime | CheckGroup::Outputs => false,
        }
    }
}

/// Indicators of ETSI TR 101 290 5.2 by the check that covers them, as far as segments of a transport stream show them.
const TR_101_290: &[(&str, &str)] = &[
    ("container_invalid", "1.1, 1.2"),
    ("ts_tables_invalid", "1.3, 1.5, 2.2"),
    ("ts_continuity_error", "1.4, 2.1"),
    ("tracks_missing", "1.6"),
    ("ts_pcr_wrong", "2.3"),
    ("timestamp_discontinuity", "2.5"),
];

impl CheckMeta {
    /// Numbers of the TR 101 290 indicators that the check covers, such as `1.4, 2.1`; empty if it covers none.
    #[must_use]
    pub fn tr_101_290(&self) -> &'static str {
        TR_101_290.iter().find(|(id, _)| *id == self.id).map_or("", |(_, numbers)| numbers)
    }
}

/// Part of a channel that a check examines. Each group has a heading in the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckGroup {
    /// Checks of reachability, HTTP headers and download time.
    Delivery,
    /// Checks of the renditions that a manifest offers.
    Ladder,
    /// Checks of the listed segments and the live edge, in HLS and DASH alike.
    Timeline,
    /// Checks of features that only HLS playlists have.
    Hls,
    /// Checks of features that only MPDs have.
    Dash,
    /// Checks of the downloaded segments.
    Segments,
    /// Checks of changes between probes.
    OverTime,
    /// Checks of differences between the outputs of a channel.
    Outputs,
}

/// Protocol or container that a check judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckScope {
    /// The check judges HLS and DASH, with segments of any container.
    Any,
    Hls,
    LowLatencyHls,
    Dash,
    LowLatencyDash,
    /// The check judges MPEG transport streams, whether HLS or DASH lists them.
    TransportStream,
}

impl CheckScope {
    /// Whether a check of this scope runs on an output of the protocol `protocol`.
    #[must_use]
    pub fn judges(self, protocol: Protocol) -> bool {
        match self {
            Self::Hls | Self::LowLatencyHls => protocol == Protocol::Hls,
            Self::Dash | Self::LowLatencyDash => protocol == Protocol::Dash,
            Self::Any | Self::TransportStream => true,
        }
    }

    /// Beginning of the ids of all checks of this scope, and of no others. `None` for [`CheckScope::Any`].
    #[must_use]
    pub fn id_prefix(self) -> Option<&'static str> {
        match self {
            Self::Any => None,
            Self::Hls => Some("hls_"),
            Self::LowLatencyHls => Some("ll_hls_"),
            Self::Dash => Some("dash_"),
            Self::LowLatencyDash => Some("ll_dash_"),
            Self::TransportStream => Some("ts_"),
        }
    }
}

/// A check with its parameters, for the documentation.
#[derive(Debug, Clone, Serialize)]
pub struct CheckDescription {
    pub meta: CheckMeta,
    pub parameters: Vec<CheckParameter>,
}

/// A parameter of one check, for the documentation. The parameters `enabled` and `severity`, which every check has,
/// aren't in it.
#[derive(Debug, Clone, Serialize)]
pub struct CheckParameter {
    pub name: &'static str,
    pub default: serde_json::Value,
    pub help: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::CHECKS;

    /// Words that name a fault. The id of a check must end with one of them.
    const FAULTS: &str = "\
        black broken changed clipped collapsed differ differs disagree discontinuity ended error exceeded excess expiring \
        failed frozen gap high incomplete invalid jump late low misaligned mismatch missing overlap off_target out_of_step \
        out_of_sync regressed restarted rewritten short silent single_color skew slow sparse stale stuck switched unavailable \
        uncompressed undeclared undecodable uneven wrong";

    #[test]
    fn an_id_names_the_fault_and_begins_with_what_the_check_judges() {
        let prefixes = ["hls_", "ll_hls_", "dash_", "ll_dash_", "ts_"];
        for meta in CHECKS {
            let names = |fault: &str| meta.id.strip_suffix(fault).is_some_and(|rest| rest.ends_with('_'));
            assert!(FAULTS.split(' ').any(names), "{}: the last word names no fault", meta.id);
            let prefix = prefixes.into_iter().find(|p| meta.id.starts_with(p));
            assert_eq!(prefix, meta.scope.id_prefix(), "{}: {:?}", meta.id, meta.scope);
        }
    }

    #[test]
    fn a_check_of_one_protocol_has_its_group_or_judges_segments() {
        for meta in CHECKS {
            let own_group = match meta.group {
                CheckGroup::Hls => matches!(meta.scope, CheckScope::Hls | CheckScope::LowLatencyHls),
                CheckGroup::Dash => matches!(meta.scope, CheckScope::Dash | CheckScope::LowLatencyDash),
                CheckGroup::Segments => true,
                _ => meta.scope == CheckScope::Any,
            };
            assert!(own_group, "{}: {:?} in {:?}", meta.id, meta.scope, meta.group);
        }
    }

    #[test]
    fn every_indicator_of_tr_101_290_belongs_to_a_check() {
        let numbers = |id: &str| CHECKS.iter().find(|m| m.id == id).map(|m| m.tr_101_290());
        assert!(TR_101_290.iter().all(|(id, listed)| numbers(id) == Some(*listed)));
        assert_eq!(numbers("manifest_unavailable"), Some(""));
    }

    #[test]
    fn a_scope_judges_its_own_protocol_only() {
        let judged = |scope: CheckScope| (scope.judges(Protocol::Hls), scope.judges(Protocol::Dash));
        assert_eq!(judged(CheckScope::Hls), (true, false));
        assert_eq!(judged(CheckScope::LowLatencyHls), (true, false));
        assert_eq!(judged(CheckScope::Dash), (false, true));
        assert_eq!(judged(CheckScope::LowLatencyDash), (false, true));
        assert_eq!(judged(CheckScope::Any), (true, true));
        assert_eq!(judged(CheckScope::TransportStream), (true, true));
    }

    #[test]
    fn four_checks_of_delivery_and_all_of_manifests_validate_playlists() {
        let validating = |group| CHECKS.iter().filter(|m| m.group == group && m.validates_playlists()).count();
        assert_eq!(validating(CheckGroup::Delivery), 4);
        for group in [CheckGroup::Ladder, CheckGroup::Timeline, CheckGroup::Hls, CheckGroup::Dash] {
            assert_eq!(validating(group), CHECKS.iter().filter(|m| m.group == group).count());
        }
        for group in [CheckGroup::Segments, CheckGroup::OverTime, CheckGroup::Outputs] {
            assert_eq!(validating(group), 0);
        }
    }
}
