//! Subtitles in fragmented MP4 (ISO/IEC 14496-30): TTML documents (`stpp`), and WebVTT cues as boxes (`wvtt`). Their
//! samples are few and small, so they are kept within a bound and read as a whole.

use super::boxes::{Mp4Box, printable_kind};
use crate::codec::ttml;
use crate::container::Subtitles;
use crate::container::defects::DefectLog;
use crate::defect::DefectKind;
use crate::units::Seconds;
use mp4_atom::{Trun, TrunSamples};

/// Largest number of bytes of subtitle samples that are kept of a resource; later samples aren't read.
const MAX_BYTES: usize = 512 << 10;
/// Largest number of subtitle samples that are read of a resource.
const MAX_SAMPLES: usize = 512;

const TTML_CLAUSE: &str = "ISO/IEC 14496-30 5; W3C TTML2";
const WEBVTT_CLAUSE: &str = "ISO/IEC 14496-30 7.5";

/// Format in which the samples of a text track carry subtitles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SubtitleFormat {
    Ttml,
    WebVtt,
}

impl SubtitleFormat {
    /// Returns the subtitle format of a codec; `None` for a codec without subtitles.
    #[must_use]
    pub(super) fn from_codec(codec: &str) -> Option<Self> {
        match codec {
            "stpp" => Some(Self::Ttml),
            "wvtt" => Some(Self::WebVtt),
            _ => None,
        }
    }
}

/// Collects the subtitle samples of the current fragment as its media data passes.
#[derive(Debug, Default)]
pub(super) struct SubtitleSamples {
    requested: Vec<SubtitleSample>,
    bytes: usize,
    samples: usize,
}

#[derive(Debug)]
struct SubtitleSample {
    track: u32,
    format: SubtitleFormat,
    from: u64,
    size: usize,
    bytes: Vec<u8>,
}

impl SubtitleSamples {
    /// Requests the subtitle samples in the track runs of a fragment; the first sample begins at byte offset `from` of
    /// the resource.
    pub(super) fn request(
        &mut self,
        track: u32,
        format: SubtitleFormat,
        from: u64,
        runs: &[Trun],
        default: Option<u32>,
    ) {
        let first = runs.first().and_then(|run| run.data_offset).unwrap_or(0);
        let mut at = from;
        for run in runs {
            if let Some(offset) = run.data_offset {
                at = from.saturating_add_signed(i64::from(offset) - i64::from(first));
            }
            let (explicit, alike) = match &run.samples {
                TrunSamples::Explicit(entries) => (&entries[..], 0),
                TrunSamples::Inherited { count, .. } => (&[][..], *count as usize),
            };
            let sizes = explicit.iter().map(|e| e.size.or(default));
            for size in sizes.chain(std::iter::repeat_n(default, alike.min(MAX_SAMPLES))) {
                let Some(size) = size else { return };
                self.request_sample(track, format, at, size as usize);
                at = at.saturating_add(size.into());
            }
        }
    }

    /// Requests one subtitle sample. Writers leave a sample empty when it has no subtitle, so an empty sample isn't
    /// read.
    fn request_sample(&mut self, track: u32, format: SubtitleFormat, from: u64, size: usize) {
        if size > 0 && self.samples < MAX_SAMPLES && self.bytes.saturating_add(size) <= MAX_BYTES {
            self.samples += 1;
            self.bytes += size;
            self.requested.push(SubtitleSample { track, format, from, size, bytes: Vec::new() });
        }
    }

    /// Passes on media data that begins at byte offset `at` of the resource.
    pub(super) fn pass_media(&mut self, at: u64, bytes: &[u8]) {
        for text in &mut self.requested {
            let next = text.from.saturating_add(text.bytes.len() as u64);
            let room = text.size - text.bytes.len();
            if let Ok(skip) = usize::try_from(next.saturating_sub(at))
                && next >= at
                && room > 0
            {
                let bytes = bytes.get(skip..).unwrap_or_default();
                text.bytes.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
            }
        }
    }

    /// Reads the subtitle samples that arrived complete. For each it calls `track` with the track_ID and its subtitles.
    pub(super) fn read_complete(&mut self, defects: &mut DefectLog, mut track: impl FnMut(u32, Subtitles)) {
        for text in self.requested.drain(..).filter(|t| t.bytes.len() == t.size) {
            let (reference, read) = match text.format {
                SubtitleFormat::Ttml => (TTML_CLAUSE, read_ttml(&text)),
                SubtitleFormat::WebVtt => (WEBVTT_CLAUSE, read_webvtt_cues(&text)),
            };
            match read {
                Ok(found) => track(text.track, found),
                Err(why) => defects.add(DefectKind::Cues, text.from, reference, || {
                    let format = if text.format == SubtitleFormat::Ttml { "TTML document" } else { "WebVTT cue" };
                    format!("the sample at byte {} isn't a readable {format}: {why}", text.from)
                }),
            }
        }
    }
}

fn read_ttml(text: &SubtitleSample) -> Result<Subtitles, String> {
    let ttml::TtmlCues { cues, span } = ttml::parse(&text.bytes)?;
    Ok(Subtitles { samples: 1, cues, span })
}

/// Reads the boxes of a WebVTT sample: cues (`vttc`) or a pause (`vtte`), each with additional text (`vtta`). The text
/// of a cue is in a child box.
fn read_webvtt_cues(text: &SubtitleSample) -> Result<Subtitles, String> {
    let mut found = Subtitles { samples: 1, ..Subtitles::default() };
    for child in Mp4Box::new(*b"wvtt", text.from, &text.bytes, text.from).children() {
        let child = child.map_err(|error| error.message)?;
        match &child.kind {
            b"vttc" => {
                found.cues += 1;
                for part in child.children() {
                    let part = part.map_err(|error| error.message)?;
                    if &part.kind == b"payl" && std::str::from_utf8(part.body).is_err() {
                        return Err(format!("the text of its cue at byte {} is not UTF-8", child.offset));
                    }
                }
            }
            b"vtte" | b"vtta" | b"vttx" => {}
            other => return Err(format!("it has a box {} instead of `vttc` or `vtte`", printable_kind(*other))),
        }
    }
    Ok(found)
}

impl Subtitles {
    /// Adds the subtitles of another sample of the track.
    pub(super) fn merge(&mut self, other: Self) {
        self.samples += other.samples;
        self.cues += other.cues;
        self.span = match (self.span, other.span) {
            (Some((a, b)), Some((c, d))) => Some((Seconds(a.0.min(c.0)), Seconds(b.0.max(d.0)))),
            (one, another) => one.or(another),
        };
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use mp4_atom::TrunEntry;

    fn entries(data_offset: Option<i32>, sizes: &[Option<u32>]) -> Trun {
        let entry = |size: &Option<u32>| TrunEntry { size: *size, ..TrunEntry::default() };
        Trun { data_offset, samples: TrunSamples::Explicit(sizes.iter().map(entry).collect()) }
    }

    fn requested(runs: &[Trun], default: Option<u32>) -> Vec<(u64, usize)> {
        let mut samples = SubtitleSamples::default();
        samples.request(1, SubtitleFormat::WebVtt, 100, runs, default);
        samples.requested.iter().map(|s| (s.from, s.size)).collect()
    }

    #[test]
    fn samples_follow_each_other_and_the_offsets_of_their_runs() {
        let runs =
            [entries(Some(50), &[Some(5), None, Some(0)]), entries(None, &[Some(2)]), entries(Some(90), &[Some(3)])];
        assert_eq!(requested(&runs, Some(7)), [(100, 5), (105, 7), (112, 2), (140, 3)]);
        assert_eq!(requested(&runs, None), [(100, 5)], "behind an unknown size nothing is found");
        assert_eq!(requested(&runs[1..], Some(7)), [(100, 2), (190, 3)], "behind a track fragment");
        let alike =
            Trun { data_offset: Some(9), samples: TrunSamples::Inherited { count: u32::MAX, first_flags: None } };
        assert_eq!(requested(&[alike], Some(1)).len(), MAX_SAMPLES);
    }

    #[test]
    fn the_bytes_of_all_samples_are_bounded() {
        let half = (MAX_BYTES / 2) as u32;
        let sizes = [half, half, 1].map(Some);
        assert_eq!(requested(&[entries(Some(0), &sizes)], None).len(), 2);
        assert_eq!(requested(&[entries(Some(0), &[half + 1, half, half - 1].map(Some))], None).len(), 2);
    }

    #[test]
    fn merged_subtitles_reach_from_the_earliest_to_the_latest() {
        let of = |cues, span: Option<(f64, f64)>| Subtitles {
            samples: 1,
            cues,
            span: span.map(|(from, to)| (Seconds(from), Seconds(to))),
        };
        let mut all = of(1, None);
        all.merge(of(2, Some((3.0, 5.0))));
        all.merge(of(3, Some((1.0, 4.0))));
        all.merge(of(0, None));
        assert_eq!(all, Subtitles { samples: 4, ..of(6, Some((1.0, 5.0))) });
    }
}
