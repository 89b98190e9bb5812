//! One probe: budget, capture, and the straight line from request to report.

mod budget;
mod capture;
mod clock;
mod flights;
mod lookup;
mod places;

pub use clock::Clock;

use crate::catalog::{Channel, Template};
use crate::checks::{self, CheckContext, CheckOutcome, CheckResult};
use crate::config::{self, Live, Loaded};
use crate::facts::{Capture, OutputFacts, RenditionFacts};
use crate::fetch::{Client, ClientError};
use crate::finding::Severity;
use crate::history::{History, OutputPast};
use crate::report::Report;
use budget::Budget;
use capture::{Capturer, Ring, Shelf};
use flights::Flights;
use lookup::{Subject, lookup};
use packager_media::stream::Timeline;
use packager_media::units::{Seconds, Timestamp};
use places::Places;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::time::Instant;

/// What a scrape or a person asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ask {
    /// Channel code, or a URL where the configuration allows it.
    pub target: String,
    /// Without it the channel's own.
    pub template: Option<String>,
    /// Only this output of the channel.
    pub output: Option<String>,
}

/// A broken request, or an exporter that can't do its work; never a broken stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("{0}")]
    BadRequest(String),
    #[error("{0}")]
    Overloaded(String),
}

/// An answered probe.
#[derive(Debug, Clone)]
pub struct Probed {
    pub report: Arc<Report>,
    /// It was answered by a capture that was already under way.
    pub shared: bool,
}

/// Holds what probes share; cheap to clone.
#[derive(Debug, Clone)]
pub struct Prober {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    live: Arc<Live>,
    /// With the settings it was built from: a reload may change them.
    client: RwLock<(config::Fetch, Client)>,
    history: History,
    clock: Clock,
    flights: Arc<Flights>,
    places: Places,
}

impl Prober {
    /// # Errors
    /// When the HTTP client can't be set up (no root certificates).
    pub fn new(live: Arc<Live>, clock: Clock) -> Result<Self, ClientError> {
        let exporter = live.current().exporter.clone();
        let client = Client::new(&exporter.fetch)?;
        let shared = Shared {
            history: History::new(exporter.history.max_outputs),
            client: RwLock::new((exporter.fetch, client)),
            live,
            clock,
            flights: Arc::default(),
            places: Places::new(exporter.probe.max_in_flight),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Answers before `timeout` has passed, whatever the stream does.
    ///
    /// # Errors
    /// [`Refused::BadRequest`] for a target, template or output that isn't known or allowed,
    /// [`Refused::Overloaded`] when no place among the probes in flight came free in time.
    pub async fn probe(&self, ask: Ask, timeout: Duration) -> Result<Probed, Refused> {
        let loaded = self.shared.live.current();
        self.shared.bound(&loaded.exporter);
        let subject = lookup(&loaded, &ask)?;
        let cap = Duration::try_from_secs_f64(subject.template.timeout.0).unwrap_or(timeout);
        let budget = Budget::new(Instant::now(), timeout.min(cap));
        let key = (ask.target, subject.template.name.clone(), ask.output);
        let shared = self.shared.clone();
        let line = async move {
            let _place = shared.place(&budget).await?;
            Ok(Arc::new(shared.line(&loaded, subject, budget).await))
        };
        let answered = self.shared.flights.share(key, budget.deadline(), line);
        match tokio::time::timeout_at(budget.deadline(), answered).await {
            Ok((answer, shared)) => answer.map(|report| Probed { report, shared }),
            // Every wait in the line is bounded; what is not is the time a starved processor takes.
            Err(_) => Err(Refused::Overloaded(format!(
                "the probe did not end within {:.1} s although its requests did: the exporter lacks CPU",
                budget.total().as_secs_f64()
            ))),
        }
    }

    /// Outputs in the history.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.shared.history.len()
    }
}

impl Shared {
    /// The bounds in force: a reload may have changed them.
    fn bound(&self, exporter: &config::Exporter) {
        self.places.resize(exporter.probe.max_in_flight);
        self.history.bound(exporter.history.max_outputs);
    }

    /// capture → history → checks → report. Nothing in here fails: a broken stream is what it reports.
    async fn line(&self, loaded: &Loaded, subject: Subject, budget: Budget) -> Report {
        let Subject { channel, template } = subject;
        let began = Instant::now();
        let now = self.clock.now();
        let client = self.client(&loaded.exporter.fetch);
        let capturer = Capturer {
            client: &client,
            bounds: &loaded.exporter.fetch,
            max_segments: loaded.exporter.probe.max_segments,
            history: &self.history,
            clock: &self.clock,
            channel: &channel,
            elsewhere: &channel.request.without_secrets(),
            template: &template,
            budget,
            keys: Ring::default(),
            shelf: Shelf::default(),
        };
        let mut capture = capturer.capture(now).await;
        let captured = Instant::now();
        let pasts = self.remember(&capture, &channel, &template, now);
        let outcomes = judge(&capture, &pasts, &channel, &template, now);
        capture.stages.checks = captured.elapsed().into();
        Report {
            started_at: now,
            duration: began.elapsed().into(),
            timeout: budget.total().into(),
            success: succeeded(&capture, &outcomes),
            edge_age: edge_age(&capture, &pasts, now),
            ad_break: ad_break(&capture, &pasts),
            channel,
            template,
            capture,
            outcomes,
        }
    }

    fn remember(&self, capture: &Capture, channel: &Channel, template: &Template, now: Timestamp) -> Vec<OutputPast> {
        let outputs = capture.outputs.iter().zip(&channel.outputs);
        let keep = capture::keep(template);
        outputs.map(|(facts, output)| self.history.record(&capture::key(channel, output), facts, now, keep)).collect()
    }

    async fn place(&self, budget: &Budget) -> Result<tokio::sync::SemaphorePermit<'_>, Refused> {
        match tokio::time::timeout_at(budget.admission(), self.places.acquire()).await {
            Ok(Some(place)) => Ok(place),
            _ => Err(Refused::Overloaded(format!(
                "{} probes are in flight and none ended in time; raise probe.max_in_flight, scrape less often, or shard the channels",
                self.places.size()
            ))),
        }
    }

    /// The client in force; a new one when a reload changed the settings. If that can't be built, the old one stays.
    fn client(&self, settings: &config::Fetch) -> Client {
        {
            let current = self.client.read().unwrap_or_else(PoisonError::into_inner);
            if current.0 == *settings {
                return current.1.clone();
            }
        }
        let mut current = self.client.write().unwrap_or_else(PoisonError::into_inner);
        match Client::new(settings) {
            Ok(client) => *current = (settings.clone(), client),
            Err(e) => tracing::error!(error = %e, "the new fetch settings can't be used; the old ones stay"),
        }
        current.1.clone()
    }
}

fn judge(
    capture: &Capture,
    pasts: &[OutputPast],
    channel: &Channel,
    template: &Template,
    now: Timestamp,
) -> Vec<CheckOutcome> {
    let expected = channel.expected(template);
    let thresholds = &template.thresholds;
    let outputs = capture.outputs.iter().zip(pasts);
    let contexts = outputs.map(|(output, past)| CheckContext {
        now,
        expected: &expected,
        thresholds,
        output,
        outputs: &capture.outputs,
        past,
        hold: template.hold,
    });
    contexts.flat_map(|context| checks::run(&context, &template.checks)).collect()
}

/// No critical check failed, and of each output something was judged: silence is no success.
fn succeeded(capture: &Capture, outcomes: &[CheckOutcome]) -> bool {
    let critical = outcomes.iter().flat_map(|o| &o.findings).any(|f| f.severity == Severity::Critical);
    let judged = |name: &str| outcomes.iter().any(|o| o.output == name && o.result != CheckResult::NotRun);
    !critical && !capture.outputs.is_empty() && capture.outputs.iter().all(|o| judged(&o.name))
}

/// How long each rendition's live edge has stood still, as far as was seen.
fn edge_age(capture: &Capture, pasts: &[OutputPast], now: Timestamp) -> Vec<(String, String, Seconds)> {
    let mut ages = Vec::new();
    for (output, past) in capture.outputs.iter().zip(pasts) {
        for facts in output.renditions.iter().filter(|r| r.timeline.is_some()) {
            let name = &facts.rendition.name;
            if let Some(since) = past.renditions.get(name).and_then(|r| r.edge_since) {
                ages.push((output.name.clone(), name.clone(), Seconds(Seconds::between(since, now).0.max(0.0))));
            }
        }
    }
    ages
}

/// Whether a rendition's live edge is in an ad break, of each output with a playlist that could be read.
fn ad_break(capture: &Capture, pasts: &[OutputPast]) -> Vec<(String, bool)> {
    let within = |(output, past): (&OutputFacts, &OutputPast)| {
        let read = || output.renditions.iter().filter(|r| r.timeline.is_some());
        let edge = |r: &RenditionFacts| r.timeline.as_deref().and_then(Timeline::live_edge);
        let remembered = |r: &RenditionFacts| past.renditions.get(&r.rendition.name).map(|p| &p.ads);
        let known = |r: &RenditionFacts| remembered(r).is_some_and(|ads| ads.open.is_some() || ads.in_break(edge(r)));
        let listed = |r: &RenditionFacts| r.timeline.as_deref().is_some_and(Timeline::in_ad_break);
        read().next().map(|_| (output.name.clone(), read().any(|r| known(r) || listed(r))))
    };
    capture.outputs.iter().zip(pasts).filter_map(within).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Failure, FailureKind, Fetched, Stages};
    use crate::finding::Finding;
    use packager_media::stream::Protocol;

    fn capture(outputs: &[&str]) -> Capture {
        let url = url::Url::parse("http://packager/a").unwrap();
        let output = |name: &&str| OutputFacts {
            name: (*name).to_owned(),
            protocol: Protocol::Hls,
            url: url.clone(),
            manifest: Fetched {
                url: url.clone(),
                result: Err(Failure { kind: FailureKind::Deadline, message: String::new() }),
            },
            direct: false,
            parsed: false,
            defects: Vec::new(),
            renditions: Vec::new(),
            i_frames: Vec::new(),
            dash: None,
        };
        let (started_at, stages) = (Timestamp::UNIX_EPOCH, Stages::default());
        Capture { started_at, deadline_exceeded: true, outputs: outputs.iter().map(output).collect(), stages }
    }

    fn outcome(output: &str, result: CheckResult, severity: Severity) -> CheckOutcome {
        let finding = Finding {
            check: "c",
            severity,
            output: output.to_owned(),
            rendition: None,
            message: String::new(),
            evidence: serde_json::Map::new(),
            reference: "",
        };
        let findings = if result == CheckResult::Failed { vec![finding] } else { Vec::new() };
        CheckOutcome { check: "c", severity, output: output.to_owned(), result, findings, reason: None }
    }

    #[test]
    fn success_is_that_every_output_was_judged_and_none_failed_critically() {
        use CheckResult::{Failed, NotRun, Ok};
        use Severity::{Critical, Major};
        let of = |outcomes: &[CheckOutcome]| succeeded(&capture(&["hls", "backup"]), outcomes);
        let fine = outcome("hls", Ok, Critical);
        assert!(of(&[fine.clone(), outcome("backup", Ok, Critical)]));
        assert!(of(&[fine.clone(), outcome("backup", Failed, Major)]));
        assert!(!of(&[fine.clone(), outcome("backup", Failed, Critical)]));
        assert!(!of(&[fine.clone(), outcome("backup", NotRun, Critical)]), "nothing of it was judged");
        assert!(!succeeded(&capture(&[]), &[]));
    }
}
