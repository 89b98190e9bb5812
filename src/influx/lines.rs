//! Converts a probe's report to InfluxDB line protocol: the measurements `probe`, `segment_metric`, `signal_metric`,
//! `abr_ladder` and `playlist_validation`, each with the tag `channel`.

use super::LineBatch;
use crate::checks::{CheckOutcome, CheckResult};
use crate::facts::SegmentFacts;
use crate::finding::Severity;
use crate::report::{OutputView, RenditionView, Report};
use influxdb_line_protocol::LineProtocolBuilder;
use influxdb_line_protocol::builder::{AfterField, AfterMeasurement, FieldValue};

type LineStart = LineProtocolBuilder<Vec<u8>, AfterMeasurement>;
type LineWithField = LineProtocolBuilder<Vec<u8>, AfterField>;

pub(crate) fn report_lines(report: &Report) -> LineBatch {
    let view = report.view();
    let mut writer = LineWriter {
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
            let is_own = |view: &&RenditionView<'_>| view.name == rendition.rendition.name;
            if let (Some(_), Some(view)) = (&rendition.decoded, output.renditions.iter().find(is_own)) {
                writer.signal(output.name, view);
            }
        }
    }
    LineBatch { text: writer.text, count: writer.count, written: None }
}

struct LineWriter<'a> {
    text: Vec<u8>,
    count: u64,
    channel: &'a str,
    tier: Option<String>,
    nanos: i64,
}

impl LineWriter<'_> {
    /// Adds one line of line protocol. `nth` is added to the timestamp in nanoseconds, because a point with the same
    /// tags and the same timestamp would replace the one before.
    fn line(
        &mut self,
        measurement: &str,
        tags: &[(&str, &str)],
        nth: i64,
        fields: impl FnOnce(LineStart) -> LineWithField,
    ) {
        let mut line = LineProtocolBuilder::new_with(std::mem::take(&mut self.text)).measurement(measurement);
        line = line.tag("channel", self.channel);
        let tier = self.tier.as_deref().unwrap_or_default();
        // Line protocol has no empty tag values, and a line end would end the line.
        for (name, value) in
            tags.iter().chain(&[("tier", tier)]).filter(|(_, v)| !v.is_empty() && !v.contains(['\n', '\r']))
        {
            line = line.tag(name, value);
        }
        self.text = fields(line).timestamp(self.nanos.saturating_add(nth)).close_line().build();
        self.count += 1;
    }

    /// Adds the line `playlist_validation`: whether a check of manifests, playlists or the ladder failed with a
    /// severity above warning, and the number of its findings. The recording rules of `legacy_names.rules.yml` count
    /// the same checks.
    fn validation(&mut self, output: &str, outcomes: &[CheckOutcome]) {
        let counts = |o: &&CheckOutcome| o.output == output && o.check.validates_playlists();
        let failed = |o: &&CheckOutcome| o.result == CheckResult::Failed && o.severity > Severity::Warning;
        let failed: Vec<&CheckOutcome> = outcomes.iter().filter(counts).filter(failed).collect();
        let errors: usize = failed.iter().map(|o| o.findings.len()).sum();
        self.line("playlist_validation", &[("output", output)], 0, |line| {
            line.field("is_valid", i64::from(failed.is_empty())).field("error_count", integer_field(errors as u64))
        });
    }

    fn ladder(&mut self, output: &OutputView<'_>) {
        let Some(rungs) = output.listed.video else { return };
        self.line("abr_ladder", &[("output", output.name)], 0, |line| {
            let line = line.field("rung_count", integer_field(rungs));
            let line = optional(line, "rungs_expected", output.renditions_expected.video.map(integer_field));
            optional(line, "rungs_available", output.renditions_available.video.map(integer_field))
        });
        for rendition in output.renditions.iter().filter(|r| r.media == "video") {
            self.rung(output.name, rendition);
        }
    }

    fn rung(&mut self, output: &str, rendition: &RenditionView<'_>) {
        let info = &rendition.rendition_info;
        let tags = [("output", output), ("rendition", rendition.name), ("resolution", &info.resolution)];
        let bandwidth = rendition.rendition_bandwidth_bits_per_second;
        // A line needs at least one field.
        let Some(available) = rendition.answers() else { return };
        self.line("abr_ladder", &tags, 0, |line| {
            let line = line.field("available", i64::from(available));
            let line = optional(line, "bandwidth", bandwidth.declared.map(integer_field));
            let line = optional(line, "bandwidth_measured", bandwidth.measured);
            let line = optional(line, "playlist_age_seconds", rendition.playlist.playlist_age_seconds);
            let line = optional(line, "quantizer", rendition.video.video_quantizer);
            let line = optional(line, "mos", rendition.video_mos.qp);
            optional(line, "mos_by_content", rendition.video_mos.qp_si)
        });
    }

    /// Adds the line `signal_metric` of a rendition that this probe decoded.
    fn signal(&mut self, output: &str, rendition: &RenditionView<'_>) {
        let signal = &rendition.signal;
        let Some(decoded) = signal.signal_seconds_inspected else { return };
        let fields: [SignalField; 10] = [
            ("loudness", signal.signal_loudness_lufs),
            ("loudness_short_term", signal.signal_loudness_short_term_lufs),
            ("true_peak", signal.signal_true_peak_dbtp),
            ("clipped", signal.signal_clipped_ratio),
            ("freeze_seconds", signal.signal_freeze_seconds),
            ("black_seconds", signal.signal_black_seconds),
            ("single_color_seconds", signal.signal_single_color_seconds),
            ("silence_seconds", signal.signal_silence_seconds),
            ("channel_silence_seconds", signal.signal_channel_silence_seconds),
            ("macroblocking", signal.signal_macroblocking_ratio),
        ];
        self.line("signal_metric", &[("output", output), ("rendition", rendition.name)], 0, |line| {
            let line = line.field("seconds_inspected", decoded);
            fields.into_iter().fold(line, |line, (name, value)| optional(line, name, value))
        });
    }

    fn segment(&mut self, output: &str, rendition: &str, facts: &SegmentFacts, nth: i64) {
        let answer = facts.fetched.result.as_ref().ok();
        let status = answer.map_or("none".to_owned(), |a| a.status.to_string());
        let tags = [("output", output), ("rendition", rendition), ("http_status", &status)];
        self.line("segment_metric", &tags, nth, |line| {
            let line = line.field("declared_duration", facts.segment.duration.0);
            let line = optional(line, "download_time_ms", answer.map(|a| a.timings.total.0 * 1e3));
            let line = optional(line, "size_bytes", answer.map(|a| integer_field(a.body_bytes)));
            optional(line, "media_sequence", i64::try_from(facts.segment.number).ok())
        });
    }
}

/// A measured value of a decode with the name of its field.
type SignalField = (&'static str, Option<f64>);

/// Adds a field to a line if it has a finite value, since line protocol can't express NaN and infinity.
fn optional<T: FieldValue + Finite>(line: LineWithField, name: &str, value: Option<T>) -> LineWithField {
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

fn integer_field(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{broken, clean};

    fn lines(report: &Report) -> Vec<String> {
        let batch = report_lines(report);
        let text = String::from_utf8(batch.text).unwrap();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        assert_eq!(lines.len() as u64, batch.count);
        lines
    }

    fn line(lines: &[String], start: &str) -> String {
        lines.iter().find(|l| l.starts_with(start)).unwrap_or_else(|| panic!("{start}: {lines:#?}")).clone()
    }

    #[test]
    fn a_report_becomes_lines_with_channel_tier_and_time() {
        let lines = lines(&clean());
        let probe =
            "probe,channel=CH_TV_HD_001,template=TPL_LIVE_HD,tier=1 success=1i,duration_ms=1250 1772366400000000000";
        assert_eq!(line(&lines, "probe,"), probe);
        let ladder = line(&lines, "abr_ladder,channel=CH_TV_HD_001,output=hls,tier=1 ");
        assert!(ladder.contains(" rung_count=2i,rungs_expected=2i,rungs_available=2i "), "{ladder}");
        let rung = line(&lines, "abr_ladder,channel=CH_TV_HD_001,output=hls,rendition=1080p,resolution=1920x1080,");
        assert!(
            rung.contains(
                " available=1i,bandwidth=4500000i,bandwidth_measured=4500000,playlist_age_seconds=1.5,quantizer=27,mos="
            ),
            "{rung}"
        );
        let segments: Vec<_> =
            lines.iter().filter(|l| l.starts_with("segment_metric,") && l.contains("1080p")).collect();
        assert_eq!(segments.len(), 2);
        assert!(segments[0].ends_with("media_sequence=8450004i 1772366400000000000"), "{segments:?}");
        assert!(segments[1].ends_with("media_sequence=8450005i 1772366400000000001"), "{segments:?}");
        assert!(segments[0].contains(" declared_duration=6,download_time_ms=250,size_bytes=3375000i,"), "{segments:?}");
    }

    #[test]
    fn validation_counts_the_violations_of_major_checks_of_its_output() {
        let lines = lines(&broken());
        let validation =
            |output: &str| line(&lines, &format!("playlist_validation,channel=CH_TV_HD_001,output={output},tier=1 "));
        assert!(validation("hls").contains(" is_valid=0i,error_count=3i "));
        assert!(validation("backup").contains(" is_valid=0i,error_count=1i "));
        let valid = self::lines(&clean());
        assert!(line(&valid, "playlist_validation,").contains(" is_valid=1i,error_count=0i "));
    }

    #[test]
    fn a_value_that_was_not_measured_is_no_field() {
        let lines = lines(&broken());
        let lost = line(&lines, "abr_ladder,channel=CH_TV_HD_001,output=hls,rendition=1080p,");
        assert!(lost.contains(" available=0i,bandwidth=4500000i 1"), "{lost}");
        assert!(!lines.iter().any(|l| l.contains("rendition=540p") && l.starts_with("abr_ladder")), "nobody knows");
    }
}
