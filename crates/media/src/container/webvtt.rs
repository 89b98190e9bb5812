//! Line reader for WebVTT segments: X-TIMESTAMP-MAP and the times of the cues (RFC 8216 3.5, W3C WebVTT 4.1).

use super::defects::DefectLog;
use super::{Inspection, TimestampMap, Track, WebVttCues};
use crate::defect::DefectKind;
use crate::redact;
use crate::stream::Media;
use crate::units::Seconds;

/// Largest number of characters of the segment that the message of a defect repeats.
const MAX_QUOTED_CHARS: usize = 60;
/// Largest number of bytes that are kept of a WebVTT line; what follows (cue settings, text) isn't read.
const MAX_LINE: usize = 256;
const TIMESTAMP_MAP_TAG: &str = "X-TIMESTAMP-MAP";
const ARROW: &str = "-->";

#[derive(Debug)]
pub(super) struct WebVttReader {
    line: Vec<u8>,
    /// Byte offset in the segment at which the current WebVTT line begins.
    line_offset: u64,
    /// Byte offset in the segment of the next byte to be read.
    offset: u64,
    samples: u64,
    cues: WebVttCues,
    defects: DefectLog,
}

impl WebVttReader {
    #[must_use]
    pub(super) fn new(defects: DefectLog) -> Self {
        Self { line: Vec::new(), line_offset: 0, offset: 0, samples: 0, cues: WebVttCues::default(), defects }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|b| matches!(b, b'\n' | b'\r')) {
            let (text, ends) = match piece.split_last() {
                Some((b'\n' | b'\r', text)) => (text, true),
                _ => (piece, false),
            };
            let room = MAX_LINE.saturating_sub(self.line.len()).min(text.len());
            self.line.extend_from_slice(text.get(..room).unwrap_or_default());
            self.offset += piece.len() as u64;
            if ends {
                self.end_line();
            }
        }
    }

    pub(super) fn finish(mut self, inspection: &mut Inspection) -> DefectLog {
        self.end_line();
        let track = Track::new(0, Some(Media::Text), "webvtt".to_owned());
        inspection.tracks = vec![Track { samples: self.samples, ..track }];
        inspection.cues = Some(self.cues);
        self.defects
    }

    fn end_line(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line);
        if let Some(map) = text.strip_prefix(TIMESTAMP_MAP_TAG) {
            self.read_map(map);
        } else if let Some((from, to)) = text.split_once(ARROW) {
            self.read_cue(from, to);
        }
        line.clear();
        self.line = line;
        self.line_offset = self.offset;
    }

    fn read_map(&mut self, written: &str) {
        match parse_timestamp_map(written) {
            Some(map) => self.cues.map = Some(map),
            None => self.defects.add(DefectKind::Cues, self.line_offset, "RFC 8216 3.5", || {
                format!("{TIMESTAMP_MAP_TAG}{} is malformed; its format is {TIMESTAMP_MAP_TAG}=LOCAL:hh:mm:ss.mmm,MPEGTS:number", redact::sanitize_label(written, MAX_QUOTED_CHARS))
            }),
        }
    }

    fn read_cue(&mut self, from: &str, to: &str) {
        self.samples += 1;
        // Cue settings may follow the second time.
        let end = to.split_whitespace().next().unwrap_or_default();
        match (parse_time(from.trim()), parse_time(end)) {
            (Some(from), Some(to)) if from < to => {
                let (first, last) = self.cues.span.unwrap_or((from, to));
                self.cues.span = Some((Seconds(first.0.min(from.0)), Seconds(last.0.max(to.0))));
            }
            (Some(_), Some(_)) => self.report_cue(from, end, "ends before it begins, or as it begins"),
            _ => self.report_cue(from, end, "has times that can't be read (hh:mm:ss.mmm)"),
        }
    }

    fn report_cue(&mut self, from: &str, end: &str, what: &str) {
        self.defects.add(DefectKind::Cues, self.line_offset, "W3C WebVTT 4.1", || {
            format!(
                "the cue at byte {} {what}: {} {ARROW} {}; players drop it",
                self.line_offset,
                redact::sanitize_label(from.trim(), MAX_QUOTED_CHARS),
                redact::sanitize_label(end, MAX_QUOTED_CHARS)
            )
        });
    }
}

/// Parses the value of X-TIMESTAMP-MAP, such as `=LOCAL:00:00:00.000,MPEGTS:900000`, in either order; `None` when it is
/// malformed.
fn parse_timestamp_map(written: &str) -> Option<TimestampMap> {
    let (mut local, mut mpeg) = (None, None);
    for part in written.trim().strip_prefix('=')?.split(',') {
        match part.trim().split_once(':')? {
            ("LOCAL", value) => local = Some(parse_time(value.trim())?),
            ("MPEGTS", value) => mpeg = Some(value.trim().parse().ok()?),
            _ => {}
        }
    }
    Some(TimestampMap { local: local?, mpeg: mpeg? })
}

/// Parses a WebVTT time, `mm:ss.mmm` with optional hours of one to eight digits before it; `None` for another format. Authors have to write
/// two digits or more, and players take one, too (W3C WebVTT 6.3).
fn parse_time(written: &str) -> Option<Seconds> {
    let (clock, fraction) = written.split_once('.')?;
    let thousandths = parse_digits(fraction, 3..=3)?;
    let mut parts = clock.rsplit(':');
    let (seconds, minutes) = (parse_digits(parts.next()?, 2..=2)?, parse_digits(parts.next()?, 2..=2)?);
    let hours = parts.next().map_or(Some(0), |hours| parse_digits(hours, 1..=8))?;
    let total = hours * 3600 + minutes * 60 + seconds;
    let fits = parts.next().is_none() && minutes < 60 && seconds < 60;
    fits.then(|| Seconds((total * 1000 + thousandths) as f64 / 1000.0))
}

fn parse_digits(text: &str, length: std::ops::RangeInclusive<usize>) -> Option<u64> {
    let all = length.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::SegmentInspector;

    fn inspect(text: &str, size: usize) -> Inspection {
        let mut inspector = SegmentInspector::new(None);
        text.as_bytes().chunks(size).for_each(|piece| inspector.push(piece));
        inspector.finish().0
    }

    fn messages(text: &str) -> Vec<String> {
        inspect(text, 7).defects.into_iter().map(|d| d.message).collect()
    }

    #[test]
    fn map_and_cues_are_read_however_the_text_is_cut() {
        // The first bytes come in one piece, when the container is known.
        let note = "x".repeat(crate::container::sniff::SNIFF_WINDOW);
        for ends in ["\n", "\r\n", "\r"] {
            let text = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:01.500\n\n1\n01:00.200 --> 01:01.800 line:0\nHello\n\n\
                        125:00:00.000 --> 125:00:02.000\nThere";
            let text = text.replacen("\n", &format!("\nNOTE {note}\n"), 1).replace('\n', ends);
            for size in [1, 3, 64, 1000] {
                let inspection = inspect(&text, size);
                let cues = inspection.cues.unwrap();
                assert_eq!(cues.map, Some(TimestampMap { local: Seconds(1.5), mpeg: 900_000 }));
                assert_eq!(cues.span, Some((Seconds(60.2), Seconds(450_002.0))));
                assert_eq!((inspection.tracks[0].samples, inspection.defects.len()), (2, 0), "{ends:?} {size}");
            }
        }
    }

    #[test]
    fn times_of_another_format_and_backward_cues_are_defects() {
        let commas = messages("WEBVTT\n\n00:00:00,200 --> 00:00:01,800\nText\n");
        assert_eq!(
            commas,
            [
                "the cue at byte 8 has times that can't be read (hh:mm:ss.mmm): 00:00:00,200 --> 00:00:01,800; players drop it"
            ]
        );
        assert!(messages("WEBVTT\n\n00:02.000 --> 00:02.000\n")[0].contains("ends before it begins"));
        for wrong in ["00:60.000", "60:00.000", "0:00.000", "00:00.00", "1:2:00:00.000", "00:00", "+0:00.000"] {
            assert_eq!(messages(&format!("WEBVTT\n\n00:00.000 --> {wrong}\n")).len(), 1, "{wrong}");
        }
    }

    #[test]
    fn an_incomplete_timestamp_map_is_a_defect() {
        for wrong in ["", "=LOCAL:00:00:00.000", "=MPEGTS:1", "=LOCAL:0,MPEGTS:1", "=LOCAL:00:00.000,MPEGTS:-1"] {
            let inspection = inspect(&format!("WEBVTT\nX-TIMESTAMP-MAP{wrong}\n\n"), 64);
            assert_eq!((inspection.defects.len(), inspection.cues.unwrap().map), (1, None), "{wrong}");
        }
    }

    #[test]
    fn a_line_without_end_is_kept_within_a_bound() {
        let mut text = WebVttReader::new(DefectLog::default());
        (0..1000).for_each(|_| text.push(&[b'x'; 1000]));
        assert!(text.line.len() <= MAX_LINE);
    }

    #[test]
    fn a_defect_has_the_offset_of_its_line() {
        for (text, offset) in [("WEBVTT\n\nx --> y\n", 8), ("WEBVTT\r\n\r\nx --> y", 10), ("WEBVTT\r\rx --> y\r", 8)] {
            for size in [1, 5, 100] {
                let at = inspect(text, size).defects[0].at;
                assert_eq!(at, crate::defect::Position::Byte(offset), "{text:?} {size}");
            }
        }
    }

    #[test]
    fn times_have_two_digits_of_minutes_and_seconds_and_one_to_eight_of_hours() {
        for (text, seconds) in [
            ("00:00.000", Some(0.0)),
            ("59:59.999", Some(3599.999)),
            ("01:00:01.010", Some(3601.01)),
            ("12345678:00:00.000", Some(12_345_678.0 * 3600.0)),
            ("123456789:00:00.000", None),
            ("1:00:00.000", Some(3600.0)),
            (":00:00.000", None),
            ("00:00:60.000", None),
            ("00:60:00.000", None),
            ("00:00.00", None),
            ("00:00.0000", None),
            ("00.000", None),
        ] {
            assert_eq!(parse_time(text), seconds.map(Seconds), "{text}");
        }
    }

    #[test]
    fn the_span_reaches_from_the_earliest_start_to_the_latest_end() {
        let text = "WEBVTT\n\n00:05.000 --> 00:09.000\n\n00:02.000 --> 00:03.000\n\n00:08.000 --> 00:08.500\n";
        let cues = inspect(text, 50).cues.unwrap();
        assert_eq!((cues.span, cues.duration()), (Some((Seconds(2.0), Seconds(9.0))), Some(Seconds(7.0))));
        assert_eq!(cues.start().map(|t| t.ticks), Some(180_000));
        let map = |local, mpeg| WebVttCues { map: Some(TimestampMap { local: Seconds(local), mpeg }), ..cues };
        assert_eq!(map(1.5, 900_000).start().map(|t| t.ticks), Some(945_000));
        assert_eq!(map(3.0, 90_000).start().map(|t| t.ticks), Some(0));
        assert_eq!(map(4.0, 90_000).start().map(|t| t.ticks), Some((1 << 33) - 90_000));
        assert_eq!(WebVttCues::default().start(), None);
    }
}
