//! Programme loudness over many decodes.

use std::collections::VecDeque;

/// The loudness of a programme from blocks of many decodes: gated as ITU-R BS.1770-4 says, over a window of time.
///
/// A pool holds 2 bytes for each 400 ms block above −70 LUFS: 1.7 kB for one 6 s segment a minute over 30 minutes, and
/// 36 kB at most for 30 minutes without a gap. Instants are seconds on any one clock of the caller.
#[derive(Debug, Clone)]
pub struct LoudnessPool {
    window: f64,
    pushes: VecDeque<Push>,
}

#[derive(Debug, Clone)]
struct Push {
    at: f64,
    /// Seconds of sound that were decoded, gated or not.
    duration: f64,
    /// Hundredths of a LUFS.
    blocks: Box<[i16]>,
}

impl LoudnessPool {
    /// The largest number of decodes that a pool remembers.
    const MOST: usize = 2_000;
    /// The largest number of blocks of one decode that a pool remembers.
    const MOST_BLOCKS: usize = 6_000;

    /// Makes an empty pool over a window of `window` seconds.
    #[must_use]
    pub fn new(window: f64) -> Self {
        Self { window, pushes: VecDeque::new() }
    }

    /// Adds the blocks ([`super::Sound::blocks`]) of sound of `duration` seconds that was heard at the instant `at`. What is
    /// older than the window is dropped. Instants should not go back; sound of an instant that is in the pool already is
    /// not added again.
    pub fn push(&mut self, at: f64, duration: f64, blocks: &[f32]) {
        self.drop_older_than(at - self.window);
        if self.pushes.back().is_some_and(|last| last.at >= at) {
            return;
        }
        if self.pushes.len() >= Self::MOST {
            self.pushes.pop_front();
        }
        #[expect(clippy::cast_possible_truncation, reason = "clamped: a loudness is between -70 and about +20 LUFS")]
        let hundredth = |block: &f32| (block * 100.0).clamp(-7_100.0, 10_000.0).round() as i16;
        let blocks = blocks.iter().take(Self::MOST_BLOCKS).map(hundredth).collect();
        self.pushes.push_back(Push { at, duration, blocks });
    }

    /// Forgets everything, for a programme that begins anew.
    pub fn clear(&mut self) {
        self.pushes.clear();
    }

    /// The integrated loudness in LUFS at `now`, with the absolute gate of −70 LUFS and the relative gate of −10 LU. `None`
    /// if nothing above the absolute gate was heard within the window.
    #[must_use]
    pub fn integrated(&self, now: f64) -> Option<f64> {
        let loudness = |block: &i16| f64::from(*block) / 100.0;
        let blocks = || self.within(now).flat_map(|push| push.blocks.iter().map(loudness));
        let gate = mean_loudness(blocks().filter(|l| *l > -70.0))? - 10.0;
        mean_loudness(blocks().filter(|l| *l > -70.0 && *l > gate))
    }

    /// Seconds of sound that were heard within the window before `now`.
    #[must_use]
    pub fn heard(&self, now: f64) -> f64 {
        self.within(now).map(|push| push.duration).sum()
    }

    /// Seconds from the oldest sound within the window to `now`: the programme time that the loudness stands for. 0 for
    /// an empty pool.
    #[must_use]
    pub fn covered(&self, now: f64) -> f64 {
        self.within(now).next().map_or(0.0, |push| now - push.at)
    }

    fn within(&self, now: f64) -> impl Iterator<Item = &Push> {
        self.pushes.iter().filter(move |push| push.at >= now - self.window && push.at <= now)
    }

    fn drop_older_than(&mut self, oldest: f64) {
        while self.pushes.front().is_some_and(|push| push.at < oldest) {
            self.pushes.pop_front();
        }
    }
}

/// The loudness in LUFS of blocks whose loudness is given: the mean of their energies. `None` for no block.
fn mean_loudness(blocks: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = blocks.fold((0.0, 0u32), |(sum, count), l| (sum + 10f64.powf(l / 10.0), count + 1));
    (count > 0).then(|| 10.0 * (sum / f64::from(count)).log10())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_relative_gate_leaves_pauses_out_and_old_sound_is_forgotten() {
        let mut pool = LoudnessPool::new(1_800.0);
        assert_eq!(pool.integrated(0.0), None);
        pool.push(0.0, 6.0, &[-23.0; 60]);
        pool.push(60.0, 6.0, &[-50.0; 60]);
        assert!((pool.integrated(60.0).unwrap() + 23.0).abs() < 0.01);
        assert_eq!((pool.heard(60.0), pool.covered(60.0)), (12.0, 60.0));
        pool.push(1_850.0, 6.0, &[-30.0; 60]);
        assert!((pool.integrated(1_850.0).unwrap() + 30.0).abs() < 0.05);
        assert_eq!(pool.heard(1_850.0), 12.0);
        pool.clear();
        assert_eq!(pool.integrated(1_850.0), None);
    }

    #[test]
    fn sound_that_is_pushed_twice_counts_once() {
        let mut pool = LoudnessPool::new(1_800.0);
        pool.push(10.0, 6.0, &[-23.0; 60]);
        pool.push(10.0, 6.0, &[-23.0; 60]);
        assert_eq!(pool.heard(10.0), 6.0);
    }
}
