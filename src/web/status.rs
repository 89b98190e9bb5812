//! State of each channel, as probes saw it: what fails, how badly, and since when.
//!
//! The states of this exporter's own probes live in its memory. With a database, exporters write them there, and each reads those of
//! the others: [`StatusSource`] in the answers says so.

use crate::catalog::{CatalogSnapshot, Channel};
use crate::finding::Severity;
use crate::report::{ChannelCondition, OutputView, Report};
use crate::rfc3339;
use crate::store::{FailedCheck, LastProbe, Rungs, SharedStatus, StatusRow};
use packager_media::units::{Seconds, Timestamp};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
/// Number of probe intervals after which a newer state of another exporter replaces the own one: Prometheus has the other one probe
/// the channel now.
const OVERDUE_AFTER_INTERVALS: f64 = 1.5;
/// Time in seconds by which a channel that another exporter probes becomes unknown later than a channel of this exporter: the
/// time of a probe without a change is in the database after a minute and a few seconds.
const SHARED_AFTER: f64 = 65.0;

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
    /// No probe of the channel is known, or none for three probe intervals.
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
    /// The states come from the probes of every exporter of the database. While the database is away, the exporter that answers
    /// learns nothing new of the others.
    Database,
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
    #[serde(serialize_with = "rfc3339::optional::serialize")]
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub(crate) since: Option<Timestamp>,
    /// Whether `since` is exact. It is false if the first known probe already had this state, which may have begun
    /// earlier.
    pub(crate) since_exact: bool,
    /// Checks that failed in the last probe, worst first.
    pub(crate) failed: Vec<FailedCheck>,
    /// Numbers of video renditions; `null` if they could not be counted on any output.
    #[schema(required)]
    pub(crate) rungs: Option<Rungs>,
    pub(crate) codec: DeclaredAndMeasured,
    pub(crate) resolution: DeclaredAndMeasured,
    /// Last known probe of the channel; `null` if none is known.
    #[schema(required)]
    pub(crate) last_probe: Option<LastProbe>,
    /// Name of the exporter that ran the last probe: another exporter, or the exporter that answers before it was started again.
    /// `null` if the exporter that answers ran it since its start, or if no probe is known.
    #[schema(required)]
    pub(crate) exporter: Option<String>,
}

/// State of one channel, as the probes of this exporter showed it.
#[derive(Debug, Clone)]
struct Observed {
    status: SharedStatus,
    /// Seconds between the last probes of the channel, none above [`MAX_INTERVAL`]. Once Prometheus has asked for a probe, only
    /// its probes count.
    intervals: VecDeque<f64>,
    /// Start of the last probe for which Prometheus asked. `None`: people asked for all of them.
    scraped_at: Option<Timestamp>,
}

/// The newest status of a channel, with the name of the exporter that probed it, if another exporter did.
#[derive(Clone, Copy)]
pub(super) struct NewestStatus<'a> {
    pub(super) status: &'a SharedStatus,
    exporter: Option<&'a str>,
    /// Time of the last probe by the clock of this exporter; for another exporter, the time at which its row was written.
    pub(super) heard_at: Timestamp,
}

/// What another exporter wrote of a channel.
#[derive(Debug, Clone)]
struct Elsewhere {
    row: StatusRow,
    /// Time at which the row was written, by the clock of this exporter.
    heard_at: Timestamp,
}

/// States of the channels that were probed, by channel code.
#[derive(Debug, Default)]
pub(crate) struct ChannelStates {
    /// What this exporter's probes showed.
    observed: BTreeMap<String, Observed>,
    /// What the newest probe of any other exporter showed.
    elsewhere: BTreeMap<String, Elsewhere>,
    /// Channels whose status changed and isn't written to the database yet.
    changed: BTreeSet<String>,
    /// Channels that were probed since their status was written to the database.
    probed: BTreeSet<String>,
}

impl ChannelStates {
    /// Returns whether a report is later than the last one of its channel, or the clock was set back since that one.
    pub(crate) fn is_news(&self, report: &Report) -> bool {
        self.observed.get(&report.channel.code).is_none_or(|before| !before.is_later_than(report))
    }

    /// Updates a channel's state with the report of a probe of all outputs, and returns whether anything but the time
    /// of the last probe changed. A report that is older than the last one, or the same, changes nothing, unless the
    /// clock was set back in between. `scraped` is true if Prometheus asked for the probe.
    pub(crate) fn observe(&mut self, report: &Report, scraped: bool) -> bool {
        if !self.is_news(report) {
            return false;
        }
        let code = &report.channel.code;
        let before = self.observed.get(code);
        let earlier = self.known(code, report.started_at).map(|known| known.status);
        let after = Observed::new(report, before, earlier, scraped);
        let changed = before.is_none_or(|before| before.differs(&after));
        self.observed.insert(code.clone(), after);
        self.probed.insert(code.clone());
        if changed {
            self.changed.insert(code.clone());
        }
        changed
    }

    /// Takes a status that `own` or another exporter wrote to the database. Returns whether it changes what is known of the
    /// channel at `now`. What `own` wrote before it was started again says since when a state lasts.
    pub(crate) fn merge(&mut self, row: StatusRow, own: &str, now: Timestamp) -> bool {
        let code = row.status.channel.clone();
        let corrected = self.observed.get_mut(&code).is_some_and(|observed| observed.goes_back_to(&row.status));
        if corrected {
            self.changed.insert(code.clone());
        }
        let known = self.elsewhere.get(&code);
        let heard_at = Seconds(-row.age.0).after(now);
        let is_news = known.is_none_or(|known| known.row.exporter == row.exporter || known.heard_at < heard_at);
        // Its own row is read back whenever it is written; only that of an earlier run says something new.
        if !is_news || (row.exporter == own && self.observed.contains_key(&code)) {
            return corrected;
        }
        let differs = known.is_none_or(|known| differs(&known.row.status, &row.status));
        self.elsewhere.insert(code.clone(), Elsewhere { row, heard_at });
        corrected || (differs && self.known(&code, now).is_some_and(|known| known.exporter.is_some()))
    }

    /// Returns the statuses that changed since they were written to the database, with `all` also those of channels that were
    /// probed since then. Each is returned once.
    pub(crate) fn take_unwritten(&mut self, all: bool) -> Vec<SharedStatus> {
        let mut codes = std::mem::take(&mut self.changed);
        if all {
            codes.append(&mut self.probed);
        }
        codes.iter().filter_map(|code| self.observed.get(code).map(|observed| observed.status.clone())).collect()
    }

    /// Has statuses returned again that could not be written to the database.
    pub(crate) fn put_back(&mut self, statuses: &[SharedStatus]) {
        self.changed.extend(statuses.iter().map(|status| status.channel.clone()));
    }

    /// Removes the states of channels that left the catalogue.
    pub(crate) fn retain(&mut self, catalog: &CatalogSnapshot) {
        let count = catalog.channels.len();
        if self.observed.len() > count || self.elsewhere.len() > count {
            self.observed.retain(|code, _| catalog.channels.contains_key(code));
            self.elsewhere.retain(|code, _| catalog.channels.contains_key(code));
        }
    }

    /// Returns the newest status of a channel. While Prometheus scrapes the channel through this exporter, this
    /// exporter's own status counts, so that the state of a channel that two exporters probe doesn't alternate between
    /// them. `None` if no probe of the channel is known.
    pub(super) fn known(&self, code: &str, now: Timestamp) -> Option<NewestStatus<'_>> {
        let observed = self.observed.get(code);
        let is_scraped = observed.is_some_and(|own| own.is_scraped(now));
        let own = observed.map(|own| &own.status);
        let own = own.map(|status| NewestStatus { status, exporter: None, heard_at: status.last_probe.started_at });
        let other = self.elsewhere.get(code).map(|other| NewestStatus {
            status: &other.row.status,
            exporter: Some(&other.row.exporter),
            heard_at: other.heard_at,
        });
        match (own, other) {
            (Some(own), Some(other)) if !is_scraped && own.heard_at < other.heard_at => Some(other),
            (own, other) => own.or(other),
        }
    }

    /// Returns the state of a channel at the time `now`.
    pub(crate) fn status(&self, channel: &Channel, now: Timestamp) -> ChannelStatus {
        let known = self.known(&channel.code, now);
        let state = state_at(channel, known, now);
        let status = known.map(|known| known.status);
        let current = status.filter(|status| ChannelState::from(status.state) == state);
        let measured = |value: fn(&SharedStatus) -> &Option<String>| status.and_then(|status| value(status).clone());
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
            severity: current.and_then(worst),
            since: match current {
                Some(current) => Some(current.since),
                None => status.map(|status| status.last_probe.started_at),
            },
            since_exact: current.is_some_and(|current| current.since_exact),
            failed: status.map(|status| status.failed.clone()).unwrap_or_default(),
            rungs: status.and_then(|status| status.rungs.clone()),
            codec: DeclaredAndMeasured { declared: channel.codec.clone(), measured: measured(|status| &status.codec) },
            resolution: DeclaredAndMeasured {
                declared: channel.resolution.map(|resolution| resolution.to_string()),
                measured: measured(|status| &status.resolution),
            },
            last_probe: status.map(|status| status.last_probe.clone()),
            exporter: known.and_then(|known| known.exporter).map(str::to_owned),
        }
    }
}

/// Returns the state of a channel at the time `now`, which may be later than its last probe.
pub(super) fn state_at(channel: &Channel, known: Option<NewestStatus<'_>>, now: Timestamp) -> ChannelState {
    match known {
        _ if !channel.enabled => ChannelState::Disabled,
        Some(known) if !known.is_outdated(now) => known.status.state.into(),
        _ => ChannelState::Unknown,
    }
}

/// Returns the severity of the worst failed check. `None`: no check failed.
pub(super) fn worst(status: &SharedStatus) -> Option<Severity> {
    status.failed.first().map(|worst| worst.severity)
}

/// Returns whether anything but times of probes differs.
fn differs(a: &SharedStatus, b: &SharedStatus) -> bool {
    let SharedStatus { state, failed, rungs, codec, resolution, .. } = a;
    (state, failed, rungs, codec, resolution) != (&b.state, &b.failed, &b.rungs, &b.codec, &b.resolution)
}

/// Returns whether probes followed each other from `earlier` to one at `at`, so that no change between them went unseen. After a
/// first probe, whose interval isn't known, the next may come as late as the longest interval allows.
fn reaches(earlier: &SharedStatus, at: Timestamp) -> bool {
    let longest = match earlier.interval_seconds {
        unknown if unknown <= 0.0 => MAX_INTERVAL,
        known => UNKNOWN_AFTER_INTERVALS * known.clamp(MIN_INTERVAL, MAX_INTERVAL),
    };
    Seconds::between(earlier.last_probe.started_at, at).0 <= longest + SHARED_AFTER
}

impl NewestStatus<'_> {
    fn is_outdated(&self, now: Timestamp) -> bool {
        let interval = self.status.interval_seconds.clamp(MIN_INTERVAL, MAX_INTERVAL);
        let later = if self.exporter.is_some() { SHARED_AFTER } else { 0.0 };
        Seconds::between(self.heard_at, now).0 > UNKNOWN_AFTER_INTERVALS * interval + later
    }
}

impl Observed {
    /// Makes the status after a report. `before` is what this exporter observed before, and `earlier` the newest status that is
    /// known of any exporter. After a time in which nobody probed, the state begins anew, as after a start.
    fn new(report: &Report, before: Option<&Self>, earlier: Option<&SharedStatus>, scraped: bool) -> Self {
        let state = report.condition();
        let seen = earlier.filter(|earlier| reaches(earlier, report.started_at));
        let same = seen.filter(|earlier| earlier.state == state);
        let view = report.view();
        let video = view.outputs.iter().find_map(measured_video);
        let (codec, resolution) = video.unwrap_or_default();
        let intervals = intervals(report.started_at, before, scraped);
        let scraped_at = if scraped { Some(report.started_at) } else { before.and_then(|before| before.scraped_at) };
        let status = SharedStatus {
            channel: report.channel.code.clone(),
            state,
            since: same.map_or(report.started_at, |earlier| earlier.since.min(report.started_at)),
            since_exact: same.map_or(seen.is_some(), |earlier| earlier.since_exact),
            failed: failed_checks(report, seen),
            rungs: rungs(&view.outputs),
            codec: codec.or_else(|| earlier?.codec.clone()),
            resolution: resolution.or_else(|| earlier?.resolution.clone()),
            last_probe: LastProbe { started_at: report.started_at, duration_seconds: view.duration_seconds },
            interval_seconds: intervals.iter().copied().fold(0.0, f64::max),
        };
        Self { status, intervals, scraped_at }
    }

    /// Returns whether Prometheus has this exporter probe the channel: no probe is overdue by more than half an interval.
    fn is_scraped(&self, now: Timestamp) -> bool {
        let interval = self.status.interval_seconds.clamp(MIN_INTERVAL, MAX_INTERVAL);
        self.scraped_at.is_some_and(|at| Seconds::between(at, now).0 <= OVERDUE_AFTER_INTERVALS * interval)
    }

    /// Takes over from an earlier status since when the state lasts, if this exporter didn't see its beginning. Returns whether it
    /// did.
    fn goes_back_to(&mut self, earlier: &SharedStatus) -> bool {
        let now = &mut self.status;
        let is_earlier = earlier.since < now.since && reaches(earlier, now.since);
        let continues = !now.since_exact && now.state == earlier.state && is_earlier;
        if continues {
            (now.since, now.since_exact) = (earlier.since, earlier.since_exact);
            for failed in &mut now.failed {
                if let Some(before) = earlier.failed.iter().find(|before| before.check == failed.check) {
                    failed.since = failed.since.min(before.since);
                }
            }
        }
        continues
    }

    /// Returns whether the last probe is later than the probe of `report`, or the same.
    fn is_later_than(&self, report: &Report) -> bool {
        let seconds = Seconds::between(report.started_at, self.status.last_probe.started_at).0;
        (0.0..=LONGEST_PROBE).contains(&seconds)
    }

    /// Returns whether anything but the time of the last probe differs.
    fn differs(&self, other: &Self) -> bool {
        differs(&self.status, &other.status)
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
fn failed_checks(report: &Report, before: Option<&SharedStatus>) -> Vec<FailedCheck> {
    let mut failed: Vec<FailedCheck> = Vec::new();
    for outcome in report.failed() {
        let id = outcome.check.id;
        if let Some(known) = failed.iter_mut().find(|known| known.check == id) {
            known.severity = known.severity.max(outcome.severity);
            continue;
        }
        let earlier = before.and_then(|before| before.failed.iter().find(|known| known.check == id));
        let since = earlier.map_or(report.started_at, |earlier| earlier.since.min(report.started_at));
        failed.push(FailedCheck { check: id.to_owned(), severity: outcome.severity, since });
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

/// Returns the last intervals between probes up to one at `started_at`. Probes for which people ask don't count beside those of
/// Prometheus.
fn intervals(started_at: Timestamp, before: Option<&Observed>, scraped: bool) -> VecDeque<f64> {
    let Some(before) = before else { return VecDeque::new() };
    let (mut intervals, last) = match (before.scraped_at, scraped) {
        (Some(_), false) => return before.intervals.clone(),
        (Some(last), true) => (before.intervals.clone(), last),
        (None, true) => return VecDeque::new(),
        (None, false) => (before.intervals.clone(), before.status.last_probe.started_at),
    };
    let interval = Seconds::between(last, started_at).0;
    if (0.0..=MAX_INTERVAL).contains(&interval) {
        intervals.push_back(interval);
    }
    while intervals.len() > REMEMBERED_INTERVALS {
        intervals.pop_front();
    }
    intervals
}
