//! State of each channel, as the probes of this exporter saw it: what fails, how badly, and since when.
//!
//! The states live in this exporter's memory. [`StatusSource`] in the answers says so.

use crate::catalog::{CatalogSnapshot, Channel};
use crate::finding::Severity;
use crate::report::{ChannelCondition, OutputView, Report};
use packager_media::units::{Seconds, Timestamp};
use serde::{Serialize, Serializer};
use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use utoipa::ToSchema;

/// Number of intervals between probes that are remembered for each channel.
const REMEMBERED_INTERVALS: usize = 3;
/// Shortest assumed interval between probes, in seconds, so that a person who probes twice in a row does not shorten
/// it.
const MIN_INTERVAL: f64 = 20.0;
/// Longest assumed interval between probes, in seconds. After a longer time without probes, probing was interrupted.
const MAX_INTERVAL: f64 = 300.0;
/// Longest duration of a probe in seconds. A report that is older than the last one by more than this was made after
/// the clock was set back.
const LONGEST_PROBE: f64 = 120.0;
/// Number of probe intervals after which a channel that nobody probes is unknown.
const UNKNOWN_AFTER_INTERVALS: f64 = 3.0;

/// State of a channel for its viewers, by the last probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChannelState {
    /// No check failed, or only checks of severity warning.
    Up,
    /// A check of severity major or minor failed, and `probe_success` is 1.
    Degraded,
    /// The channel is down: `probe_success` is 0.
    Down,
    /// The channel was not probed since the start of the exporter, or not for three probe intervals.
    Unknown,
    /// The channel is disabled in the catalogue.
    Disabled,
}

/// Source of the states in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StatusSource {
    /// The states come from the memory of the exporter that answers: from probes that it ran since its start.
    Memory,
}

/// A check that failed in the last probe of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FailedCheck {
    #[schema(value_type = String)]
    pub(crate) check: &'static str,
    #[schema(value_type = String, pattern = "^(critical|major|minor|warning)$")]
    pub(crate) severity: Severity,
    /// Start of the first probe in the current series of probes in which the check failed, RFC 3339.
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub(crate) since: Timestamp,
}

/// Numbers of video renditions on the output on which most expected renditions are missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Rungs {
    pub(crate) output: String,
    /// Number of video renditions that are available.
    pub(crate) available: u64,
    /// Number of video renditions that the ladder promises; without a ladder, the number that the manifest lists.
    pub(crate) expected: u64,
}

/// A value that the catalogue declares, and the same value as measured in the segments of the highest rung.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct DeclaredAndMeasured {
    /// Value of the stream's property, such as its codec, that the catalogue declares; `null` if it declares none.
    #[schema(required)]
    pub(crate) declared: Option<String>,
    /// Value of the stream's property, such as its codec, as last measured; `null` if no probe measured it.
    #[schema(required)]
    pub(crate) measured: Option<String>,
}

/// The last probe of all outputs of a channel.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct LastProbe {
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub(crate) started_at: Timestamp,
    pub(crate) duration_seconds: f64,
}

/// State of one channel, with what failed and since when.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = ChannelStatus)]
pub(crate) struct ChannelStatus {
    pub(crate) code: String,
    pub(crate) name: String,
    #[schema(required)]
    pub(crate) tier: Option<u32>,
    pub(crate) channel_type: String,
    pub(crate) is_4k: bool,
    /// Whether the channel is HDR; `null` if the catalogue doesn't say.
    #[schema(required)]
    pub(crate) is_hdr: Option<bool>,
    /// Host of the channel's first output.
    pub(crate) packager: String,
    pub(crate) template: String,
    pub(crate) state: ChannelState,
    /// Severity of the worst check that failed; `null` if none failed, or if the channel is unknown or disabled.
    #[schema(required, value_type = Option<String>, pattern = "^(critical|major|minor|warning)$")]
    pub(crate) severity: Option<Severity>,
    /// Start of the first probe with the current state. For an unknown channel it is the start of the last probe, and
    /// `null` if there was none.
    #[serde(serialize_with = "rfc3339_or_null")]
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub(crate) since: Option<Timestamp>,
    /// Whether `since` is exact. It is false if the first probe since the start of the exporter already had this state,
    /// which may have begun earlier.
    pub(crate) since_exact: bool,
    /// Checks that failed in the last probe, worst first.
    pub(crate) failed: Vec<FailedCheck>,
    /// Numbers of video renditions; `null` if they could not be counted on any output.
    #[schema(required)]
    pub(crate) rungs: Option<Rungs>,
    pub(crate) codec: DeclaredAndMeasured,
    pub(crate) resolution: DeclaredAndMeasured,
    /// Last probe of the channel; `null` if the channel was not probed since the start of the exporter.
    #[schema(required)]
    pub(crate) last_probe: Option<LastProbe>,
}

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
    #[serde(serialize_with = "rfc3339_or_null")]
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub(crate) heard_at: Option<Timestamp>,
    /// Whether the exporter has a database. Without a database it knows no alerts.
    pub(crate) has_database: bool,
    /// Whether --alertmanager.url is set. Without it an acknowledgement sets no silence.
    pub(crate) has_alertmanager: bool,
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

/// State of one channel, as its probes showed it.
#[derive(Debug, Clone)]
struct Observed {
    state: ChannelState,
    since: Timestamp,
    since_exact: bool,
    failed: Vec<FailedCheck>,
    rungs: Option<Rungs>,
    codec: Option<String>,
    resolution: Option<String>,
    last_probe: LastProbe,
    /// Seconds between consecutive probes of the channel, for at most the last [`REMEMBERED_INTERVALS`] intervals. None
    /// is above [`MAX_INTERVAL`].
    intervals: VecDeque<f64>,
}

/// States of the channels that were probed, by channel code.
#[derive(Debug, Default)]
pub(crate) struct ChannelStates {
    observed: BTreeMap<String, Observed>,
}

impl ChannelStates {
    /// Updates a channel's state with the report of a probe of all outputs, and returns whether anything but the time
    /// of the last probe changed. A report that is older than the last one, or the same, changes nothing, unless the
    /// clock was set back in between.
    pub(crate) fn observe(&mut self, report: &Report) -> bool {
        let before = self.observed.get(&report.channel.code);
        if before.is_some_and(|before| before.is_later_than(report)) {
            return false;
        }
        let after = Observed::new(report, before);
        let changed = before.is_none_or(|before| before.differs(&after));
        self.observed.insert(report.channel.code.clone(), after);
        changed
    }

    /// Removes the states of channels that left the catalogue.
    pub(crate) fn retain(&mut self, catalog: &CatalogSnapshot) {
        if self.observed.len() > catalog.channels.len() {
            self.observed.retain(|code, _| catalog.channels.contains_key(code));
        }
    }

    /// Returns the state of a channel at the time `now`.
    pub(crate) fn status(&self, channel: &Channel, now: Timestamp) -> ChannelStatus {
        let observed = self.observed.get(&channel.code);
        let state = state_at(channel, observed, now);
        let current = observed.filter(|observed| observed.state == state);
        let failed = observed.map(|observed| observed.failed.clone()).unwrap_or_default();
        ChannelStatus {
            code: channel.code.clone(),
            name: channel.name.clone(),
            tier: channel.tier,
            channel_type: channel.channel_type.clone(),
            is_4k: channel.is_4k,
            is_hdr: channel.is_hdr,
            packager: channel.packager().to_owned(),
            template: channel.template.clone(),
            state,
            severity: current.and_then(Observed::severity),
            since: match current {
                Some(current) => Some(current.since),
                None => observed.map(|observed| observed.last_probe.started_at),
            },
            since_exact: current.is_some_and(|current| current.since_exact),
            failed,
            rungs: observed.and_then(|observed| observed.rungs.clone()),
            codec: DeclaredAndMeasured {
                declared: channel.codec.clone(),
                measured: observed.and_then(|observed| observed.codec.clone()),
            },
            resolution: DeclaredAndMeasured {
                declared: channel.resolution.map(|resolution| resolution.to_string()),
                measured: observed.and_then(|observed| observed.resolution.clone()),
            },
            last_probe: observed.map(|observed| observed.last_probe.clone()),
        }
    }

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
        };
        for channel in channels {
            let observed = self.observed.get(&channel.code);
            let state = state_at(channel, observed, now);
            summary.add(channel, state);
            let heard_at = observed.map(|observed| observed.last_probe.started_at);
            summary.heard_at = summary.heard_at.max(heard_at);
            let current = observed.filter(|observed| observed.state == state);
            if let Some(severity) = current.and_then(Observed::severity) {
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

fn rfc3339<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

fn rfc3339_or_null<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => rfc3339(at, serializer),
        None => serializer.serialize_none(),
    }
}

/// Returns the state of a channel at the time `now`, which may be later than its last probe.
fn state_at(channel: &Channel, observed: Option<&Observed>, now: Timestamp) -> ChannelState {
    match observed {
        _ if !channel.enabled => ChannelState::Disabled,
        Some(observed) if !observed.is_outdated(now) => observed.state,
        _ => ChannelState::Unknown,
    }
}

impl Observed {
    fn new(report: &Report, before: Option<&Self>) -> Self {
        let failed = failed_checks(report, before);
        let state = ChannelState::from(report.condition());
        let same = before.filter(|before| before.state == state);
        let view = report.view();
        let video = view.outputs.iter().find_map(measured_video);
        let (codec, resolution) = video.unwrap_or_default();
        Self {
            state,
            since: same.map_or(report.started_at, |before| before.since.min(report.started_at)),
            since_exact: same.map_or(before.is_some(), |before| before.since_exact),
            failed,
            rungs: rungs(&view.outputs),
            codec: codec.or_else(|| before?.codec.clone()),
            resolution: resolution.or_else(|| before?.resolution.clone()),
            last_probe: LastProbe { started_at: report.started_at, duration_seconds: view.duration_seconds },
            intervals: intervals(report.started_at, before),
        }
    }

    fn severity(&self) -> Option<Severity> {
        self.failed.first().map(|worst| worst.severity)
    }

    /// Returns whether the last probe is later than the probe of `report`, or the same.
    fn is_later_than(&self, report: &Report) -> bool {
        let seconds = Seconds::between(report.started_at, self.last_probe.started_at).0;
        (0.0..=LONGEST_PROBE).contains(&seconds)
    }

    /// Returns whether anything but the time of the last probe differs.
    fn differs(&self, other: &Self) -> bool {
        let Self { state, failed, rungs, codec, resolution, .. } = self;
        (state, failed, rungs, codec, resolution)
            != (&other.state, &other.failed, &other.rungs, &other.codec, &other.resolution)
    }

    fn is_outdated(&self, now: Timestamp) -> bool {
        let interval = self.intervals.iter().copied().fold(MIN_INTERVAL, f64::max);
        Seconds::between(self.last_probe.started_at, now).0 > UNKNOWN_AFTER_INTERVALS * interval
    }
}

impl From<ChannelCondition> for ChannelState {
    fn from(condition: ChannelCondition) -> Self {
        match condition {
            ChannelCondition::Up => Self::Up,
            ChannelCondition::Degraded => Self::Degraded,
            ChannelCondition::Down => Self::Down,
        }
    }
}

/// Returns every failed check once, with the severity on its worst output. The worst check is first; of equal ones the
/// one that fails longest.
fn failed_checks(report: &Report, before: Option<&Observed>) -> Vec<FailedCheck> {
    let mut failed: Vec<FailedCheck> = Vec::new();
    for outcome in report.failed() {
        let id = outcome.check.id;
        if let Some(known) = failed.iter_mut().find(|known| known.check == id) {
            known.severity = known.severity.max(outcome.severity);
            continue;
        }
        let earlier = before.and_then(|before| before.failed.iter().find(|known| known.check == id));
        let since = earlier.map_or(report.started_at, |earlier| earlier.since.min(report.started_at));
        failed.push(FailedCheck { check: id, severity: outcome.severity, since });
    }
    failed.sort_by(|a, b| b.severity.cmp(&a.severity).then(a.since.cmp(&b.since)));
    failed
}

/// Returns the numbers of video renditions on the output on which most expected renditions are missing. `None`: they
/// could not be counted on any output.
fn rungs(outputs: &[OutputView<'_>]) -> Option<Rungs> {
    let counted = outputs.iter().filter_map(|output| {
        let available = output.renditions_available.video?;
        let expected = output.renditions_expected.video.or(output.listed.video).unwrap_or(available);
        Some(Rungs { output: output.name.to_owned(), available, expected })
    });
    counted.min_by_key(|rungs| Reverse(rungs.expected.saturating_sub(rungs.available)))
}

/// Returns codec and resolution of the highest rung whose segments were inspected.
fn measured_video(output: &OutputView<'_>) -> Option<(Option<String>, Option<String>)> {
    let parameters =
        output.renditions.iter().flat_map(|rendition| &rendition.tracks).filter_map(|track| track.parameters);
    let videos = parameters.filter_map(|parameters| Some((parameters, parameters.video?)));
    let highest = videos.max_by_key(|(_, video)| video.resolution.map(|resolution| resolution.height));
    highest.map(|(parameters, video)| {
        (Some(parameters.codec.to_string()), video.resolution.map(|resolution| resolution.to_string()))
    })
}

fn intervals(started_at: Timestamp, before: Option<&Observed>) -> VecDeque<f64> {
    let Some(before) = before else { return VecDeque::new() };
    let mut intervals = before.intervals.clone();
    let interval = Seconds::between(before.last_probe.started_at, started_at).0;
    if (0.0..=MAX_INTERVAL).contains(&interval) {
        intervals.push_back(interval);
    }
    while intervals.len() > REMEMBERED_INTERVALS {
        intervals.pop_front();
    }
    intervals
}
