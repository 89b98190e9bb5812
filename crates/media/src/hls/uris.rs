//! URIs of a playlist → absolute addresses (RFC 8216bis 4.1, RFC 3986 5.2).

use super::defects::DefectList;
use super::lines::PlaylistLine;
use crate::defect::DefectKind::Syntax;
use crate::redact::Quoted;
use url::Url;

/// The absolute URL of `uri`. `None`, with a defect: it is no usable URI, or not of the scheme http or https.
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
