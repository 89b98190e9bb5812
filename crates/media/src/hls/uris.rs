//! URIs of a playlist → absolute addresses (RFC 8216bis 4.1, RFC 3986 5.2).

use super::defects::Defects;
use super::lines::Line;
use crate::defect::DefectKind::Syntax;
use crate::redact::Quoted;
use url::Url;

/// `None`, with a defect, for what no address comes of, or one that isn't http or https.
pub(super) fn resolve<'a>(base: &Url, uri: &'a str, line: &Line<'a>, defects: &mut Defects) -> Option<Url> {
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
