//! Check of rules between the attributes of one tag, which the table of tags can't express.

use super::attribute_formats;
use super::attributes::AttributeList;
use super::key_rules;
use super::tag_values::TagReport;

pub(super) fn check<'a>(list: &AttributeList<'a>, report: &mut TagReport<'_, '_, 'a>) {
    match report.tag.name {
        "EXT-X-KEY" | "EXT-X-SESSION-KEY" => key_rules::check(list, report),
        "EXT-X-MEDIA" => member(list, report),
        "EXT-X-STREAM-INF" | "EXT-X-I-FRAME-STREAM-INF" => variant(list, report),
        "EXT-X-DEFINE" => definition(list, report),
        "EXT-X-SESSION-DATA" => session_data(list, report),
        "EXT-X-SERVER-CONTROL" => server_control(list, report),
        _ => {}
    }
}

fn member<'a>(list: &AttributeList<'a>, report: &mut TagReport<'_, '_, 'a>) {
    let kind = list.get("TYPE");
    let line = report.line.tag_text();
    match kind {
        Some("SUBTITLES") if !list.has("URI") => {
            report.attribute(line, format_args!("EXT-X-MEDIA has no URI, which is required for TYPE=SUBTITLES"));
        }
        Some("CLOSED-CAPTIONS") => captions(list, report),
        _ => {}
    }
    if let Some(kind) = kind {
        of_other_types(kind, list, report);
    }
    if list.get("DEFAULT") == Some("YES")
        && list.get("AUTOSELECT") == Some("NO")
        && let Some(autoselect) = list.name("AUTOSELECT")
    {
        report.attribute(autoselect, format_args!("AUTOSELECT is NO beside DEFAULT=YES; it must be YES or absent"));
    }
}

fn captions<'a>(list: &AttributeList<'a>, report: &mut TagReport<'_, '_, 'a>) {
    let line = report.line.tag_text();
    if list.has("URI") {
        report.attribute(line, format_args!("EXT-X-MEDIA has a URI, which TYPE=CLOSED-CAPTIONS forbids"));
    }
    match list.get("INSTREAM-ID") {
        None if !list.has("INSTREAM-ID") => {
            report.missing_attribute("INSTREAM-ID", " for TYPE=CLOSED-CAPTIONS");
        }
        Some(id) if !attribute_formats::is_caption(id) => {
            let what = "INSTREAM-ID of closed captions must be CC1 to CC4 or SERVICE1 to SERVICE63";
            report.attribute(id, format_args!("{what}"));
        }
        _ => {}
    }
}

fn of_other_types<'a>(kind: &str, list: &AttributeList<'a>, report: &mut TagReport<'_, '_, 'a>) {
    let only = [("FORCED", "SUBTITLES"), ("BIT-DEPTH", "AUDIO"), ("SAMPLE-RATE", "AUDIO"), ("CHANNELS", "AUDIO")];
    for (name, of) in only.into_iter().filter(|(_, of)| *of != kind) {
        if let Some(at) = list.name(name) {
            report.attribute(at, format_args!("{name} must not be present unless TYPE is {of}; it is {kind}"));
        }
    }
}

fn variant<'a>(list: &AttributeList<'a>, report: &mut TagReport<'_, '_, 'a>) {
    if let Some(at) = list.name("SUPPLEMENTAL-CODECS").filter(|_| !list.has("CODECS")) {
        let what = "SUPPLEMENTAL-CODECS without CODECS, which must declare the base layers";
        report.attribute(at, format_args!("{what}"));
    }
}

fn definition<'a>(list: &AttributeList<'a>, report: &mut TagReport<'_, '_, 'a>) {
    let line = report.line.tag_text();
    let given = ["NAME", "IMPORT", "QUERYPARAM"].into_iter().filter(|name| list.has(name)).count();
    if given != 1 {
        let what = "EXT-X-DEFINE must have one of NAME, IMPORT and QUERYPARAM";
        report.attribute(line, format_args!("{what}; it has {given} of them"));
    } else if list.has("NAME") && !list.has("VALUE") {
        report.attribute(line, format_args!("EXT-X-DEFINE has no VALUE, which is required beside NAME"));
    }
}

fn session_data<'a>(list: &AttributeList<'a>, report: &mut TagReport<'_, '_, 'a>) {
    let given = ["VALUE", "URI"].into_iter().filter(|name| list.has(name)).count();
    if given != 1 {
        let line = report.line.tag_text();
        let both = if given == 2 { "both" } else { "neither" };
        report.attribute(line, format_args!("EXT-X-SESSION-DATA must have either VALUE or URI; it has {both}"));
    }
}

fn server_control<'a>(list: &AttributeList<'a>, report: &mut TagReport<'_, '_, 'a>) {
    if let Some(at) = list.name("CAN-SKIP-DATERANGES").filter(|_| !list.has("CAN-SKIP-UNTIL")) {
        let what = "CAN-SKIP-DATERANGES without CAN-SKIP-UNTIL, without which nothing can be skipped";
        report.without_effect(at, format_args!("{what}"));
    }
}
