//! Rules between the attributes of one tag, which the table of tags can't say.

use super::attributes::List;
use super::values::Report;

pub(super) fn check<'a>(list: &List<'a>, report: &mut Report<'_, '_, 'a>) {
    let line = report.line.tag_text();
    let kind = list.get("TYPE");
    match report.tag.name {
        "EXT-X-KEY" if list.get("METHOD").is_some_and(|m| m != "NONE") && !list.has("URI") => {
            report.attribute(line, format_args!("EXT-X-KEY has no URI, which is required unless METHOD is NONE"));
        }
        "EXT-X-MEDIA" if kind == Some("SUBTITLES") && !list.has("URI") => {
            report.attribute(line, format_args!("EXT-X-MEDIA has no URI, which is required for TYPE=SUBTITLES"));
        }
        "EXT-X-MEDIA" if kind == Some("CLOSED-CAPTIONS") && list.has("URI") => {
            report.attribute(line, format_args!("EXT-X-MEDIA has a URI, which TYPE=CLOSED-CAPTIONS forbids"));
        }
        "EXT-X-MEDIA" if kind == Some("CLOSED-CAPTIONS") && !list.has("INSTREAM-ID") => {
            let what = "EXT-X-MEDIA has no INSTREAM-ID, which is required for TYPE=CLOSED-CAPTIONS";
            report.attribute(line, format_args!("{what}"));
        }
        _ => {}
    }
}
