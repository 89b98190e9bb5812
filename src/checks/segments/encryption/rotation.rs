//! A key that stays longer than the template allows.

use crate::checks::Violation;
use crate::history::RenditionHistory;
use packager_media::units::Seconds;

/// `None` where no rotation is expected, or nothing is encrypted. Counts media time, told by the live edge: while that
/// stands still a key gets no older.
pub(super) fn judge(past: &RenditionHistory, within: Option<f64>) -> Option<Vec<Violation>> {
    let (within, used) = (within?, past.key_use.as_ref()?);
    let age = Seconds::between(used.since, past.edge_since?).0;
    let message = || format!("the same key has been in use for {age:.0} s; another is expected every {within} s");
    let violation = || Violation::new(message()).with("seconds", age).with("since", used.since.to_string());
    Some((age > within).then(violation).into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::history::KeyUsage;

    #[test]
    fn a_key_may_be_used_as_long_as_the_template_says() {
        let mut past = RenditionHistory { edge_since: Some(time(-1.0)), ..RenditionHistory::default() };
        assert_eq!(judge(&past, Some(60.0)), None, "clear");
        past.key_use = Some(KeyUsage::of(time(-61.0)));
        assert_eq!([judge(&past, Some(60.0)), judge(&past, None)], [Some(vec![]), None]);
        let found = judge(&past, Some(59.0)).unwrap();
        assert_eq!(found[0].message, "the same key has been in use for 60 s; another is expected every 59 s");
    }
}
