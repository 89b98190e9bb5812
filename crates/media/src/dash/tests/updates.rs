//! Tests of defects in Location, PatchLocation and events, and of damaged MPD patches, which do no harm.

use super::*;
use crate::defect::DefectKind;
use std::time::{Duration, Instant};

/// Returns the messages of an MPD's defects when it has these further attributes and elements; all have to be of kind
/// `Update`.
fn messages(attributes: &str, elements: &str) -> Vec<String> {
    let text = super::live_with(attributes, "<SegmentTemplate media=\"$Number$\" duration=\"2\"/>");
    let (_, defects) = read(&text.replace("<Period ", &format!("{elements}<Period ")));
    assert!(defects.iter().all(|d| d.kind == DefectKind::Update), "{defects:?}");
    defects.into_iter().map(|d| d.message).collect()
}

#[test]
fn a_location_is_an_http_address() {
    let nothing: [&str; 0] = [];
    assert_eq!(messages("", "<Location>other.mpd</Location><Location>https://cdn.example/x.mpd</Location>"), nothing);
    assert_eq!(messages("", "<Location> </Location>"), ["Location `` is no URL"]);
    assert_eq!(messages("", "<Location>http://[</Location>"), ["Location `http://[` is no URL"]);
    assert!(messages("", "<Location>file:///etc/passwd</Location>")[0].ends_with("of the scheme `file`: not http(s)"));
}

#[test]
fn a_patch_location_needs_an_id_and_a_time_to_live() {
    let nothing: [&str; 0] = [];
    assert_eq!(messages("id=\"tv\"", "<PatchLocation ttl=\"60.5\">tv.mpp</PatchLocation>"), nothing);
    assert_eq!(messages("id=\"tv\"", "<PatchLocation>tv.mpp</PatchLocation>"), nothing);
    let found = messages("", "<PatchLocation ttl=\"60\">tv.mpp</PatchLocation>");
    assert_eq!(found, ["PatchLocation in an MPD without id: a patch cannot identify the MPD that it applies to"]);
    for ttl in ["0", "-1", "soon"] {
        assert_eq!(
            messages("id=\"tv\"", &format!("<PatchLocation ttl=\"{ttl}\">tv.mpp</PatchLocation>")).len(),
            1,
            "{ttl}"
        );
    }
    let (mpd, _) = read(
        &super::live_with("id=\"tv\"", "").replace("<Period ", "<PatchLocation ttl=\"60\">a?b</PatchLocation><Period "),
    );
    let location = &mpd.patch_locations[0];
    assert_eq!((location.url.as_str(), location.ttl.unwrap().0), ("https://origin.example.com/live/ch1/a?b", 60.0));
}

#[test]
fn events_stand_in_their_order() {
    let within = |stream: &str| {
        messages("", "").len() + {
            let text = live("<SegmentTemplate media=\"$Number$\" duration=\"2\"/>")
                .replace("<AdaptationSet", &format!("{stream}<AdaptationSet"));
            let (_, defects) = read(&text);
            assert!(defects.iter().all(|d| d.kind == DefectKind::EventStream), "{defects:?}");
            defects.len()
        }
    };
    let events = |times: &str| format!("<EventStream schemeIdUri=\"urn:x\" timescale=\"1\">{times}</EventStream>");
    let sound = "<Event/><Event presentationTime=\"5\"/><Event presentationTime=\"5\"/><Event presentationTime=\"9\"/>";
    assert_eq!(within(&events(sound)), 0);
    assert_eq!(within(&events("<Event presentationTime=\"5\"/><Event presentationTime=\"4\"/><Event/>")), 1);
    assert_eq!(within("<EventStream timescale=\"1\"/>"), 1, "without schemeIdUri");
    assert_eq!(within("<EventStream schemeIdUri=\"urn:x\" timescale=\"0\"/>"), 1);
}

const MPD: &str = "<MPD id=\"tv\" publishTime=\"2026-01-01T00:00:00Z\"><Period id=\"1\"><SegmentTimeline><S t=\"0\" d=\"2\"/><S d=\"2\"/>\
                   </SegmentTimeline></Period></MPD>";
const PUBLISHED: &str = "<replace sel=\"/MPD/@publishTime\">2026-01-01T00:00:02Z</replace>";

fn patch(operations: &str) -> String {
    format!(
        "<Patch xmlns=\"urn:mpeg:dash:schema:mpd-patch:2020\" mpdId=\"tv\" originalPublishTime=\"2026-01-01T00:00:00Z\" \
         publishTime=\"2026-01-01T00:00:02Z\">\n{operations}</Patch>"
    )
}

fn judged(patch: &str) -> Vec<String> {
    let (found, defects) = crate::dash::patch(patch.as_bytes(), MPD.as_bytes());
    assert!(found.is_some(), "{defects:?}");
    defects.into_iter().map(|d| d.message).collect()
}

#[test]
fn a_patch_that_fits_has_no_defect() {
    let line = "/MPD/Period[@id='1']/SegmentTimeline";
    let operations = format!(
        "{PUBLISHED}<remove sel=\"{line}/S[1]\"/><add sel=\"{line}\"><S d=\"3\"/></add><replace sel=\"{line}/S[1]\"><S t=\"2\" d=\"2\"/></replace>\
         <remove sel=\"{line}/S[@d='3']/@d\"/><add sel=\"{line}/S[2]\" type=\"@d\">3</add>\
         <add sel=\"/MPD/Period\" pos=\"before\"><Period id=\"0\"/></add><add sel=\"/MPD/Period[2]\" pos=\"after\"><Period id=\"2\"/></add>\
         <add sel=\"/MPD\" pos=\"prepend\"><BaseURL>x</BaseURL></add><remove sel=\"/MPD/Period[3]\"/><remove sel=\"/MPD/BaseURL[.='x']\"/>"
    );
    let nothing: [&str; 0] = [];
    assert_eq!(judged(&patch(&operations)), nothing);
    assert_eq!(judged(&patch("")), nothing, "no update yet");
}

#[test]
fn each_operation_has_one_place_in_what_those_before_it_made() {
    for (operations, says) in [
        ("<remove sel=\"/MPD/Period[2]\"/>", "sel of remove is `/MPD/Period[2]`: nothing in the MPD is there"),
        (
            "<remove sel=\"/MPD/Period/SegmentTimeline/S\"/>",
            "sel of remove is `/MPD/Period/SegmentTimeline/S`: 2 nodes in the MPD instead of one",
        ),
        (
            "<remove sel=\"/MPD/Period\"/><add sel=\"/MPD/Period\"/>",
            "sel of add is `/MPD/Period`: nothing in the MPD is there",
        ),
        ("<remove sel=\"//S\"/>", "sel of remove is `//S`: no path that a patch may have"),
        ("<remove/>", "remove has no sel"),
        ("<move sel=\"/MPD\"/>", "`move` is no operation: add, replace, remove"),
        ("<add sel=\"/MPD\" type=\"@id\">x</add>", "add of `/MPD`: the element has that attribute already"),
        ("<add sel=\"/MPD\" pos=\"after\"><MPD/></add>", "add of `/MPD`: a document has but one root"),
        ("<remove sel=\"/MPD\"/>", "remove of `/MPD`: the root can't be removed"),
        ("<replace sel=\"/MPD/Period\"/>", "replace of `/MPD/Period`: an element is replaced by exactly one"),
        (
            "<add sel=\"/MPD/Period\"><X/></add>",
            "after all operations MPD@publishTime is `2026-01-01T00:00:00Z`, Patch@publishTime is another",
        ),
    ] {
        assert_eq!(judged(&patch(operations)), [says]);
    }
    let later = judged(&patch("<remove sel=\"id('x')\"/><remove sel=\"/nowhere\"/>"));
    assert!(later.is_empty(), "behind what can't be judged nothing is: {later:?}");
}

#[test]
fn a_patch_says_what_it_is_for() {
    let found = judged(&patch(PUBLISHED).replace(" mpdId=\"tv\"", "").replace("mpd-patch:2020", "mpd-patch:2018"));
    assert!(found[0].starts_with("Patch is in the namespace `urn:mpeg:dash:schema:mpd-patch:2018`"), "{found:?}");
    assert_eq!(found[1], "Patch@mpdId is missing");
    let refused = |text: &str| crate::dash::patch(text.as_bytes(), MPD.as_bytes()).1[0].message.clone();
    assert_eq!(refused("<html/>"), "not a patch: the document is a `html`");
    assert!(refused("busy").starts_with("not well-formed XML"));
}

#[test]
fn a_damaged_patch_does_no_harm() {
    let whole = patch(&format!(
        "{PUBLISHED}<remove sel=\"/MPD/Period[@id='1']/SegmentTimeline/S[1]\"/><add sel=\"/MPD\" pos=\"prepend\"><B/></add>"
    ));
    for at in 0..whole.len() {
        for byte in [b'<', b'\'', b'[', b'/', b'9', 0xff] {
            let mut damaged = whole.clone().into_bytes();
            damaged[at] = byte;
            let _ = crate::dash::patch(&damaged, MPD.as_bytes());
            let _ = crate::dash::patch(whole.as_bytes(), &damaged);
        }
        let _ = crate::dash::patch(&whole.as_bytes()[..at], MPD.as_bytes());
    }
}

#[test]
fn endless_patches_end() {
    let began = Instant::now();
    let wide = MPD.replace("<S d=\"2\"/>", &"<S d=\"2\"/>".repeat(20_000));
    let slow = patch(&"<replace sel=\"/MPD/Period/SegmentTimeline/S[19999]/@d\">2</replace>".repeat(20_000));
    let _ = crate::dash::patch(slow.as_bytes(), wide.as_bytes());
    let grows = format!("<add sel=\"/MPD\">{}</add>", "<X/>".repeat(100));
    let _ = crate::dash::patch(patch(&grows.repeat(1000)).as_bytes(), MPD.as_bytes());
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}
