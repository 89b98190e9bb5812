use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::OutputFacts;
use crate::finding::Severity;
use packager_media::stream::Media;
use packager_media::units;
use packager_media::units::{Seconds, Timestamp};

pub const META: CheckMeta = CheckMeta {
    id: "output_skew",
    severity: Severity::Major,
    group: CheckGroup::Outputs,
    scope: CheckScope::Any,
    alert: None,
    help: "fails when the live edge of an output (HLS, DASH or backup) is behind that of another output of the channel by more than \
           `max`, by EXT-X-PROGRAM-DATE-TIME and the MPD's availabilityStartTime",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.4.6; ISO/IEC 23009-1 5.3.1.2; template",
    needs_history: false,
};

params! {
    /// Seconds by which an output may be behind the most advanced one. The default leaves room for packagers whose
    /// availabilityStartTime isn't the time of capture.
    max: f64 = 30.0,
}

const ALONE: &str = "the channel has no other output";
const UNDATED: &str = "fewer than two live outputs say where their live edge is on the wall clock";

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let mut others = context.others().peekable();
    if others.peek().is_none() {
        return CheckVerdict::NotRun(ALONE);
    }
    let newest = others.filter_map(|o| Some((edge(o)?, o.name.as_str()))).max();
    let (Some(own), Some((ahead, name))) = (edge(context.output), newest) else {
        return CheckVerdict::NotRun(UNDATED);
    };
    CheckVerdict::Ran(judge(own, ahead, name, params).into_iter().collect())
}

fn judge(own: Timestamp, ahead: Timestamp, name: &str, params: &Params) -> Option<Violation> {
    let behind = Seconds::between(own, ahead);
    (behind.0 > params.max).then(|| {
        let max = params.max;
        let (late, most) = units::distinct(behind.0, max, 1);
        let message =
            format!("the live edge is {late} s behind that of output {name}; no more than {most} s are allowed");
        let violation = Violation::new(message).with("behind_seconds", behind.0).with("max_seconds", max);
        violation.with("reference_output", name).with("live_edge", own.to_string())
    })
}

/// Returns the live edge of the most advanced video or audio rendition of an output. `None`: no rendition has a live
/// edge.
fn edge(output: &OutputFacts) -> Option<Timestamp> {
    let renditions = output.renditions.iter().filter(|r| r.rendition.media != Media::Text);
    renditions.filter_map(|r| r.timeline.as_deref().filter(|t| !t.ended)?.live_edge()).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    /// Makes a test input with two outputs. The live edge of the output that the check judges is `seconds` behind the
    /// live edge of the other output.
    fn behind(seconds: f64) -> Scene {
        let mut scene = Scene::live();
        scene.timeline().segments[5].program_date_time = Some(time(-12.0));
        let mut other = scene.output.clone();
        other.name = "dash".to_owned();
        scene.others = vec![other];
        scene.timeline().segments[5].program_date_time = Some(time(-12.0 - seconds));
        scene
    }

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn the_bound_itself_is_allowed_and_being_ahead_is_the_others_fault() {
        assert_holds(run(&behind(30.0)));
        assert_holds(run(&behind(-300.0)));
        let text = messages(run(&behind(30.1)));
        assert_eq!(text, "the live edge is 30.1 s behind that of output dash; no more than 30.0 s are allowed");
    }

    #[test]
    fn one_output_or_one_that_has_no_date_or_has_ended_does_not_run() {
        assert_not_run(run(&Scene::live()), ALONE);
        let mut undated = behind(100.0);
        undated.timeline().segments[5].program_date_time = None;
        assert_not_run(run(&undated), UNDATED);
        let mut ended = behind(100.0);
        ended.timeline().ended = true;
        assert_not_run(run(&ended), UNDATED);
        let mut unreadable = behind(100.0);
        unreadable.others[0].renditions.clear();
        assert_not_run(run(&unreadable), UNDATED);
    }
}
