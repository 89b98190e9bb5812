//! Measures the samples of one audio stream.

use ebur128::{EbuR128, Mode};

use super::avi::Format;
use super::{Channel, Position, Sound};
use crate::span::Spans;

/// The time over which levels are taken, in milliseconds.
const WINDOW: u32 = 50;
/// The time between two measures of momentary loudness, in windows: 100 ms, which is the step of gating blocks.
const WINDOWS_A_STEP: u32 = 2;
/// Silence: −60 dBFS, as mean square.
const SILENCE: f64 = 1e-6;
/// What counts as clipped: within 0.2 dB of full scale, or above it. Lossy codecs move samples that were at full scale.
const FULL: f32 = 0.977;
/// The smallest number of consecutive samples of one sign at full scale that are clipping. A limiter leaves shorter runs.
const RUN: u32 = 4;
/// The absolute gate of loudness in LUFS.
const GATE: f64 = -70.0;

/// Takes samples and measures them window by window.
pub(super) struct Listener {
    format: Format,
    loudness: EbuR128,
    /// The samples of one window that is not full yet, channels interleaved.
    window: Vec<f32>,
    /// The number of samples of a full window.
    window_samples: usize,
    windows: u32,
    /// Number of full windows in which a channel has sound.
    sounding: u32,
    channels: Vec<Levels>,
    silent: Spans,
    momentary_max: Option<f64>,
    short_term_max: Option<f64>,
    blocks: Vec<f32>,
}

/// What is gathered of one channel.
#[derive(Default)]
struct Levels {
    position: Option<Position>,
    squares: f64,
    samples: u64,
    clipped: u64,
    /// The length of the run of samples at full scale that is going on, and its sign.
    run: u32,
    positive: bool,
    dead: Spans,
}

impl Listener {
    /// Makes a listener. `None` if the format is none that can be measured.
    pub(super) fn new(format: Format) -> Option<Self> {
        let count = u32::from(format.channels);
        let mut loudness = EbuR128::new(count, format.rate, Mode::M | Mode::S | Mode::TRUE_PEAK).ok()?;
        let positions = super::position::of(format);
        let map: Vec<ebur128::Channel> = positions.iter().map(|position| super::position::weight(*position)).collect();
        loudness.set_channel_map(&map).ok()?;
        let frames = usize::try_from(format.rate * WINDOW / 1_000).ok()?;
        let window_samples = frames.checked_mul(positions.len())?;
        let channels =
            positions.into_iter().map(|position| Levels { position: Some(position), ..Levels::default() }).collect();
        Some(Self {
            format,
            loudness,
            window: Vec::with_capacity(window_samples),
            window_samples,
            windows: 0,
            sounding: 0,
            channels,
            silent: Spans::default(),
            momentary_max: None,
            short_term_max: None,
            blocks: Vec::new(),
        })
    }

    /// Seconds that were heard.
    pub(super) fn duration(&self) -> f64 {
        let frames = self.window.len() / self.channels.len().max(1);
        self.time() + frames as f64 / f64::from(self.format.rate)
    }

    /// Seconds of all full windows.
    fn time(&self) -> f64 {
        self.seconds(self.windows)
    }

    /// Seconds of so many full windows.
    fn seconds(&self, windows: u32) -> f64 {
        let frames = self.window_samples / self.channels.len().max(1);
        f64::from(windows) * frames as f64 / f64::from(self.format.rate)
    }

    /// Takes samples: 4 bytes each, channels interleaved.
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        for sample in bytes.as_chunks::<4>().0 {
            let sample = f32::from_le_bytes(*sample);
            // A damaged frame may decode to anything.
            self.window.push(if sample.is_finite() { sample.clamp(-16.0, 16.0) } else { 0.0 });
            if self.window.len() >= self.window_samples {
                self.measure();
            }
        }
    }

    /// Measures a full window and begins the next one.
    fn measure(&mut self) {
        self.sounding += u32::from(self.judge());
        self.windows += 1;
        // The library fails only for a number of channels that isn't its own.
        let _ = self.loudness.add_frames_f32(&self.window);
        self.window.clear();
        if self.windows.is_multiple_of(WINDOWS_A_STEP) {
            self.measure_loudness();
        }
    }

    /// Judges the window's silence and clipping, of all channels and of each, and returns whether a channel has sound.
    fn judge(&mut self) -> bool {
        let (at, sounding) = (self.time(), self.seconds(self.sounding));
        let count = self.channels.len().max(1);
        let mut quiet = Vec::with_capacity(count);
        for (index, channel) in self.channels.iter_mut().enumerate() {
            quiet.push(channel.add(self.window.iter().skip(index).step_by(count)));
        }
        let all = quiet.iter().all(|quiet| *quiet);
        // A rumble of the low-frequency effects alone doesn't make the others dead.
        let sound = self
            .channels
            .iter()
            .zip(&quiet)
            .any(|(channel, quiet)| !quiet && channel.position != Some(Position::LowFrequency));
        self.silent.judge(at, all);
        // In a pause nobody can tell whether a channel is dead, so that it is left out of the time of dead spans.
        if sound {
            for (channel, quiet) in self.channels.iter_mut().zip(&quiet) {
                channel.dead.judge(sounding, *quiet);
            }
        }
        sound
    }

    fn measure_loudness(&mut self) {
        let heard = self.windows * WINDOW;
        if heard >= 400
            && let Ok(momentary) = self.loudness.loudness_momentary()
            && momentary > GATE
        {
            self.momentary_max = larger(self.momentary_max, momentary);
            #[expect(clippy::cast_possible_truncation, reason = "a loudness between -70 and some 30 LUFS")]
            self.blocks.push(momentary as f32);
        }
        if heard >= 3_000
            && let Ok(short_term) = self.loudness.loudness_shortterm()
            && short_term > GATE
        {
            self.short_term_max = larger(self.short_term_max, short_term);
        }
    }

    /// Ends the stream. `None` if it has no sample.
    pub(super) fn finish(mut self) -> Option<Sound> {
        let duration = self.duration();
        if duration <= 0.0 {
            return None;
        }
        let mut sounding = self.seconds(self.sounding);
        if !self.window.is_empty() {
            let rest = duration - self.time();
            sounding += if self.judge() { rest } else { 0.0 };
            let _ = self.loudness.add_frames_f32(&self.window);
        }
        let peaks = (0..u32::from(self.format.channels)).filter_map(|channel| self.loudness.true_peak(channel).ok());
        let peak = peaks.fold(0.0, f64::max);
        let clipped = self.channels.iter().map(Levels::clipped_share).fold(0.0, f64::max);
        Some(Sound {
            stream: None,
            sample_rate: self.format.rate,
            duration,
            sounding,
            channels: self.channels.into_iter().map(|channel| channel.finish(sounding)).collect(),
            silent: self.silent.finish(duration),
            clipped,
            momentary_max: self.momentary_max,
            short_term_max: self.short_term_max,
            true_peak: decibels(peak),
            blocks: self.blocks,
        })
    }
}

impl Levels {
    /// Adds the channel's samples of a window and says whether they are silent.
    fn add<'a>(&mut self, samples: impl Iterator<Item = &'a f32>) -> bool {
        let (mut squares, mut count) = (0.0, 0u32);
        for sample in samples {
            squares += f64::from(*sample) * f64::from(*sample);
            count += 1;
            let full = sample.abs() >= FULL;
            if full && self.run > 0 && self.positive == sample.is_sign_positive() {
                self.run += 1;
                // The first samples of a run count once it is long enough.
                self.clipped += if self.run == RUN { u64::from(RUN) } else { u64::from(self.run > RUN) };
            } else {
                self.run = u32::from(full);
                self.positive = sample.is_sign_positive();
            }
        }
        self.squares += squares;
        self.samples += u64::from(count);
        squares < SILENCE * f64::from(count.max(1))
    }

    fn clipped_share(&self) -> f64 {
        self.clipped as f64 / self.samples.max(1) as f64
    }

    fn finish(self, duration: f64) -> Channel {
        let level = decibels((self.squares / self.samples.max(1) as f64).sqrt());
        Channel { position: self.position.unwrap_or(Position::Other), dead: self.dead.finish(duration), level }
    }
}

/// An amplitude in decibels of full scale. `None` for nothing.
fn decibels(amplitude: f64) -> Option<f64> {
    (amplitude > 1e-9).then(|| 20.0 * amplitude.log10())
}

fn larger(a: Option<f64>, b: f64) -> Option<f64> {
    Some(a.map_or(b, |a| a.max(b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::LoudnessPool;

    /// The integrated loudness of a stereo tone of 1 kHz with these levels in dBFS, each for so many seconds.
    fn integrated(parts: &[(f64, f64)]) -> f64 {
        let mut listener = Listener::new(Format { channels: 2, rate: 48_000, mask: 3 }).unwrap();
        let mut frame = 0u32;
        for (level, seconds) in parts {
            for _ in 0..(seconds * 48_000.0) as u32 {
                let phase = f64::from(frame) * std::f64::consts::TAU * 1_000.0 / 48_000.0;
                let sample = (10f64.powf(level / 20.0) * phase.sin()) as f32;
                listener.hear(&[sample.to_le_bytes(), sample.to_le_bytes()].concat());
                frame += 1;
            }
        }
        let sound = listener.finish().unwrap();
        let mut pool = LoudnessPool::new(1_800.0);
        pool.push(0.0, sound.duration, &sound.blocks);
        pool.integrated(0.0).unwrap()
    }

    #[test]
    fn the_first_five_cases_of_ebu_tech_3341_are_met() {
        let cases: [(&[(f64, f64)], f64); 5] = [
            (&[(-23.0, 20.0)], -23.0),
            (&[(-33.0, 20.0)], -33.0),
            (&[(-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0)], -23.0),
            (&[(-72.0, 10.0), (-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0), (-72.0, 10.0)], -23.0),
            (&[(-26.0, 20.0), (-20.0, 20.1), (-26.0, 20.0)], -23.0),
        ];
        for (parts, expected) in cases {
            let found = integrated(parts);
            assert!((found - expected).abs() <= 0.1, "{parts:?}: {found:.2} LUFS");
        }
    }

    #[test]
    fn a_dead_channel_goes_on_over_the_pauses_of_the_programme() {
        let mut listener = Listener::new(Format { channels: 2, rate: 48_000, mask: 3 }).unwrap();
        for _ in 0..5 {
            for n in 0..48_000 * 2u32 {
                // 1.5 s of noise on the left, and a pause of 0.5 s.
                let noise = (n.wrapping_mul(2_654_435_761) >> 16) as f32 / 65_536.0 - 0.5;
                let left = if n < 72_000 { noise } else { 0.0 };
                listener.hear(&[left.to_le_bytes(), 0.0f32.to_le_bytes()].concat());
            }
        }
        let sound = listener.finish().unwrap();
        assert!((sound.sounding - 7.5).abs() < 0.01 && (sound.duration - 10.0).abs() < 0.01);
        let dead = &sound.channels[1].dead;
        assert_eq!(dead.len(), 1, "{dead:?}");
        assert!((dead[0].duration() - 7.5).abs() < 0.01, "{dead:?}");
        assert!(sound.channels[0].dead.is_empty());
    }

    #[test]
    fn samples_that_are_no_numbers_do_no_harm() {
        let mut listener = Listener::new(Format { channels: 1, rate: 48_000, mask: 0 }).unwrap();
        for sample in [f32::NAN, f32::INFINITY, -1e30, 0.0].iter().cycle().take(48_000) {
            listener.hear(&sample.to_le_bytes());
        }
        let sound = listener.finish().unwrap();
        assert!(sound.true_peak.unwrap().is_finite() && sound.blocks.iter().all(|block| block.is_finite()));
    }
}
