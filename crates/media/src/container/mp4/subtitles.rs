//! Subtitles in fragmented MP4 (ISO/IEC 14496-30): TTML documents (`stpp`), and WebVTT cues as boxes (`wvtt`). Their samples
//! are few and small, so they are kept within a bound and read whole.

use super::boxes::{Boxed, name};
use crate::codec::ttml;
use crate::container::Subtitles;
use crate::container::defects::Defects;
use crate::defect::DefectKind;
use crate::units::Seconds;
use mp4_atom::{Trun, TrunSamples};

/// Bytes kept of a resource's samples. What lies behind isn't looked at.
const MAX_BYTES: usize = 512 << 10;
/// Samples looked into of a resource.
const MAX_SAMPLES: usize = 512;

const TTML: &str = "ISO/IEC 14496-30 5; W3C TTML2";
const WEBVTT: &str = "ISO/IEC 14496-30 7.5";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Ttml,
    WebVtt,
}

impl Form {
    /// By the codec of a track.
    #[must_use]
    pub fn of(codec: &str) -> Option<Self> {
        match codec {
            "stpp" => Some(Self::Ttml),
            "wvtt" => Some(Self::WebVtt),
            _ => None,
        }
    }
}

/// Samples of the present fragment that are still to come.
#[derive(Debug, Default)]
pub struct Texts {
    wanted: Vec<Text>,
    bytes: usize,
    samples: usize,
}

#[derive(Debug)]
struct Text {
    track: u32,
    form: Form,
    from: u64,
    size: usize,
    bytes: Vec<u8>,
}

impl Texts {
    /// The samples of a fragment's runs; the first begins at `from`.
    pub fn want(&mut self, track: u32, form: Form, from: u64, runs: &[Trun], default: Option<u32>) {
        let Some(first) = runs.first().and_then(|run| run.data_offset) else { return };
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
                self.one(track, form, at, size as usize);
                at = at.saturating_add(size.into());
            }
        }
    }

    /// An empty one is none: writers that have nothing to say leave it so.
    fn one(&mut self, track: u32, form: Form, from: u64, size: usize) {
        if size > 0 && self.samples < MAX_SAMPLES && self.bytes.saturating_add(size) <= MAX_BYTES {
            self.samples += 1;
            self.bytes += size;
            self.wanted.push(Text { track, form, from, size, bytes: Vec::new() });
        }
    }

    /// Bytes that stand at `at`.
    pub fn pass(&mut self, at: u64, bytes: &[u8]) {
        for text in &mut self.wanted {
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

    /// Reads those that came whole, each into its track's.
    pub fn settle(&mut self, defects: &mut Defects, mut track: impl FnMut(u32, Subtitles)) {
        for text in self.wanted.drain(..).filter(|t| t.bytes.len() == t.size) {
            let (reference, read) = match text.form {
                Form::Ttml => (TTML, document(&text)),
                Form::WebVtt => (WEBVTT, cues(&text)),
            };
            match read {
                Ok(found) => track(text.track, found),
                Err(why) => defects.add(DefectKind::Cues, text.from, reference, || {
                    let form = if text.form == Form::Ttml { "TTML document" } else { "cue of WebVTT" };
                    format!("the sample at byte {} is no {form} that can be read: {why}", text.from)
                }),
            }
        }
    }
}

fn document(text: &Text) -> Result<Subtitles, String> {
    let ttml::Document { cues, span } = ttml::document(&text.bytes)?;
    Ok(Subtitles { samples: 1, cues, span })
}

/// Cues (`vttc`), or a pause (`vtte`), each with text beside (`vtta`); a cue's own boxes are inside of it.
fn cues(text: &Text) -> Result<Subtitles, String> {
    let mut found = Subtitles { samples: 1, ..Subtitles::default() };
    for child in Boxed::new(*b"wvtt", text.from, &text.bytes, text.from).children() {
        let child = child.map_err(|fault| fault.message)?;
        match &child.kind {
            b"vttc" => {
                found.cues += 1;
                for part in child.children() {
                    let part = part.map_err(|fault| fault.message)?;
                    if &part.kind == b"payl" && std::str::from_utf8(part.body).is_err() {
                        return Err(format!("the text of its cue at byte {} is not UTF-8", child.at));
                    }
                }
            }
            b"vtte" | b"vtta" | b"vttx" => {}
            other => return Err(format!("it has a box {} instead of `vttc` or `vtte`", name(*other))),
        }
    }
    Ok(found)
}

impl Subtitles {
    /// Those of another sample.
    pub fn add(&mut self, other: Self) {
        self.samples += other.samples;
        self.cues += other.cues;
        self.span = match (self.span, other.span) {
            (Some((a, b)), Some((c, d))) => Some((Seconds(a.0.min(c.0)), Seconds(b.0.max(d.0)))),
            (one, another) => one.or(another),
        };
    }
}
