//! Dynamic range of an AdaptationSet from its properties (ISO/IEC 23091-2 8.2, DASH-IF IOP 4.3 10.3).

use super::model::AdaptationSet;

const TRANSFER: &str = "urn:mpeg:mpegB:cicp:TransferCharacteristics";
/// Transfer characteristics of a standard dynamic range; 2 and reserved values say nothing.
const SDR: [u8; 13] = [1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// Returns the dynamic range with the names of VIDEO-RANGE in HLS. `None` if only the bitstream says it. HLG that other players show as
/// SDR is announced as both: 14 by an essential property, 18 by a supplemental one (ETSI TS 103 285 5.2).
pub(super) fn video_range(set: &AdaptationSet) -> Option<String> {
    let properties = set.essential.iter().chain(&set.supplemental);
    let values: Vec<u8> =
        properties.filter(|p| p.scheme == TRANSFER).filter_map(|p| p.value.as_deref()?.trim().parse().ok()).collect();
    let has = |known: &[u8]| values.iter().any(|value| known.contains(value));
    let range = match () {
        () if has(&[16]) => "PQ",
        () if has(&[18]) => "HLG",
        () if has(&SDR) => "SDR",
        () => return None,
    };
    Some(range.to_owned())
}

#[cfg(test)]
mod tests {
    use crate::dash;
    use url::Url;

    fn range(properties: &str) -> Option<String> {
        let text = format!(
            "<MPD type=\"dynamic\" availabilityStartTime=\"2026-01-01T00:00:00Z\"><Period start=\"PT0S\"><AdaptationSet mimeType=\"video/mp4\">\
             {properties}<SegmentTemplate media=\"$Number$\" duration=\"2\"/><Representation id=\"v\" bandwidth=\"1\"/></AdaptationSet></Period></MPD>"
        );
        let base = Url::parse("http://packager/tv.mpd").unwrap();
        let mpd = dash::parse(text.as_bytes(), &base).0.unwrap();
        let snapshots = dash::renditions_at(&mpd, "2026-01-01T00:01:00Z".parse().unwrap());
        snapshots[0].rendition.video_range.clone()
    }

    #[test]
    fn transfer_characteristics_are_the_range() {
        let property = |kind: &str, value: &str| {
            format!("<{kind}Property schemeIdUri=\"urn:mpeg:mpegB:cicp:TransferCharacteristics\" value=\"{value}\"/>")
        };
        for (value, is) in [("16", "PQ"), ("18", "HLG"), ("1", "SDR"), ("14", "SDR")] {
            assert_eq!(range(&property("Supplemental", value)).as_deref(), Some(is));
            assert_eq!(range(&property("Essential", value)).as_deref(), Some(is));
        }
        for nothing in ["2", "0", "255", "HLG"] {
            assert_eq!(range(&property("Essential", nothing)), None);
        }
        assert_eq!(
            range(&[property("Essential", "14"), property("Supplemental", "18")].concat()).as_deref(),
            Some("HLG")
        );
        assert_eq!(range(""), None);
        assert_eq!(
            range("<SupplementalProperty schemeIdUri=\"urn:mpeg:mpegB:cicp:ColourPrimaries\" value=\"9\"/>"),
            None
        );
    }
}
