//! The segments that a playlist of the origin lists at an instant, and the media of each. No state is kept: all follows
//! from the time, the channel and the fault.

use super::channels::{Channel, Format, Ladder};
use super::encryption::Cipher;
use super::faults::Effect;
use super::fixtures::{self, AUDIO_TIMESCALE, UNIT_MS};
use super::i_frames;
use super::low_latency::LiveEdge;
use super::{moving_names, mp4_subtitles, webvtt};

/// Instant at which unit number 0 (2 s of media) of every channel begins: 2024-01-01T00:00:00Z, in milliseconds of Unix
/// time.
pub(super) const EPOCH_MS: i64 = 1_704_067_200_000;
/// Number of milliseconds from the end of a segment until the origin lists it.
pub(super) const ENCODER_LATENCY_MS: i64 = 1000;
/// Number of segments after which a fault that comes and goes begins again.
pub(super) const CYCLE: i64 = 10;
/// Number of segments between two restarts of the packager.
const RUN: i64 = 20;
/// Number of segments by which a playlist of the origin lies behind: in `SequenceRegressed` one more than this, in
/// `TwoOrigins` and `RenditionSkew` exactly this.
const STEP_BACK: i64 = 3;

/// A rendition of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rendition {
    /// A rung of the ladder, by its index; the highest rung has index 0.
    Rung(usize),
    Audio,
    /// The rendition with subtitles in WebVTT.
    WebVtt,
    /// The rendition with subtitles in TTML in MP4.
    Ttml,
}

/// The rendition that faults of a single rendition change: that of 720p.
pub(super) const TARGET: Rendition = Rendition::Rung(1);

/// Timeline of a channel, with the fault that is played on it.
#[derive(Clone, Debug)]
pub(super) struct Timeline {
    pub format: Format,
    pub ladder: Ladder,
    pub cipher: Cipher,
    pub effect: Option<Effect>,
    /// Numbers of 2 s units of media in segments with an even and with an odd index.
    pub layout: [i64; 2],
    pub window: i64,
    /// Offset that is added to every media sequence number of the channel.
    pub base: i64,
    /// Text before the number in the names of the channel's segments.
    pub stem: String,
    discontinuity_every: Option<i64>,
    /// Whether the channel's playlists list parts (Low-Latency HLS).
    pub parts: bool,
    /// Whether the channel's parts are byte ranges of their segment.
    pub ranged: bool,
    pub ads: bool,
    pub i_frames: bool,
    pub webvtt: bool,
    /// Whether the channel has subtitles in MP4.
    pub mp4_subtitles: bool,
    /// Whether the multivariant playlist has measured bit rates and a changing order.
    pub measured: bool,
    /// Whether URIs of the channel contain the id of a playback session.
    pub sessions: bool,
    /// Instant of the request in milliseconds of Unix time. The measured bit rates, the order of the variants and the
    /// session's id depend on it.
    pub requested_ms: i64,
}

/// A segment of a rendition, as the origin lists it.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    /// Number of segments since the epoch, whatever number the playlist gives to the segment.
    pub index: i64,
    pub name: String,
    pub discontinuity: bool,
    pub gap: bool,
    /// Number of the first 2 s unit of media in the segment, counted from the epoch. `units` is how many such units the
    /// segment has.
    pub media_unit: i64,
    pub units: i64,
    /// Offset in milliseconds of the segment's timestamps.
    pub shift_ms: i64,
    pub duration_s: f64,
    pub date_ms: i64,
    pub published_ms: i64,
    /// EXT-X-BITRATE of the segment in kbit/s; `None` without the tag.
    pub kilobits: Option<usize>,
}

/// Content of a media playlist at an instant.
pub(super) struct Listing {
    pub rendition: Rendition,
    pub sequence: i64,
    pub discontinuity_sequence: Option<i64>,
    pub target_duration: i64,
    pub segments: Vec<Segment>,
    pub live: Option<LiveEdge>,
    /// Instant at which the packager last wrote the playlist, in milliseconds of Unix time. A playlist that lists fewer
    /// segments than it should is written as often as any other.
    pub published_ms: i64,
}

impl Timeline {
    pub(super) fn new(channel: &Channel, number: i64, effect: Option<Effect>) -> Self {
        let layout = match effect {
            Some(Effect::SegmentDuration) if channel.units == 1 => [1, 3],
            Some(Effect::SegmentDuration) => [2, 4],
            _ => [channel.units; 2],
        };
        let discontinuity_every = match effect {
            Some(Effect::DiscontinuityExcess) => Some(2),
            Some(Effect::DiscontinuityStuck | Effect::DiscontinuityDown) => Some(CYCLE),
            _ => channel.discontinuity_every,
        };
        Self {
            format: channel.format,
            ladder: channel.ladder(),
            cipher: channel.cipher,
            effect,
            layout,
            window: match effect {
                Some(Effect::WindowTooShort | Effect::DiscontinuityTwice) => 2,
                Some(Effect::UpdatesSparse) => 3,
                _ => channel.window,
            },
            base: 1000 * (number - 1),
            stem: "seg_".to_owned(),
            discontinuity_every,
            parts: channel.parts,
            ranged: channel.ranged(),
            ads: channel.ads,
            i_frames: i_frames::is_offered_by(channel),
            webvtt: webvtt::is_offered_by(channel),
            mp4_subtitles: mp4_subtitles::is_offered_by(channel),
            measured: moving_names::is_measured(channel),
            sessions: moving_names::has_sessions(channel),
            requested_ms: 0,
        }
    }

    /// Returns the content of the media playlist at an instant. `request_number` counts the requests for this playlist.
    pub(super) fn listing(&self, now_ms: i64, rendition: Rendition, request_number: u64) -> Listing {
        let edge = self.edge(now_ms);
        let listed_end = (edge - self.segments_behind(edge, rendition, request_number)).max(1);
        let first = (listed_end - self.window).max(0);
        let run = self.run_at(listed_end);
        let live = self.parts.then(|| LiveEdge::at(self, now_ms, rendition));
        let whole_ms = EPOCH_MS + self.start_unit(edge) * UNIT_MS + ENCODER_LATENCY_MS;
        Listing {
            rendition,
            sequence: self.sequence(first, listed_end, run),
            discontinuity_sequence: self.discontinuity_sequence(first),
            target_duration: self.target_duration(edge, rendition),
            segments: (first..listed_end).map(|index| self.segment(index, run, rendition, listed_end)).collect(),
            published_ms: live.map_or(whole_ms, |live| live.published_ms(self)),
            live,
        }
    }

    /// Returns the segment with this name, if it is available at that instant: while it is in the window, and for the
    /// duration of another window after it.
    pub(super) fn segment_by_name(&self, name: &str, now_ms: i64, rendition: Rendition) -> Option<Segment> {
        let (run, index) = self.parse(name)?;
        let edge = self.edge(now_ms);
        let there = index >= 0 && index < edge && index >= edge - 2 * self.window - STEP_BACK - 1;
        let missing = match self.effect {
            Some(Effect::NewestSegmentMissing) => index + 1 >= self.edge(now_ms - 1000),
            Some(Effect::OldestSegmentMissing) => index <= self.edge(now_ms + 1000) - self.window,
            Some(Effect::Gap | Effect::GapsOnly | Effect::GapsAtEdge) => self.is_gap(index, edge),
            _ => false,
        };
        (there && !missing).then(|| self.segment(index, run, rendition, edge))
    }

    /// Returns the number of segments since the epoch that are complete and listed.
    pub(super) fn edge(&self, now_ms: i64) -> i64 {
        let units = (now_ms - ENCODER_LATENCY_MS - EPOCH_MS).div_euclid(UNIT_MS);
        let pair = self.layout[0] + self.layout[1];
        let second_of_pair = i64::from(units.rem_euclid(pair) >= self.layout[0]);
        units.div_euclid(pair) * 2 + second_of_pair
    }

    pub(super) fn start_unit(&self, index: i64) -> i64 {
        let pair = self.layout[0] + self.layout[1];
        index.div_euclid(2) * pair + index.rem_euclid(2) * self.layout[0]
    }

    fn units(&self, index: i64) -> i64 {
        self.layout[index.rem_euclid(2) as usize]
    }

    /// Returns the number of the newest segments that a fault leaves out of the list.
    fn segments_behind(&self, edge: i64, rendition: Rendition, request_number: u64) -> i64 {
        match self.effect {
            Some(Effect::SequenceRegressed) if edge.rem_euclid(CYCLE) < 3 => STEP_BACK + 1,
            Some(Effect::TwoOrigins) if request_number % 2 == 1 => STEP_BACK,
            Some(Effect::RenditionSkew) if rendition == TARGET => STEP_BACK,
            _ => 0,
        }
    }

    fn run_at(&self, listed_end: i64) -> i64 {
        if self.effect == Some(Effect::Restarted) { listed_end.div_euclid(RUN) } else { 0 }
    }

    /// Returns the number of the 2 s unit of media with which the packager's last restart began. Presentation times and
    /// media times are counted from there; 0 if the packager never restarts.
    pub(super) fn run_start(&self, now_ms: i64) -> i64 {
        match self.effect {
            Some(Effect::Restarted) => self.start_unit(self.edge(now_ms).div_euclid(RUN) * RUN - self.window),
            _ => 0,
        }
    }

    /// Returns the name of the segment with this position since the packager's last restart.
    pub(super) fn name_in_run(&self, position: i64, now_ms: i64) -> String {
        let run = self.run_at(self.edge(now_ms));
        let index = if self.effect == Some(Effect::Restarted) { position + run * RUN - self.window } else { position };
        self.name(index, run, 0)
    }

    fn sequence(&self, first: i64, listed_end: i64, run: i64) -> i64 {
        match self.effect {
            Some(Effect::Restarted) => self.number_in_run(first, run),
            Some(Effect::SequenceJump) => first + self.base + 50 * listed_end.div_euclid(CYCLE),
            _ => first + self.base,
        }
    }

    /// Returns the media sequence number of a segment after restart number `run` of the packager. The numbers begin
    /// with 0 one window before the restart, so that the first playlist after it has a whole window.
    fn number_in_run(&self, index: i64, run: i64) -> i64 {
        index - run * RUN + self.window
    }

    /// Returns EXT-X-DISCONTINUITY-SEQUENCE: the number of discontinuities that have left the window (RFC 8216bis
    /// 6.2.2). The discontinuity before the first listed segment hasn't left. `None` for channels without
    /// discontinuities.
    fn discontinuity_sequence(&self, first: i64) -> Option<i64> {
        let left = (first + self.discontinuity_every? - 1).div_euclid(self.discontinuity_every?);
        Some(match self.effect {
            Some(Effect::DiscontinuityStuck) => 7,
            Some(Effect::DiscontinuityDown) => 1_000_000_000 - left,
            Some(Effect::DiscontinuityTwice) => 2 * left,
            _ => left,
        })
    }

    fn target_duration(&self, edge: i64, rendition: Rendition) -> i64 {
        let target = self.layout[0].max(self.layout[1]) * UNIT_MS / 1000;
        match self.effect {
            Some(Effect::TargetTooLow) => target - 1,
            Some(Effect::TargetChanged) if edge.rem_euclid(CYCLE) < CYCLE / 2 => target + 1,
            Some(Effect::PlaylistsDisagree) if rendition == TARGET => target + 1,
            _ => target,
        }
    }

    pub(super) fn segment(&self, index: i64, run: i64, rendition: Rendition, listed_end: i64) -> Segment {
        let (start, units) = (self.start_unit(index), self.units(index));
        let media_unit = match (self.effect, self.discontinuity_every) {
            (Some(Effect::Restarted), _) => self.start_unit(self.number_in_run(index, run)),
            (_, Some(every)) => start - self.start_unit(index - index.rem_euclid(every)),
            _ => start,
        };
        let sound = if self.ladder == Ladder::AudioOnly { Rendition::Audio } else { rendition };
        let (late_ms, duration_ms) = media_extent(sound, media_unit, units);
        let (stretch_before, stretch) = self.stretch(index);
        Segment {
            index,
            name: self.name(index, run, listed_end),
            discontinuity: self.discontinuity_every.is_some_and(|every| index.rem_euclid(every) == 0)
                && (self.effect != Some(Effect::DiscontinuityLate) || index < listed_end - 3),
            gap: self.is_gap(index, listed_end),
            kilobits: self.i_frames.then(|| i_frames::kilobits(self, rendition, media_unit)),
            media_unit,
            units,
            shift_ms: self.shift_ms(index, rendition),
            published_ms: EPOCH_MS + (start + units) * UNIT_MS + ENCODER_LATENCY_MS,
            duration_s: (duration_ms + stretch) / 1000.0,
            date_ms: EPOCH_MS + start * UNIT_MS + (late_ms + stretch_before).round() as i64 + self.date_shift(index),
        }
    }

    fn name(&self, index: i64, run: i64, listed_end: i64) -> String {
        let number = index + self.base;
        match self.effect {
            Some(Effect::Restarted) => format!("run{run}_{}", self.number_in_run(index, run)),
            Some(Effect::Rewritten) if index % 5 == 0 && index < listed_end - 3 => {
                format!("alt_{number}")
            }
            _ => format!("{}{number}", self.stem),
        }
    }

    fn parse(&self, name: &str) -> Option<(i64, i64)> {
        if self.effect == Some(Effect::Restarted) {
            let (run, position) = name.strip_prefix("run")?.split_once('_')?;
            let run: i64 = run.parse().ok().filter(|run| (0..1 << 40).contains(run))?;
            let position: i64 = position.parse().ok().filter(|position| (0..RUN + self.window).contains(position))?;
            return Some((run, position + run * RUN - self.window));
        }
        let number = name.strip_prefix(&self.stem).or_else(|| name.strip_prefix("alt_"))?;
        let number: i64 = number.parse().ok().filter(|number| (0..1 << 40).contains(number))?;
        Some((0, number - self.base))
    }

    fn is_gap(&self, index: i64, listed_end: i64) -> bool {
        match self.effect {
            Some(Effect::GapsAtEdge) => index >= listed_end - 3,
            Some(Effect::Gap) => index.rem_euclid(5) == 0,
            Some(Effect::GapsOnly) => true,
            _ => false,
        }
    }

    fn shift_ms(&self, index: i64, rendition: Rendition) -> i64 {
        match self.effect {
            Some(Effect::TimestampJump | Effect::TimestampJumpAtMap) => index.div_euclid(CYCLE) * 10_000,
            Some(Effect::RenditionAlignment) if rendition == TARGET => 500,
            Some(Effect::MediaShifted(ms)) => ms,
            _ => 0,
        }
    }

    /// Returns by how many milliseconds a fault makes EXTINF wrong: the sum for all segments before this one, and the
    /// value for this segment.
    fn stretch(&self, index: i64) -> (f64, f64) {
        if self.effect != Some(Effect::DurationMismatch) {
            return (0.0, 0.0);
        }
        let part = (self.units(index) * UNIT_MS) as f64 * 0.075;
        if index.rem_euclid(2) == 0 { (0.0, -part) } else { (-part, part) }
    }

    fn date_shift(&self, index: i64) -> i64 {
        match self.effect {
            Some(Effect::DateJump) if index.div_euclid(5).rem_euclid(2) == 0 => -5000,
            Some(Effect::DateFuture) => 30_000,
            _ => 0,
        }
    }
}

/// Returns two durations in milliseconds: from the nominal start of unit number `media_unit` to the start of its media,
/// and from there to the end of the segment's media. They aren't nominal for audio, because audio frames don't end
/// where video frames do.
fn media_extent(rendition: Rendition, media_unit: i64, units: i64) -> (f64, f64) {
    match rendition {
        Rendition::Rung(_) | Rendition::WebVtt | Rendition::Ttml => (0.0, (units * UNIT_MS) as f64),
        Rendition::Audio => {
            let ms = |ticks: i64| ticks as f64 * 1000.0 / AUDIO_TIMESCALE as f64;
            let (start, end) = (fixtures::audio_start(media_unit), fixtures::audio_start(media_unit + units));
            let nominal = media_unit * UNIT_MS * AUDIO_TIMESCALE / 1000;
            (ms(start - nominal), ms(end - start))
        }
    }
}
