//! Finds Periods that make players refuse a whole MPD, whether they play now, have ended or are still to come.

use crate::checks::Violation;
use crate::finding::Severity;
use packager_media::dash::{AdaptationSet, MAX_REPRESENTATIONS, Mpd, Period};
use packager_media::redact::Quoted;
use packager_media::stream::Media;

/// Returns the violation of the first Period that is empty, or has an AdaptationSet of video or audio that is empty. Shaka Player and
/// dash.js read all Periods at once, and refuse the MPD for one of them. `None`: no Period is like that. An announced Period without
/// a start may be empty, the content of a remote element isn't known, and the Periods of a list MPD name other MPDs.
pub(super) fn refused_period(mpd: &Mpd) -> Option<Violation> {
    let is_known = |period: &&Period| period.start.is_some() && !period.is_remote && !mpd.list;
    mpd.periods.iter().filter(is_known).find_map(|period| {
        let place_text = place_text(period);
        if period.sets.is_empty() {
            let message = format!(
                "{place_text} has no AdaptationSet: Shaka Player and dash.js refuse the whole MPD; remove the Period or fill it"
            );
            let violation = Violation::new(message).with("line", period.line);
            // The standard allows it, and yet Shaka Player refuses it.
            return Some(if period.has_no_length { violation.severity(Severity::Major) } else { violation });
        }
        // Beyond the bound Representations are left out, and their AdaptationSets only look empty.
        let is_whole = period.sets.iter().map(|set| set.representations.len()).sum::<usize>() < MAX_REPRESENTATIONS;
        let empty = period.sets.iter().filter(|_| is_whole).find(|set| is_empty(set))?;
        let id = empty.id.as_deref().map_or_else(String::new, |id| format!(" {}", Quoted(id)));
        let kind = empty.media.as_str();
        let message = format!(
            "{place_text} has an AdaptationSet{id} of {kind} without Representation: Shaka Player and dash.js refuse the whole MPD; remove the \
             AdaptationSet or fill it"
        );
        Some(Violation::new(message).with("line", period.line))
    })
}

fn place_text(period: &Period) -> String {
    let name = period.id.as_deref().map_or_else(String::new, |id| format!(" {}", Quoted(id)));
    format!("line {}: the Period{name}", period.line)
}

fn is_empty(set: &AdaptationSet) -> bool {
    let is_passed_over = set.trick_play || set.is_image || set.is_remote || set.unsupported_property.is_some();
    set.representations.is_empty() && set.media != Media::Text && !is_passed_over
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::dash::parse;

    const GOOD: &str = "<Period id=\"p0\" start=\"PT0S\"><AdaptationSet mimeType=\"video/mp4\"><SegmentTemplate media=\"$Number$\" \
        duration=\"2\"/><Representation id=\"v\" bandwidth=\"1\" codecs=\"avc1.64001f\"/></AdaptationSet></Period>";

    /// Returns message and severity of the violation of an MPD with a good Period and those in `others`.
    fn refused(others: &str) -> Option<(String, Option<Severity>)> {
        let text = dynamic(&format!("{GOOD}{others}"));
        refused_period(&parse(text.as_bytes(), &url("manifest.mpd")).0.unwrap()).map(|v| (v.message, v.severity))
    }

    #[test]
    fn an_empty_period_at_any_time_makes_players_refuse_the_mpd() {
        for start in ["PT900S", "PT9999S"] {
            let (message, severity) = refused(&format!("<Period id=\"p1\" start=\"{start}\"/>")).unwrap();
            let expected = "line 1: the Period `p1` has no AdaptationSet: Shaka Player and dash.js refuse the whole MPD; remove the Period \
                            or fill it";
            assert_eq!((message.as_str(), severity), (expected, None));
        }
        assert_eq!(refused(""), None);
    }

    #[test]
    fn an_empty_period_of_no_length_is_major() {
        let empty = |attributes: &str| refused(&format!("<Period {attributes}/>")).unwrap().1;
        assert_eq!(empty("start=\"PT9999S\" duration=\"PT0S\""), Some(Severity::Major));
        assert_eq!(empty("start=\"PT9999S\" duration=\"PT0.1S\""), None);
    }

    #[test]
    fn an_announced_period_without_a_start_may_be_empty_and_a_remote_one_is_not_known() {
        let remote = "xmlns:xlink=\"http://www.w3.org/1999/xlink\" xlink:href=\"http://ads/x.xml\"";
        assert_eq!(refused("<Period id=\"soon\"/>"), None);
        assert_eq!(refused(&format!("<Period start=\"PT900S\" {remote}/>")), None);
        let set = format!("<Period start=\"PT900S\"><AdaptationSet mimeType=\"video/mp4\" {remote}/></Period>");
        assert_eq!(refused(&set), None);
    }

    #[test]
    fn an_empty_set_of_video_or_audio_makes_players_refuse_the_mpd() {
        let with = |set: &str| refused(&GOOD.replace("</Period>", &format!("{set}</Period>")).replace("p0", "p1"));
        for (set, found) in [
            (
                "<AdaptationSet id=\"9\" contentType=\"audio\"/>",
                Some("an AdaptationSet `9` of audio without Representation"),
            ),
            ("<AdaptationSet mimeType=\"video/mp4\"/>", Some("an AdaptationSet of video without Representation")),
            ("<AdaptationSet contentType=\"text\"/>", None),
            ("<AdaptationSet mimeType=\"image/jpeg\"/>", None),
        ] {
            let message = with(set).map(|(message, _)| message);
            assert_eq!(message.is_some(), found.is_some(), "{set}");
            assert!(message.unwrap_or_default().contains(found.unwrap_or_default()), "{set}");
        }
        let trick = "<AdaptationSet mimeType=\"video/mp4\"><EssentialProperty schemeIdUri=\"http://dashif.org/guidelines/trickmode\"/>\
                     </AdaptationSet>";
        assert_eq!(with(trick), None);
    }
}
