//! Writes the log of a probe. It is made from the report after the probe, so that nothing is buffered while a probe
//! runs.

use super::segment::tracks;
use super::{ChannelCondition, Report};
use crate::checks::{CheckOutcome, CheckResult};
use crate::facts::{Fetched, IFrameFacts, OutputFacts, RenditionFacts};
use packager_media::defect::Defect;
use packager_media::redact;
use packager_media::units::Seconds;
use std::fmt::Write;

/// Largest number of defects of one manifest, playlist or segment that the log lists; further ones are only counted.
const MAX_DEFECTS: usize = 50;
const MAX_CHARACTERS: usize = 2_000;

/// Returns the log of a probe in logfmt, one line for each event, with secrets redacted. `at` is the time since the
/// beginning of the probe; an event whose time isn't known has the time at which its stage began.
#[must_use]
pub fn log(report: &Report) -> String {
    let mut log = Log { out: String::new(), report };
    log.verdict();
    log.line(
        Seconds::ZERO,
        "probe begins",
        &[
            ("target", report.channel.code.clone()),
            ("template", report.template.name.clone()),
            ("timeout", seconds(report.timeout)),
        ],
    );
    for output in &report.capture.outputs {
        log.output(output);
    }
    for outcome in &report.outcomes {
        log.outcome(outcome);
    }
    log.line(
        report.duration,
        "probe ends",
        &[("success", report.success.to_string()), ("deadline_exceeded", report.capture.deadline_exceeded.to_string())],
    );
    log.out
}

struct Log<'a> {
    out: String,
    report: &'a Report,
}

impl Log<'_> {
    /// What the probe found: who reads the log wants to know it first.
    fn verdict(&mut self) {
        let count = |result| self.report.outcomes.iter().filter(|outcome| outcome.result == result).count();
        let condition = match self.report.condition() {
            ChannelCondition::Up => "ok",
            ChannelCondition::Degraded => "degraded",
            ChannelCondition::Down => "failed",
        };
        let fields = [
            ("verdict", condition.to_owned()),
            ("checks", self.report.outcomes.len().to_string()),
            ("failed", count(CheckResult::Failed).to_string()),
            ("not_run", count(CheckResult::NotRun).to_string()),
        ];
        self.line(self.report.duration, "verdict", &fields);
        let mut failed: Vec<&CheckOutcome> = self.report.failed().collect();
        failed.sort_by_key(|outcome| std::cmp::Reverse(outcome.severity));
        for outcome in failed {
            self.findings(outcome);
        }
    }

    fn line(&mut self, at: Seconds, msg: &str, fields: &[(&str, String)]) {
        let _ = write!(self.out, "at=+{:.3}s msg={}", at.0, value(msg));
        for (name, text) in fields.iter().filter(|(_, text)| !text.is_empty()) {
            let _ = write!(self.out, " {name}={}", value(text));
        }
        self.out.push('\n');
    }

    fn output(&mut self, output: &OutputFacts) {
        let name = [("output", output.name.clone())];
        if self.report.is_unverified(&output.name) {
            self.line(Seconds::ZERO, "certificates are not verified (insecure_skip_verify)", &name);
        }
        self.exchange(Seconds::ZERO, "manifest", &name, &output.manifest);
        self.defects(self.report.capture.stages.manifest, &name, &output.defects);
        for rendition in &output.renditions {
            self.rendition(output, rendition);
        }
        for facts in &output.i_frames {
            self.i_frames(output, facts);
        }
    }

    fn i_frames(&mut self, output: &OutputFacts, facts: &IFrameFacts) {
        let manifest = self.report.capture.stages.manifest;
        let asked = facts.playlist_at.map_or(manifest, |at| Seconds::between(self.report.started_at, at));
        let names = [("output", output.name.clone()), ("i_frames", facts.rendition.name.clone())];
        match &facts.playlist {
            Some(fetched) => self.exchange(asked, "I-frame playlist", &names, fetched),
            None => self.line(asked, "I-frame playlist not asked for", &names),
        }
        self.defects(asked, &names, &facts.defects);
        if let Some((segment, fetched)) = &facts.newest {
            let names = [&names[..], &[("segment", segment.number.to_string())]].concat();
            self.exchange(asked, "newest I-frame", &names, fetched);
        }
    }

    fn rendition(&mut self, output: &OutputFacts, facts: &RenditionFacts) {
        let stages = &self.report.capture.stages;
        let asked = facts.playlist_at.map_or(stages.manifest, |at| Seconds::between(self.report.started_at, at));
        let names = [("output", output.name.clone()), ("rendition", facts.rendition.name.clone())];
        match &facts.playlist {
            Some(_) if output.is_media_playlist() => {}
            Some(fetched) => self.exchange(asked, "playlist", &names, fetched),
            None => self.line(asked, "playlist not asked for", &names),
        }
        self.defects(asked, &names, &facts.defects);
        self.media(&names, facts, stages.manifest + stages.playlists);
    }

    fn media(&mut self, names: &[(&str, String)], facts: &RenditionFacts, stage: Seconds) {
        for init in &facts.inits {
            self.exchange(stage, "initialization segment (this probe or an earlier one)", names, &init.fetched);
            self.defects(stage, names, init.inspection.as_ref().map_or(&[], |i| &i.defects));
        }
        for segment in &facts.segments {
            let at = Seconds::between(self.report.started_at, segment.inspected_at);
            let names = [names, &[("segment", segment.segment.number.to_string())]].concat();
            self.exchange(at, "segment", &names, &segment.fetched);
            for track in tracks(segment).iter().filter(|t| t.parameters.is_some()) {
                let what = serde_json::to_string(track).unwrap_or_default();
                self.line(at, "track", &[&names[..], &[("bitstream", what)]].concat());
            }
            self.defects(at, &names, segment.inspection.as_ref().map_or(&[], |i| &i.defects));
        }
        if let Some(oldest) = &facts.oldest {
            let names = [names, &[("segment", oldest.segment.number.to_string())]].concat();
            self.exchange(stage, "oldest segment", &names, &oldest.fetched);
        }
        if facts.skipped > 0 {
            self.line(stage, "segments skipped", &[names, &[("count", facts.skipped.to_string())]].concat());
        }
    }

    fn exchange(&mut self, at: Seconds, msg: &str, names: &[(&str, String)], fetched: &Fetched) {
        let mut fields = names.to_vec();
        fields.push(("url", redact::url(&fetched.url)));
        if let Ok(e) = &fetched.result {
            let t = &e.timings;
            let phase = |length: Option<Seconds>| length.map(seconds).unwrap_or_default();
            fields.extend([
                ("status", e.status.to_string()),
                ("version", e.version.to_owned()),
                ("redirects", e.redirects.to_string()),
                ("content_type", e.content_type.clone().unwrap_or_default()),
                ("content_encoding", e.content_encoding.clone().unwrap_or_default()),
                ("bytes", e.body_bytes.to_string()),
                ("resolve", phase(t.dns)),
                ("connect", phase(t.connect)),
                ("tls", phase(t.tls)),
                ("processing", seconds(t.first_byte)),
                ("transfer", seconds(t.body)),
                ("total", seconds(t.total)),
            ]);
            if e.final_url != fetched.url {
                fields.push(("final_url", redact::url(&e.final_url)));
            }
        }
        fields.push(("problem", fetched.problem().unwrap_or_default()));
        self.line(at, msg, &fields);
    }

    fn defects(&mut self, at: Seconds, names: &[(&str, String)], defects: &[Defect]) {
        for defect in defects.iter().take(MAX_DEFECTS) {
            let what = [
                ("position", defect.at.to_string()),
                ("defect", defect.message.clone()),
                ("reference", defect.reference.to_owned()),
            ];
            self.line(at, "defect", &[names, &what].concat());
        }
        let more = defects.len().saturating_sub(MAX_DEFECTS);
        if more > 0 {
            self.line(at, "more defects", &[names, &[("count", more.to_string())]].concat());
        }
    }

    fn outcome(&mut self, outcome: &CheckOutcome) {
        let at = self.report.duration;
        let check = [("output", outcome.output.clone()), ("check", outcome.check.id.to_owned())];
        match outcome.result {
            CheckResult::Ok => self.line(at, "check passed", &check),
            CheckResult::NotRun => {
                let why = outcome.reason.unwrap_or_default().to_owned();
                self.line(at, "check not run", &[&check[..], &[("reason", why)]].concat());
            }
            CheckResult::Failed => {
                let severity = ("severity", outcome.severity.as_str().to_owned());
                let count = ("violations", outcome.findings.len().to_string());
                self.line(at, "check failed", &[&check[..], &[severity, count]].concat());
            }
        }
    }

    fn findings(&mut self, outcome: &CheckOutcome) {
        let at = self.report.duration;
        let check = [
            ("severity", outcome.severity.as_str().to_owned()),
            ("output", outcome.output.clone()),
            ("check", outcome.check.id.to_owned()),
        ];
        for finding in outcome.findings.iter().take(MAX_DEFECTS) {
            let what = [
                ("rendition", finding.rendition.clone().unwrap_or_default()),
                ("finding", finding.message.clone()),
                ("reference", finding.reference.to_owned()),
            ];
            self.line(at, "violation", &[&check[..], &what].concat());
        }
    }
}

fn seconds(length: Seconds) -> String {
    format!("{:.3}s", length.0)
}

/// Returns a value for logfmt: without control characters, with secrets redacted, and quoted if necessary.
fn value(text: &str) -> String {
    let text = redact::text(text);
    let text = redact::sanitize_label(&text, MAX_CHARACTERS);
    if text.contains([' ', '"', '=']) { format!("{text:?}") } else { text.into_owned() }
}
