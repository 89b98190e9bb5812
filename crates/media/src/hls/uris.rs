//! Resolution of a playlist's URIs to absolute URLs (RFC 8216bis 4.1, RFC 3986 5.2).

use super::defects::DefectList;
use super::lines::PlaylistLine;
use crate::defect::DefectKind::Syntax;
use crate::redact::Quoted;
use url::Url;

/// Resolves `uri` to an absolute URL. `None`, with a defect, if it is no usable URI or its scheme isn't http or https.
pub(super) fn resolve<'a>(base: &Url, uri: &'a str, line: &PlaylistLine<'a>, defects: &mut DefectList) -> Option<Url> {
    let at = (line, line.offset_of(uri));
    let reference = "RFC 8216bis 4.1";
    match base.join(uri) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => return Some(url),
        Ok(url) => {
            let scheme = Quoted(url.scheme());
            defects.add(
                Syntax,
                at,
                reference,
                format_args!("{} has scheme {scheme}; only http and https are fetched", Quoted(uri)),
            );
        }
        Err(why) => defects.add(Syntax, at, reference, format_args!("{} is no usable URI: {why}", Quoted(uri))),
    }
    None
}
