//! Faults with which a manifest is delivered but offers a player nothing to start.

use super::faults::Effect;

/// Returns the multivariant playlist, changed by the fault.
pub(super) fn multivariant(effect: Option<Effect>, text: String) -> String {
    let is_variant = |line: &&str| line.starts_with("#EXT-X-STREAM-INF") || !line.starts_with('#');
    let join = |lines: Vec<&str>| lines.into_iter().map(|line| format!("{line}\n")).collect();
    match effect {
        Some(Effect::VariantsMissing) => join(text.lines().filter(|line| !is_variant(line)).collect()),
        Some(Effect::MasterCut) => join(text.lines().take_while(|line| line.starts_with('#')).collect()),
        Some(Effect::VariantScheme) => {
            let renamed =
                |line: &str| if line.starts_with('#') { format!("{line}\n") } else { format!("skd://{line}\n") };
            text.lines().map(renamed).collect()
        }
        Some(Effect::SoundOnly) => {
            let rest: String = join(text.lines().filter(|line| !is_variant(line)).collect());
            rest + "#EXT-X-STREAM-INF:BANDWIDTH=140000,CODECS=\"mp4a.40.2\",AUDIO=\"aac\"\naudio/index.m3u8\n"
        }
        _ => text,
    }
}

/// Returns the MPD, changed by the fault.
pub(super) fn mpd(effect: Option<Effect>, text: String) -> String {
    match effect {
        Some(Effect::MpdWithout(name)) => without(&text, name),
        Some(Effect::MpdAttributes(attributes)) => text.replacen("<MPD ", &format!("<MPD {attributes} "), 1),
        Some(Effect::MpdPeriodAdded(period)) => text.replacen("<UTCTiming", &format!("{period}<UTCTiming"), 1),
        Some(Effect::ValidityEventsMissing) => {
            let events = "<InbandEventStream schemeIdUri=\"urn:mpeg:dash:event:2012\" value=\"1\"/>\n";
            let text = text.replace(" minimumUpdatePeriod=\"", " no-minimumUpdatePeriod=\"");
            mpd(Some(Effect::MpdVideoProperty(events)), text)
        }
        Some(Effect::MpdVideoProperty(property)) => {
            let is_video = |line: &str| line.starts_with("<AdaptationSet") && line.contains("contentType=\"video\"");
            let written = |line: &str| if is_video(line) { format!("{line}{property}") } else { line.to_owned() };
            text.split_inclusive('\n').map(written).collect()
        }
        Some(Effect::MpdSetAdded(set)) => text.replace("</Period>", &format!("{set}</Period>")),
        Some(Effect::MpdWithoutAttribute(name)) => text.replace(&format!(" {name}=\""), &format!(" no-{name}=\"")),
        Some(Effect::PeriodStartMissing) => text.replace(" start=\"PT0S\"", ""),
        Some(Effect::RemotePeriodMissing) => {
            let remote = "<Period xmlns:xlink=\"http://www.w3.org/1999/xlink\" xlink:href=\"gone/period.xml\" ";
            without(&text, "AdaptationSet").replace("<Period ", remote)
        }
        Some(Effect::MediaTemplateMissing) => text.replace(" media=\"", " intended=\""),
        _ => text,
    }
}

/// Returns a copy of the first Period in the text of an MPD that begins in some years.
pub(super) fn announced_period(text: &str) -> String {
    let period =
        text.split_once("<Period ").and_then(|(_, rest)| rest.split_once('>')).map_or("", |(_, inside)| inside);
    format!("<Period id=\"next\" start=\"PT1000000000S\">{period}")
}

/// Returns the XML document without its elements of this name, which aren't nested in each other.
fn without(text: &str, name: &str) -> String {
    let (open, close) = (format!("<{name} "), format!("</{name}>"));
    let mut pieces = text.split(&open);
    let mut kept = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let start_tag = piece.find('>').unwrap_or(piece.len());
        let end = match piece.get(..start_tag) {
            Some(tag) if tag.ends_with('/') => start_tag + 1,
            _ => piece.find(&close).map_or(piece.len(), |at| at + close.len()),
        };
        kept.push_str(piece.get(end..).unwrap_or_default());
    }
    kept
}
