use crate::checks::support::select::{self, NO_PLAYLIST};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::RenditionFacts;
use crate::finding::Severity;
use packager_media::redact;
use packager_media::stream::{Protocol, Timeline};

pub const META: CheckMeta = CheckMeta {
    id: "live_ended",
    severity: Severity::Critical,
    group: CheckGroup::Delivery,
    scope: CheckScope::Any,
    alert: None,
    help: "fails when a LIVE channel's playlist carries EXT-X-ENDLIST or the playlist type VOD, or its MPD is static or past its end: players stop there",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.3.4, 4.4.3.5, 6.2.2; ISO/IEC 23009-1 5.3.1.2",
    needs_history: false,
};

params! {}

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    if !context.expected.live {
        return CheckVerdict::NotRun("not a LIVE channel");
    }
    select::judge_renditions(context, NO_PLAYLIST, |facts, _| {
        Some(judge(context.output.protocol(), facts, facts.timeline.as_ref()?))
    })
}

fn judge(protocol: Protocol, facts: &RenditionFacts, timeline: &Timeline) -> Vec<Violation> {
    let of_mpd = protocol == Protocol::Dash;
    let vod = timeline.playlist_type.as_deref() == Some("VOD");
    let message = match (timeline.ended, vod) {
        (true, _) if of_mpd => {
            "the MPD of a LIVE channel is static, or its end has passed (availabilityEndTime, or mediaPresentationDuration without \
             minimumUpdatePeriod): players stop at its end; see whether the encoder was stopped"
        }
        (true, _) => {
            "EXT-X-ENDLIST on a LIVE channel: players stop at the end of the window; see whether the encoder was stopped"
        }
        (false, true) => "EXT-X-PLAYLIST-TYPE:VOD on a LIVE channel: players don't reload the playlist",
        (false, false) => return Vec::new(),
    };
    let url = facts.playlist.as_ref().map(|p| redact::url(&p.url));
    vec![Violation::new(message).with("url", url).with("last_number", timeline.last_number())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn an_open_playlist_holds_an_event_too() {
        let mut scene = Scene::live();
        assert_holds(run(&scene));
        scene.timeline().playlist_type = Some("EVENT".to_owned());
        assert_holds(run(&scene));
    }

    #[test]
    fn endlist_and_vod_fail() {
        let mut scene = Scene::live();
        scene.timeline().ended = true;
        assert!(messages(run(&scene)).starts_with("EXT-X-ENDLIST"));
        let mut scene = Scene::live();
        scene.timeline().playlist_type = Some("VOD".to_owned());
        assert!(messages(run(&scene)).contains("VOD"));
    }

    #[test]
    fn other_channels_may_end() {
        let mut scene = Scene::live();
        scene.timeline().ended = true;
        scene.expected.live = false;
        assert_not_run(run(&scene), "not a LIVE channel");
    }

    #[test]
    fn without_a_playlist_it_does_not_run() {
        let mut scene = Scene::live();
        scene.rendition().timeline = None;
        assert_not_run(run(&scene), NO_PLAYLIST);
    }
}
