use crate::checks::support::decoded;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict};
use crate::finding::Severity;
use packager_media::units::Seconds;

pub const META: CheckMeta = CheckMeta {
    id: "sound_channel_silent",
    severity: Severity::Minor,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SignalPoor"),
    help: "fails when a front channel of the decoded sound (left, right or centre) is silent for `after` while another channel has \
           sound, until it has had sound for `recovery`. Surround and low-frequency channels may be silent for long",
    reference: "EBU QC: Audio Silence",
    needs_history: false,
};

params! {
    /// Seconds of decoded media in which the channel is silent.
    after: f64 = 60.0,
    /// Seconds of sound in the channel after which the failure ends.
    recovery: f64 = 10.0,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    decoded::judge_sounds(context, "the sound has one channel only", |sound| {
        if sound.channels.len() < 2 {
            return None;
        }
        let dead = sound.dead_channel(Seconds(params.recovery)).filter(|(_, span)| span.duration.0 >= params.after);
        Some(dead.map(|(position, span)| {
            let what = format!("the channel {} was silent beside others with sound", position.name());
            decoded::violation(&what, span, Severity::Minor).with("channel", position.name())
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    #[test]
    fn a_side_that_is_dead_for_a_minute_is_reported() {
        let found = |count: usize| {
            let mut scene = Scene::live();
            scene.decode((0..count).map(|_| Decode { dead_right: vec![(0.0, 2.0)], ..Decode::moving() }));
            violations(check(&scene.context(), &Params::default()))
        };
        assert!(found(29).is_empty());
        assert_eq!(
            found(30)[0].message,
            "the channel right was silent beside others with sound for at least 60.0 s; it lasts until the end of the newest \
             decoded segment"
        );
    }

    #[test]
    fn without_decoded_sound_it_does_not_run() {
        let mut scene = Scene::live();
        assert_not_run(
            check(&scene.context(), &Params::default()),
            "nothing is decoded, because the template sets `signal: off`",
        );
        scene.decode([Decode { is_mono: true, ..Decode::moving() }]);
        assert_not_run(check(&scene.context(), &Params::default()), "the sound has one channel only");
    }
}
