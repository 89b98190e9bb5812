use crate::checks::support::select;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::units;
use packager_media::units::Seconds;

pub const META: CheckMeta = CheckMeta {
    id: "key_rotation_late",
    severity: Severity::Major,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when the same key has been in use for more than `max_age` seconds of media time, counted from the first probe",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.4.4; ISO/IEC 23001-7",
    needs_history: false,
};

params! {
    /// Longest time in seconds for which one key may be used. If it is not set, the check does not run.
    max_age: Option<f64> = None,
}

const MISSING: &str = "the template sets no max_age, or nothing is encrypted";

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, MISSING, |facts, past| {
        // In a clear ad the key remains known; a channel that has become clear uses it no more.
        let is_encrypted = facts.timeline.as_deref()?.segments.iter().any(|s| !s.keys.is_empty());
        judge(past, params.max_age?).filter(|_| is_encrypted)
    })
}

/// Compares the age of the key with `limit` seconds. The age is in media time: while the live edge stands still, a key
/// gets no older.
fn judge(past: &RenditionHistory, limit: f64) -> Option<Vec<Violation>> {
    let used = past.key_use.as_ref()?;
    let age = Seconds::between(used.since, past.edge_since?).0;
    let (seconds, most) = units::distinct(age, limit, 0);
    let message = || format!("the same key has been in use for {seconds} s; max_age is {most} s");
    let violation = || Violation::new(message()).with("seconds", age).with("since", used.since.to_string());
    Some((age > limit).then(violation).into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::history::KeyUsage;
    use packager_media::stream::Key;

    /// Runs key_rotation_late on a key that has been in use for 60 s of media time; without encryption
    /// the playlist lists clear segments only.
    fn run(encrypted: bool, max_age: Option<f64>) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.past().edge_since = Some(time(-1.0));
        scene.past().key_use = Some(KeyUsage::of(time(-61.0)));
        let key = Key { method: "AES-128".to_owned(), uri: None, iv: None, key_format: None, key_id: None };
        // The newest segments are a clear ad.
        scene.timeline().segments[0].keys = if encrypted { [key].into() } else { [].into() };
        check(&scene.context(), &Params { max_age, ..Params::default() })
    }

    #[test]
    fn a_key_may_be_used_as_long_as_the_template_says() {
        assert_holds(run(true, Some(60.0)));
        let found = violations(run(true, Some(59.9)));
        assert_eq!(found[0].message, "the same key has been in use for 60.0 s; max_age is 59.9 s");
        assert_eq!((found[0].rendition.as_deref(), &found[0].evidence["seconds"]), (Some(NAME), &60.0.into()));
    }

    #[test]
    fn without_a_limit_or_a_key_it_does_not_run() {
        assert_not_run(run(true, None), MISSING);
        assert_not_run(run(false, Some(60.0)), MISSING);
    }
}
