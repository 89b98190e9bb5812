//! How far players stay behind the live edge of an MPD.

use packager_media::dash::Mpd;
use packager_media::units::Seconds;

/// Number of segments by which dash.js stays behind the live edge without suggestedPresentationDelay.
const SEGMENTS: f64 = 4.0;
/// Seconds that any player is taken to be behind the live edge at least.
const LEAST: f64 = 10.0;

/// Returns the time by which players are behind the live edge, and for which they have media when no new segment comes:
/// suggestedPresentationDelay, four segments or 10 s, whichever is longest.
pub(in crate::checks) fn player_delay(mpd: &Mpd, segment: Seconds) -> Seconds {
    let suggested = mpd.suggested_presentation_delay.map_or(0.0, |delay| delay.0);
    Seconds(suggested.max(SEGMENTS * segment.0).max(LEAST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_of_the_three_counts() {
        let suggested = |delay: f64| Mpd { suggested_presentation_delay: Some(Seconds(delay)), ..Mpd::default() };
        assert_eq!(player_delay(&Mpd::default(), Seconds(2.0)), Seconds(10.0));
        assert_eq!(player_delay(&suggested(6.0), Seconds(6.0)), Seconds(24.0));
        assert_eq!(player_delay(&suggested(30.0), Seconds(6.0)), Seconds(30.0));
    }
}
