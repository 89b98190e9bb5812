//! Probes: the time budget, the capture of a channel, and the sequence capture, history, checks, report.

mod budget;
mod capture;
mod channel_cookies;
mod clock;
mod declared_rates;
mod handovers;
mod shared_captures;
mod lookup;
mod output_requests;
mod sessions;
mod signal;

pub use clock::Clock;
pub use signal::{DecodeTotals, LAUNCHER, SignalSettings};

use crate::catalog::{Channel, Template};
use crate::checks::{self, CheckContext, CheckOutcome, CheckResult};
use crate::config::{self, Config, ConfigHandle};
use crate::facts::{Capture, OutputFacts};
use crate::fetch::{Client, ClientError};
use crate::finding::Severity;
use crate::history::{History, OutputHistory, OutputKey};
use crate::permits::{GrantOrder, Permit, Permits};
use crate::report::{OutputFromHistory, Report};
use crate::store::Store;
use budget::TimeBudget;
use capture::Capturer;
use channel_cookies::ChannelCookies;
use clock::ClockSteps;
use declared_rates::DeclaredRates;
use handovers::Handovers;
use lookup::{ProbeSubject, lookup};
use output_requests::{OutputRequests, with_each_address};
use packager_media::units::Timestamp;
use sessions::Sessions;
use shared_captures::SharedCaptures;
use signal::{DecodePlan, SignalDecoding};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;
use tokio::time::Instant;

/// A request to probe one channel, from a scrape or a person.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProbeRequest {
    /// Code of the channel, or a URL if the configuration allows URLs.
    pub target: String,
    /// Name of the template by which the channel is judged; `None` for the channel's own template.
    pub template: Option<String>,
    /// Name of the only output to probe; `None` for all outputs of the channel.
    pub output: Option<String>,
}

/// Reason why a probe has no report: the request is wrong, or the exporter can't do its work. A broken stream is never
/// an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// The target, template or output isn't known or allowed; the text is for the caller.
    #[error("{0}")]
    BadRequest(String),
    /// The exporter had no capacity or no time for the probe; the text says what to change.
    #[error("{0}")]
    Overloaded(String),
}

/// The report of a probe, and whether other requests share it.
#[derive(Debug, Clone)]
pub struct ProbeAnswer {
    pub report: Arc<Report>,
    /// Whether the report was made for an earlier request, which shared the capture with this one.
    pub shared: bool,
}

/// Runs probes. It owns the state that they share: history, HTTP client and admission. Its clones share the same state.
#[derive(Debug, Clone)]
pub struct Prober {
    shared: Arc<Shared>,
}

/// What a prober works with.
#[derive(Debug)]
pub struct ProberParts {
    pub live: Arc<ConfigHandle>,
    pub clock: Clock,
    /// Limits within which picture and sound are decoded as the templates say; `None`: nothing is decoded.
    pub signal: Option<SignalSettings>,
    /// Database in which handovers of history are read and written; `None`: there are no handovers.
    pub store: Option<Store>,
}

impl ProberParts {
    /// Returns the parts of a prober that decodes nothing and has no handovers.
    #[must_use]
    pub fn new(live: Arc<ConfigHandle>, clock: Clock) -> Self {
        Self { live, clock, signal: None, store: None }
    }
}

#[derive(Debug)]
struct Shared {
    live: Arc<ConfigHandle>,
    /// The HTTP client with the settings that it was built from, which a reload may change.
    client: RwLock<(config::FetchSettings, Client)>,
    history: History,
    sessions: Sessions,
    cookies: ChannelCookies,
    clock: Clock,
    clock_steps: ClockSteps,
    captures: Arc<SharedCaptures>,
    /// The bound on the probes that run at the same time (`probe.max_in_flight`), by packager.
    admission: Permits<String>,
    signal: SignalDecoding,
    /// What is handed over between exporters; `None` without a database.
    handovers: Option<Arc<Handovers>>,
    /// Declared bit rates of all outputs whose templates have the mode `heads`, by which `probe.budget` is divided.
    rates: DeclaredRates,
}

impl Prober {
    /// Makes a prober with an empty history.
    ///
    /// # Errors
    /// A fetch setting makes an HTTP client impossible; the error names the setting.
    pub fn new(parts: ProberParts) -> Result<Self, ClientError> {
        let ProberParts { live, clock, signal, store } = parts;
        let exporter = live.current().exporter.clone();
        let client = Client::new(&exporter.fetch)?;
        let shared = Shared {
            history: History::new(exporter.history.max_outputs),
            sessions: Sessions::default(),
            cookies: ChannelCookies::default(),
            client: RwLock::new((exporter.fetch, client)),
            live,
            clock,
            clock_steps: ClockSteps::default(),
            captures: Arc::default(),
            admission: Permits::new(exporter.probe.max_in_flight, GrantOrder::Deadline),
            signal: SignalDecoding::new(signal),
            handovers: store.map(|store| Arc::new(Handovers::new(store))),
            rates: DeclaredRates::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Probes a channel and returns the report before `timeout` has passed, whatever the stream does.
    ///
    /// # Errors
    /// [`ProbeError::BadRequest`] when the target, template or output isn't known or allowed,
    /// [`ProbeError::Overloaded`] when `probe.max_in_flight` other probes were running and none ended in time.
    pub async fn probe(&self, request: ProbeRequest, timeout: Duration) -> Result<ProbeAnswer, ProbeError> {
        let loaded = self.shared.live.current();
        self.shared.apply_bounds(&loaded.exporter);
        let subject = lookup(&loaded, &request)?;
        let cap = Duration::try_from_secs_f64(subject.template.timeout.0).unwrap_or(timeout);
        let budget = TimeBudget::new(Instant::now(), timeout.min(cap));
        let key = (request.target, subject.template.name.clone(), request.output);
        let shared = self.shared.clone();
        let line = async move {
            let _permit = shared.admit(subject.channel.packager(), &budget).await?;
            Ok(Arc::new(shared.line(&loaded, subject, budget).await))
        };
        let answered = self.shared.captures.share(key, budget.deadline(), line);
        match tokio::time::timeout_at(budget.deadline(), answered).await {
            Ok((answer, shared)) => answer.map(|report| ProbeAnswer { report, shared }),
            // Every wait of a probe is bounded, so only a lack of processor time can exceed the deadline.
            Err(_) => Err(ProbeError::Overloaded(format!(
                "the probe did not end within {:.1} s although its requests did: the exporter has too little CPU time",
                budget.total().as_secs_f64()
            ))),
        }
    }

    /// Probes a channel that isn't in the catalogue, such as one that somebody is about to save, and returns the report before
    /// `timeout` has passed. Its history is apart from that of a channel of the catalogue with the same code.
    ///
    /// # Errors
    /// As [`Prober::probe`]; `BadRequest` if the catalogue doesn't have the channel's template.
    pub async fn probe_draft(&self, channel: Channel, timeout: Duration) -> Result<Arc<Report>, ProbeError> {
        let loaded = self.shared.live.current();
        self.shared.apply_bounds(&loaded.exporter);
        let template = loaded.snapshot.template(&channel.template);
        let template = template.map_err(|unknown| ProbeError::BadRequest(unknown.to_string()))?.clone();
        // No code of the catalogue has a space.
        let channel = Arc::new(Channel { code: format!("{} (draft)", channel.code), ..channel });
        let cap = Duration::try_from_secs_f64(template.timeout.0).unwrap_or(timeout);
        let budget = TimeBudget::new(Instant::now(), timeout.min(cap));
        let _permit = self.shared.admit(channel.packager(), &budget).await?;
        Ok(Arc::new(self.shared.line(&loaded, ProbeSubject { channel, template }, budget).await))
    }

    /// Returns the numbers of decodes since the start.
    #[must_use]
    pub fn decode_totals(&self) -> DecodeTotals {
        self.shared.signal.totals()
    }

    /// Returns the number of outputs in the history.
    #[must_use]
    pub fn remembered_outputs(&self) -> usize {
        self.shared.history.len()
    }
}

impl Shared {
    /// Applies the bounds that are in force now, which a reload may have changed.
    fn apply_bounds(&self, exporter: &config::ExporterSettings) {
        self.admission.resize(exporter.probe.max_in_flight);
        self.history.bound(exporter.history.max_outputs);
    }

    /// Runs one probe: capture → history → checks → report. No step of it fails, because a broken stream is a report
    /// too.
    async fn line(&self, loaded: &Config, subject: ProbeSubject, budget: TimeBudget) -> Report {
        let ProbeSubject { channel, template } = subject;
        let began = Instant::now();
        let steps = self.follow_clock();
        let client = self.client(&loaded.exporter.fetch);
        let channel = with_each_address(channel, &template, &client, budget.manifest()).await;
        let handovers = self.handovers.as_deref().filter(|_| loaded.snapshot.channels.contains_key(&channel.code));
        if let Some(handovers) = handovers {
            handovers.take_over(&self.history, &channel, &template, &self.clock).await;
        }
        let now = self.clock.now();
        let max_outputs = loaded.exporter.history.max_outputs;
        let requests = OutputRequests::of_channel(&channel, &template, &client, &self.cookies, max_outputs);
        self.signal.prepare(&template, budget.admission()).await;
        let capturers = channel.outputs.iter().zip(requests).map(|(output, requests)| {
            let key = OutputKey::new(&channel.code, &output.name);
            let DecodePlan { turn, watch, kept } = self.signal.plan(&self.history, &key, &template, now);
            Capturer {
                requests,
                output,
                key,
                bounds: &loaded.exporter.fetch,
                max_segments: loaded.exporter.probe.max_segments,
                exporter_budget: loaded.exporter.probe.budget.map(|budget| (&self.rates, budget)),
                history: &self.history,
                sessions: &self.sessions,
                max_outputs,
                clock: &self.clock,
                channel: &channel,
                template: &template,
                budget,
                turn,
                watch,
                kept,
                allowed_share: OnceLock::new(),
            }
        });
        let capturers: Vec<Capturer<'_>> = capturers.collect();
        capturers.iter().for_each(|c| c.requests.downloads.keep_bytes(c.kept.largest_segment()));
        let mut capture = capture::capture(&capturers, now).await;
        self.signal.decode(&mut capture, &capturers, budget.decoding()).await;
        let captured = Instant::now();
        let pasts = match self.follow_clock() == steps {
            true => self.remember(&capture, &channel, &template, now, handovers),
            // The clock was set during this probe, so that its times are of two clocks: nothing is compared.
            false => vec![OutputHistory::default(); capture.outputs.len()],
        };
        let outcomes = run_checks(&capture, &pasts, &channel, &template, now);
        capture.stages.checks = captured.elapsed().into();
        drop(capturers);
        let outputs = capture.outputs.iter().zip(&pasts);
        Report {
            started_at: now,
            duration: began.elapsed().into(),
            timeout: budget.total().into(),
            success: succeeded(&capture, &outcomes),
            history: outputs.map(|(facts, past)| OutputFromHistory::new(facts, past, now)).collect(),
            channel,
            template,
            capture,
            outcomes,
        }
    }

    /// Moves the times in history and sessions if the clock was set since the last probe, so that everything keeps its
    /// age. Returns the number of clock steps so far.
    fn follow_clock(&self) -> u64 {
        self.clock_steps.read(&self.clock, |by| {
            tracing::warn!(seconds = by.0, "this system's clock was set; what was seen before keeps its age");
            self.history.follow_clock_step(by);
            self.sessions.follow_clock_step(by);
        })
    }

    fn remember(
        &self,
        capture: &Capture,
        channel: &Channel,
        template: &Template,
        now: Timestamp,
        handovers: Option<&Handovers>,
    ) -> Vec<OutputHistory> {
        let retention = template.retention();
        let record = |facts: &OutputFacts| {
            self.history.record(&OutputKey::new(&channel.code, &facts.name), facts, now, retention)
        };
        let pasts = capture.outputs.iter().map(record).collect();
        handovers.inspect(|handovers| handovers.hand_over(&self.history, channel, template));
        pasts
    }

    /// Waits until a probe of a channel of this packager may run. The probes whose deadlines come first run first.
    async fn admit(&self, packager: &str, budget: &TimeBudget) -> Result<Permit<String>, ProbeError> {
        let permit = self.admission.acquire(packager.to_owned(), budget.deadline());
        match tokio::time::timeout_at(budget.admission(), permit).await {
            Ok(Some(permit)) => Ok(permit),
            _ => Err(ProbeError::Overloaded(format!(
                "{} probes are in flight and none ended in time; raise probe.max_in_flight, scrape less often, \
                 or shard the channels",
                self.admission.size()
            ))),
        }
    }

    /// Returns the HTTP client for the settings in force. If a reload has changed them, a new client is built; if that
    /// fails, the old client stays.
    fn client(&self, settings: &config::FetchSettings) -> Client {
        {
            let current = self.client.read().unwrap_or_else(PoisonError::into_inner);
            if current.0 == *settings {
                return current.1.clone();
            }
        }
        let mut current = self.client.write().unwrap_or_else(PoisonError::into_inner);
        match Client::new(settings) {
            Ok(client) => *current = (settings.clone(), client),
            Err(e) => tracing::error!(error = %e, "the new fetch settings can't be used; the old settings stay \
                 in force"),
        }
        current.1.clone()
    }
}

fn run_checks(
    capture: &Capture,
    pasts: &[OutputHistory],
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

/// Returns whether the probe succeeded: no critical check failed, and at least one check ran for each output.
fn succeeded(capture: &Capture, outcomes: &[CheckOutcome]) -> bool {
    let critical = outcomes.iter().flat_map(|o| &o.findings).any(|f| f.severity == Severity::Critical);
    let judged = |name: &str| outcomes.iter().any(|o| o.output == name && o.result != CheckResult::NotRun);
    !critical && !capture.outputs.is_empty() && capture.outputs.iter().all(|o| judged(&o.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{FailureKind, ManifestFacts, StageDurations};
    use crate::finding::Finding;
    use crate::testing;
    use packager_media::stream::Protocol;

    fn capture(outputs: &[&str]) -> Capture {
        let url = testing::url("http://packager/a");
        let output = |name: &&str| OutputFacts {
            manifest: testing::failed(&url, FailureKind::Deadline),
            content: ManifestFacts::Unreadable(Protocol::Hls),
            ..testing::output(name, &url, Vec::new())
        };
        let (started_at, stages) = (Timestamp::UNIX_EPOCH, StageDurations::default());
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
        CheckOutcome {
            check: &checks::delivery::manifest_unavailable::META,
            severity,
            output: output.to_owned(),
            result,
            findings,
            reason: None,
            missing: None,
        }
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
        assert!(!of(&[fine.clone(), outcome("backup", NotRun, Critical)]), "no check ran for the output");
        assert!(!succeeded(&capture(&[]), &[]));
    }
}
