//! WebVTT: its timestamp map and its cues' times (RFC 8216 3.5, W3C WebVTT 4.1), a line at a time.

use super::defects::Defects;
use super::{Cues, Inspection, TimestampMap, Track};
use crate::defect::DefectKind;
use crate::redact;
use crate::stream::Media;
use crate::units::Seconds;

/// Longest part of a segment that the message of a defect repeats, in characters.
const MAX_SHOWN_CHARS: usize = 60;
/// Bytes kept of a line: cue settings and text beyond are not read.
const LINE_MAX: usize = 256;
const MAP: &str = "X-TIMESTAMP-MAP";
const ARROW: &str = "-->";

#[derive(Debug)]
pub struct WebVtt {
    line: Vec<u8>,
    /// Byte offsets of the line's beginning and of the next byte.
    began: u64,
    at: u64,
    samples: u64,
    cues: Cues,
    defects: Defects,
}

impl WebVtt {
    #[must_use]
    pub fn new(defects: Defects) -> Self {
        Self { line: Vec::new(), began: 0, at: 0, samples: 0, cues: Cues::default(), defects }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|b| matches!(b, b'\n' | b'\r')) {
            let (text, ends) = match piece.split_last() {
                Some((b'\n' | b'\r', text)) => (text, true),
                _ => (piece, false),
            };
            let room = LINE_MAX.saturating_sub(self.line.len()).min(text.len());
            self.line.extend_from_slice(text.get(..room).unwrap_or_default());
            self.at += piece.len() as u64;
            if ends {
                self.end_line();
            }
        }
    }

    pub fn finish(mut self, inspection: &mut Inspection) -> Defects {
        self.end_line();
        let track = Track::new(0, Some(Media::Text), "webvtt".to_owned());
        inspection.tracks = vec![Track { samples: self.samples, ..track }];
        inspection.cues = Some(self.cues);
        self.defects
    }

    fn end_line(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line);
        if let Some(map) = text.strip_prefix(MAP) {
            self.map(map);
        } else if let Some((from, to)) = text.split_once(ARROW) {
            self.cue(from, to);
        }
        line.clear();
        self.line = line;
        self.began = self.at;
    }

    fn map(&mut self, written: &str) {
        match timestamp_map(written) {
            Some(map) => self.cues.map = Some(map),
            None => self.defects.add(DefectKind::Cues, self.began, "RFC 8216 3.5", || {
                format!(
                    "{MAP}{} can't be read; it is {MAP}=LOCAL:hh:mm:ss.mmm,MPEGTS:number",
                    redact::sanitize_label(written, MAX_SHOWN_CHARS)
                )
            }),
        }
    }

    fn cue(&mut self, from: &str, to: &str) {
        self.samples += 1;
        // Settings may follow the second time.
        let end = to.split_whitespace().next().unwrap_or_default();
        match (time(from.trim()), time(end)) {
            (Some(from), Some(to)) if from < to => {
                let (first, last) = self.cues.span.unwrap_or((from, to));
                self.cues.span = Some((Seconds(first.0.min(from.0)), Seconds(last.0.max(to.0))));
            }
            (Some(_), Some(_)) => self.wrong(from, end, "ends before it begins, or as it begins"),
            _ => self.wrong(from, end, "has times that can't be read (hh:mm:ss.mmm)"),
        }
    }

    fn wrong(&mut self, from: &str, end: &str, what: &str) {
        self.defects.add(DefectKind::Cues, self.began, "W3C WebVTT 4.1", || {
            format!(
                "the cue at byte {} {what}: {} {ARROW} {}; players drop it",
                self.began,
                redact::sanitize_label(from.trim(), MAX_SHOWN_CHARS),
                redact::sanitize_label(end, MAX_SHOWN_CHARS)
            )
        });
    }
}

/// `=LOCAL:00:00:00.000,MPEGTS:900000`, in either order.
fn timestamp_map(written: &str) -> Option<TimestampMap> {
    let (mut local, mut mpeg) = (None, None);
    for part in written.trim().strip_prefix('=')?.split(',') {
        match part.trim().split_once(':')? {
            ("LOCAL", value) => local = Some(time(value.trim())?),
            ("MPEGTS", value) => mpeg = Some(value.trim().parse().ok()?),
            _ => {}
        }
    }
    Some(TimestampMap { local: local?, mpeg: mpeg? })
}

/// `mm:ss.mmm`, with as many hours before it as there are.
fn time(written: &str) -> Option<Seconds> {
    let (clock, fraction) = written.split_once('.')?;
    let thousandths = digits(fraction, 3..=3)?;
    let mut parts = clock.rsplit(':');
    let (seconds, minutes) = (digits(parts.next()?, 2..=2)?, digits(parts.next()?, 2..=2)?);
    let hours = parts.next().map_or(Some(0), |hours| digits(hours, 2..=8))?;
    let whole = hours * 3600 + minutes * 60 + seconds;
    let fits = parts.next().is_none() && minutes < 60 && seconds < 60;
    fits.then(|| Seconds((whole * 1000 + thousandths) as f64 / 1000.0))
}

fn digits(text: &str, length: std::ops::RangeInclusive<usize>) -> Option<u64> {
    let all = length.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::Inspector;

    fn read(text: &str, size: usize) -> Inspection {
        let mut inspector = Inspector::new(None);
        text.as_bytes().chunks(size).for_each(|piece| inspector.push(piece));
        inspector.finish().0
    }

    fn messages(text: &str) -> Vec<String> {
        read(text, 7).defects.into_iter().map(|d| d.message).collect()
    }

    #[test]
    fn map_and_cues_are_read_however_the_text_is_cut() {
        for ends in ["\n", "\r\n", "\r"] {
            let text = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:01.500\n\n1\n01:00.200 --> 01:01.800 line:0\nHello\n\n\
                        125:00:00.000 --> 125:00:02.000\nThere";
            let text = text.replace('\n', ends);
            for size in [1, 3, 64, 1000] {
                let inspection = read(&text, size);
                let cues = inspection.cues.unwrap();
                assert_eq!(cues.map, Some(TimestampMap { local: Seconds(1.5), mpeg: 900_000 }));
                assert_eq!(cues.span, Some((Seconds(60.2), Seconds(450_002.0))));
                assert_eq!((inspection.tracks[0].samples, inspection.defects.len()), (2, 0), "{ends:?} {size}");
            }
        }
    }

    #[test]
    fn times_of_another_format_and_backward_cues_are_told() {
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
    fn a_map_that_lacks_a_half_is_told() {
        for wrong in ["", "=LOCAL:00:00:00.000", "=MPEGTS:1", "=LOCAL:0,MPEGTS:1", "=LOCAL:00:00.000,MPEGTS:-1"] {
            let inspection = read(&format!("WEBVTT\nX-TIMESTAMP-MAP{wrong}\n\n"), 64);
            assert_eq!((inspection.defects.len(), inspection.cues.unwrap().map), (1, None), "{wrong}");
        }
    }

    #[test]
    fn a_line_without_end_is_not_kept() {
        let mut text = WebVtt::new(Defects::default());
        (0..1000).for_each(|_| text.push(&[b'x'; 1000]));
        assert!(text.line.len() <= LINE_MAX);
    }
}
