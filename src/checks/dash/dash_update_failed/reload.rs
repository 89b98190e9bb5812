//! Judges whether players reload the MPD before its list of segments ends.

use crate::checks::Violation;
use crate::finding::Severity;
use packager_media::container::VALIDITY_EVENTS;
use packager_media::dash::{AdaptationSet, Mpd, Period, current_period, listed_end_at, playable_representations};
use packager_media::stream::Media;
use packager_media::units::{Seconds, Timestamp};

/// Returns the violation of a live MPD whose list of segments ends before players reload it, so that they stop there: it
/// has no minimumUpdatePeriod, or one that is longer than the list and the delay of players together (ISO/IEC 23009-1 5.4.1).
/// `asked_at` is the time of the request by the MPD's clock. Events in segments tell players to reload the MPD if the MPD declares them,
/// unless `are_never_sent` says that there are none.
pub(super) fn reload(mpd: &Mpd, asked_at: Timestamp, are_never_sent: bool) -> Reload {
    judge(mpd, asked_at, are_never_sent).unwrap_or(Reload::WithoutList)
}

/// How players come to a newer list of segments.
#[derive(Debug, PartialEq)]
pub(super) enum Reload {
    /// The MPD has no list of segments that ends.
    WithoutList,
    /// Players need no other list, or something else than minimumUpdatePeriod tells them when to reload the MPD.
    Otherwise,
    /// Players reload the MPD after minimumUpdatePeriod, or never without it. It holds the violation of doing so too late; `None`: they are
    /// in time.
    ByPeriod(Option<Violation>),
}

fn judge(mpd: &Mpd, asked_at: Timestamp, are_never_sent: bool) -> Option<Reload> {
    let period = current_period(mpd, asked_at).filter(|_| mpd.dynamic && !mpd.has_ended(asked_at))?;
    let timed = playable_representations(period).filter(|(set, _)| set.media != Media::Text);
    let ends = timed.filter_map(|(_, r)| listed_end_at(mpd, period, &r.addressing, asked_at));
    let (end, last) = ends.max_by(|a, b| a.0.0.total_cmp(&b.0.0))?;
    let is_last = mpd.periods.last().is_some_and(|p| std::ptr::eq(p, period));
    let has_events = !are_never_sent && period.sets.iter().any(has_mpd_events);
    if !is_last || has_events || tells_reload(period) || ends_with(mpd, period, end, last) {
        return Some(Reload::Otherwise);
    }
    let begun = period.start?.after(mpd.availability_start?);
    let left = Seconds::between(asked_at, end.after(begun)).0;
    // How old a list is, dash_mpd_stale judges: here it ends at the earliest one segment ago.
    let left_when_fresh = left.max(-last.0);
    let delay = mpd.player_delay(last).0;
    let plays = left_when_fresh + delay;
    let message = match mpd.minimum_update_period {
        None if left_when_fresh <= delay => format!(
            "minimumUpdatePeriod is missing, so that players never reload the MPD, but its list of segments {}: they stop there",
            ending(left)
        ),
        Some(update) if plays < update.0 => format!(
            "players reload the MPD after minimumUpdatePeriod, {} s, but its list of segments {} and players are some {delay:.0} s \
             behind: they run dry before; shorten minimumUpdatePeriod, or list what comes until then",
            update.0,
            ending(left)
        ),
        _ => return Some(Reload::ByPeriod(None)),
    };
    // Players that stand still for most of the time, or for ever, have lost the channel.
    let severity = match mpd.minimum_update_period {
        Some(update) if plays * 2.0 >= update.0 => Severity::Major,
        _ => Severity::Critical,
    };
    let violation = Violation::new(message).with("list_ends_in_seconds", left);
    Some(Reload::ByPeriod(Some(violation.with("delay_seconds", delay).severity(severity))))
}

fn ending(left: f64) -> String {
    if left < 0.0 { format!("ended {:.1} s ago", -left) } else { format!("ends in {left:.1} s") }
}

fn has_mpd_events(set: &AdaptationSet) -> bool {
    set.inband_events.iter().any(|e| e.scheme == VALIDITY_EVENTS)
}

fn tells_reload(period: &Period) -> bool {
    period.events.iter().any(|e| e.scheme == VALIDITY_EVENTS)
}

/// Returns whether the list goes on to the announced end of the presentation, so that no update is needed. `end` is the end of the
/// list after the start of the Period, `last` the duration of its last segment.
fn ends_with(mpd: &Mpd, period: &Period, end: Seconds, last: Seconds) -> bool {
    let final_period = mpd.minimum_update_period.is_none() || mpd.duration.is_some();
    final_period && period.duration.is_some_and(|lasts| (end + last).0 >= lasts.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::dash::parse;

    const NEWEST: &str = "<S t=\"980000\" d=\"2000\" r=\"9\"/>";
    const UPDATE: &str = " minimumUpdatePeriod=\"PT2S\"";

    fn run(text: &str) -> Reload {
        reload(&parse(text.as_bytes(), &url("manifest.mpd")).0.unwrap(), time(0.0), false)
    }

    fn message(text: &str) -> String {
        match run(text) {
            Reload::WithoutList => panic!("there is no list"),
            Reload::Otherwise | Reload::ByPeriod(None) => String::new(),
            Reload::ByPeriod(Some(violation)) => violation.message,
        }
    }

    /// Makes a live MPD with this minimumUpdatePeriod, whose list ends `seconds` after the probe.
    fn updated(update: &str, seconds: u32) -> String {
        let list = format!("<S t=\"980000\" d=\"2000\" r=\"{}\"/>", 9 + seconds / 2);
        timed(&list).replace(UPDATE, &format!(" minimumUpdatePeriod=\"{update}\""))
    }

    #[test]
    fn players_that_never_reload_stop_at_the_end_of_the_list() {
        let never = timed(NEWEST).replace(UPDATE, "");
        assert!(message(&never).contains("never reload the MPD, but its list of segments ends in 0.0 s"), "{never}");
        let Reload::ByPeriod(Some(violation)) = run(&never) else { panic!("players never reload") };
        assert_eq!(violation.severity, Some(Severity::Critical));
        assert_eq!(message(&timed(NEWEST)), "");
        let ahead = |seconds| updated("PT2S", seconds).replace(UPDATE, "");
        assert!(!message(&ahead(10)).is_empty());
        assert_eq!(message(&ahead(12)), "", "it lists what comes");
    }

    #[test]
    fn a_presentation_that_ends_needs_no_update() {
        let ends = |end: &str| {
            let total = format!(" mediaPresentationDuration=\"{end}\"");
            message(&timed(NEWEST).replace(UPDATE, &total))
        };
        assert_eq!((ends("PT1001S"), ends("PT1002S")), (String::new(), String::new()));
        assert!(!ends("PT1010S").is_empty(), "8 s are missing");
    }

    #[test]
    fn a_minimum_update_period_is_shorter_than_the_list_and_the_delay_of_players() {
        assert_eq!(message(&updated("PT10S", 0)), "", "players are 10 s behind");
        assert!(
            message(&updated("PT10.1S", 0))
                .contains("minimumUpdatePeriod, 10.1 s, but its list of segments ends in 0.0 s")
        );
        assert_eq!(message(&updated("PT20S", 10)), "");
        assert!(!message(&updated("PT1H", 10)).is_empty());
        assert_eq!(message(&updated("PT0S", 0)), "");
        let later = updated("PT20S", 0).replace("minBufferTime", "suggestedPresentationDelay=\"PT20S\" minBufferTime");
        assert_eq!(message(&later), "");
    }

    #[test]
    fn an_old_list_is_no_late_reload() {
        assert_eq!(message(&timed("<S t=\"950000\" d=\"2000\" r=\"9\"/>")), "");
    }

    #[test]
    fn events_and_a_later_period_make_players_reload() {
        let never = timed(NEWEST).replace(UPDATE, "");
        let events = "<InbandEventStream schemeIdUri=\"urn:mpeg:dash:event:2012\" value=\"1\"/>";
        assert_eq!(message(&never.replace("<SegmentTemplate", &format!("{events}<SegmentTemplate"))), "");
        let declared = never.replace("<SegmentTemplate", &format!("{events}<SegmentTemplate"));
        let mpd = parse(declared.as_bytes(), &url("manifest.mpd")).0.unwrap();
        assert!(matches!(reload(&mpd, time(0.0), true), Reload::ByPeriod(Some(_))), "the segments have none");
        let other = events.replace("event:2012", "event:2099");
        assert!(!message(&never.replace("<SegmentTemplate", &format!("{other}<SegmentTemplate"))).is_empty());
        let next = period("p1", 1000, "<S t=\"0\" d=\"2000\" r=\"9\"/>");
        assert_eq!(message(&never.replace("</MPD>", &format!("{next}</MPD>"))), "");
    }

    #[test]
    fn segments_by_the_clock_have_no_end() {
        assert_eq!(run(&paced().replace(UPDATE, "")), Reload::WithoutList);
        assert_eq!(run(&timed("<S t=\"0\" d=\"2000\" r=\"-1\"/>").replace(UPDATE, "")), Reload::WithoutList);
        assert_eq!(run(&timed(NEWEST).replace("dynamic", "static")), Reload::WithoutList);
    }
}
