//! A report as line protocol: `probe`, `segment_metric`, `abr_ladder` and `playlist_validation`, each with `channel`.

use super::Lines;
use crate::checks::{self, CheckGroup, CheckOutcome, CheckResult};
use crate::facts::SegmentFacts;
use crate::finding::Severity;
use crate::report::{OutputView, RenditionView, Report};
use influxdb_line_protocol::LineProtocolBuilder;
use influxdb_line_protocol::builder::{AfterField, AfterMeasurement, FieldValue};

type Begun = LineProtocolBuilder<Vec<u8>, AfterMeasurement>;
type Field = LineProtocolBuilder<Vec<u8>, AfterField>;

pub fn of(report: &Report) -> Lines {
    let view = report.view();
    let mut writer = Writer {
        text: Vec::with_capacity(4096),
        count: 0,
        channel: &report.channel.code,
        tier: report.channel.tier.map(|tier| tier.to_string()),
        nanos: i64::try_from(report.started_at.as_nanosecond()).unwrap_or(i64::MAX),
    };
    writer.line("probe", &[("template", &report.template.name)], 0, |line| {
        line.field("success", i64::from(report.success)).field("duration_ms", report.duration.0 * 1e3)
    });
    for (facts, output) in report.capture.outputs.iter().zip(&view.outputs) {
        writer.validation(output.name, &report.outcomes);
        writer.ladder(output);
        for rendition in &facts.renditions {
            for (i, segment) in (0..).zip(&rendition.segments) {
                writer.segment(output.name, &rendition.rendition.name, segment, i);
            }
        }
    }
    Lines { text: writer.text, count: writer.count, written: None }
}

struct Writer<'a> {
    text: Vec<u8>,
    count: u64,
    channel: &'a str,
    tier: Option<String>,
    nanos: i64,
}

impl Writer<'_> {
    /// `nth` keeps points apart that have the same tags: one of the same nanosecond would replace the other.
    fn line(&mut self, measurement: &str, tags: &[(&str, &str)], nth: i64, fields: impl FnOnce(Begun) -> Field) {
        let mut line = LineProtocolBuilder::new_with(std::mem::take(&mut self.text)).measurement(measurement);
        line = line.tag("channel", self.channel);
        let tier = self.tier.as_deref().unwrap_or_default();
        // An empty value is no tag, and a line end would end the line.
        for (name, value) in
            tags.iter().chain(&[("tier", tier)]).filter(|(_, v)| !v.is_empty() && !v.contains(['\n', '\r']))
        {
            line = line.tag(name, value);
        }
        self.text = fields(line).timestamp(self.nanos.saturating_add(nth)).close_line().build();
        self.count += 1;
    }

    /// Manifest, ladder and playlists: what the guide's monitor counted as validation, and `legacy_names.rules.yml` does.
    fn validation(&mut self, output: &str, outcomes: &[CheckOutcome]) {
        let counts = |o: &&CheckOutcome| {
            let group = checks::list().iter().find(|l| l.meta.id == o.check).map(|l| l.meta.group);
            let judged =
                matches!(group, Some(CheckGroup::Ladder | CheckGroup::Timeline | CheckGroup::Hls | CheckGroup::Dash));
            let delivery = ["manifest_unavailable", "rendition_unavailable", "live_ended"].contains(&o.check);
            o.output == output && (judged || delivery)
        };
        let failed = |o: &&CheckOutcome| o.result == CheckResult::Failed && o.severity > Severity::Warning;
        let failed: Vec<&CheckOutcome> = outcomes.iter().filter(counts).filter(failed).collect();
        let errors: usize = failed.iter().map(|o| o.findings.len()).sum();
        self.line("playlist_validation", &[("output", output)], 0, |line| {
            line.field("is_valid", i64::from(failed.is_empty())).field("error_count", whole(errors as u64))
        });
    }

    fn ladder(&mut self, output: &OutputView<'_>) {
        let Some(rungs) = output.listed.video else { return };
        self.line("abr_ladder", &[("output", output.name)], 0, |line| {
            let line = line.field("rung_count", whole(rungs));
            let line = optional(line, "rungs_expected", output.renditions_expected.video.map(whole));
            optional(line, "rungs_available", output.renditions_available.video.map(whole))
        });
        for rendition in output.renditions.iter().filter(|r| r.media == "video") {
            self.rung(output.name, rendition);
        }
    }

    fn rung(&mut self, output: &str, rendition: &RenditionView<'_>) {
        let info = &rendition.rendition_info;
        let tags = [("output", output), ("rendition", rendition.name), ("resolution", &info.resolution)];
        let bandwidth = rendition.rendition_bandwidth_bits_per_second;
        // One of them has to be there: a line without fields is none.
        let Some(available) = rendition.answers() else { return };
        self.line("abr_ladder", &tags, 0, |line| {
            let line = line.field("available", i64::from(available));
            let line = optional(line, "bandwidth", bandwidth.declared.map(whole));
            let line = optional(line, "bandwidth_measured", bandwidth.measured);
            optional(line, "playlist_age_seconds", rendition.playlist.playlist_age_seconds)
        });
    }

    fn segment(&mut self, output: &str, rendition: &str, facts: &SegmentFacts, nth: i64) {
        let answer = facts.fetched.result.as_ref().ok();
        let status = answer.map_or("none".to_owned(), |a| a.status.to_string());
        let tags = [("output", output), ("rendition", rendition), ("http_status", &status)];
        self.line("segment_metric", &tags, nth, |line| {
            let line = line.field("declared_duration", facts.segment.duration.0);
            let line = optional(line, "download_time_ms", answer.map(|a| a.timings.total.0 * 1e3));
            let line = optional(line, "size_bytes", answer.map(|a| whole(a.body_bytes)));
            optional(line, "media_sequence", i64::try_from(facts.segment.number).ok())
        });
    }
}

/// Numbers that are none have no place in line protocol.
fn optional<T: FieldValue + Finite>(line: Field, name: &str, value: Option<T>) -> Field {
    match value.filter(Finite::finite) {
        Some(value) => line.field(name, value),
        None => line,
    }
}

trait Finite {
    fn finite(&self) -> bool;
}

impl Finite for f64 {
    fn finite(&self) -> bool {
        self.is_finite()
    }
}

impl Finite for i64 {
    fn finite(&self) -> bool {
        true
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
