//! Decides whether a check that didn't run should have run: its subject is there, and its input was missing.

use super::support::{decoded, select};
use super::{CheckContext, CheckGroup, CheckMeta};
use crate::facts::{Fetched, RenditionFacts, Undecoded};

/// Input whose absence kept a check from running, although the check applies to the output. A check whose subject the
/// output doesn't have, such as captions, has no missing input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingInput {
    /// The top manifest could not be read.
    Manifest,
    /// No media playlist could be read.
    Playlist,
    /// No segment could be inspected, although the template asks for segments.
    Segment,
    /// This is the first probe of the output, and the check compares probes.
    History,
    /// The probe had no time left to fetch what the check judges.
    Time,
    /// Other decodes or the capture took the time in which picture and sound were to be decoded.
    Turn,
    /// ffmpeg could not decode the segments, or not in time.
    Decode,
}

impl MissingInput {
    /// Returns the value of the label `reason` of the metric `packager_check_not_run`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manifest => "no_manifest",
            Self::Playlist => "no_playlist",
            Self::Segment => "no_segment",
            Self::History => "first_probe",
            Self::Time => "no_time",
            Self::Turn => "no_turn",
            Self::Decode => "not_decoded",
        }
    }
}

/// Reasons why picture and sound were not decoded although they should have been. Without ffmpeg no output is decoded, which
/// one metric says for all.
const UNDECODED: [Undecoded; 6] = [
    Undecoded::NoTurn,
    Undecoded::NoTime,
    Undecoded::TooSlow,
    Undecoded::TooLarge,
    Undecoded::Failed,
    Undecoded::NotStarted,
];

/// Returns the input that was missing when a check didn't run for the given reason. `None`: the output has nothing that
/// the check judges.
pub(super) fn missing_input(context: &CheckContext<'_>, meta: &CheckMeta, reason: &str) -> Option<MissingInput> {
    if reason == select::NO_MANIFEST {
        return Some(MissingInput::Manifest);
    }
    let renditions = &context.output.renditions;
    let timeless = || renditions.iter().any(is_out_of_time);
    if reason == select::NO_PLAYLIST || (judges_playlists(meta) && lacks_playlists(context)) {
        return Some(if timeless() { MissingInput::Time } else { MissingInput::Playlist });
    }
    if (reason == select::NO_SEGMENT || meta.group == CheckGroup::Segments) && lacks_segments(context) {
        return Some(if timeless() { MissingInput::Time } else { MissingInput::Segment });
    }
    if let Some(undecoded) = UNDECODED.into_iter().find(|undecoded| reason == undecoded.text()) {
        return Some(if undecoded.is_put_off() { MissingInput::Turn } else { MissingInput::Decode });
    }
    if reason == decoded::NOT_FOLLOWED_UP {
        let is_put_off = context.output.signal.missing.is_put_off();
        return Some(if is_put_off { MissingInput::Turn } else { MissingInput::Decode });
    }
    let is_first = reason == select::FIRST_OBSERVATION || (meta.needs_history && is_first_probe(context));
    is_first.then_some(MissingInput::History)
}

fn judges_playlists(meta: &CheckMeta) -> bool {
    matches!(meta.group, CheckGroup::Timeline | CheckGroup::Hls | CheckGroup::Dash | CheckGroup::Segments)
}

/// Whether the manifest lists renditions, and no playlist of them was read.
fn lacks_playlists(context: &CheckContext<'_>) -> bool {
    let renditions = &context.output.renditions;
    !renditions.is_empty() && renditions.iter().all(|r| r.timeline.is_none())
}

/// Whether the template asks for segments, and no segment is known that could be inspected.
fn lacks_segments(context: &CheckContext<'_>) -> bool {
    let wanted = |r: &RenditionFacts| !r.covered || r.skipped > 0 || !r.segments.is_empty();
    context.output.renditions.iter().any(wanted)
        && !context.renditions().any(|(_, past)| past.segments.iter().any(|s| s.inspection.is_some()))
}

fn is_first_probe(context: &CheckContext<'_>) -> bool {
    context.renditions().all(|(_, past)| match past.observations.as_slice() {
        [] => true,
        [only] => only.first_seen == only.last_seen,
        _ => false,
    })
}

fn is_out_of_time(rendition: &RenditionFacts) -> bool {
    let segments = rendition.segments.iter().map(|s| &s.fetched);
    rendition.playlist.iter().chain(segments).any(Fetched::probe_timed_out)
}
