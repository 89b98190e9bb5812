//! Playlists of variants in the pathways that a steering server adds.

use super::{Rendition, labels};
use crate::steering::PathwayClone;
use url::Url;

impl Rendition {
    /// Returns the URL of a variant's media playlist in a pathway that a steering server adds: that of the variant with the host and the query
    /// parameters of the copy, or one that the server's answer gives for this variant. `None` if the variant belongs to another pathway or
    /// has no URL, or if the answer's host can't be one (draft-pantos-content-steering, Pathway Cloning).
    #[must_use]
    pub fn playlist_in(&self, clone: &PathwayClone) -> Option<Url> {
        if self.pathway.as_ref() != Some(&clone.base) {
            return None;
        }
        let own = |id: &String| clone.variants.iter().find(|(known, _)| labels::slug(known) == *id);
        if let Some((_, own)) = self.id.as_ref().and_then(own) {
            return Some(own.clone());
        }
        let mut url = self.uri.clone()?;
        if let Some(host) = &clone.host {
            // Some servers write a port too, which players take.
            let (name, port) = match host.rsplit_once(':') {
                Some((name, port)) if !port.ends_with(']') => (name, Some(port.parse().ok()?)),
                _ => (host.as_str(), None),
            };
            url.set_host(Some(name)).ok()?;
            if port.is_some() {
                url.set_port(port).ok()?;
            }
        }
        if !clone.parameters.is_empty() {
            let written: Vec<_> = url.query_pairs().into_owned().collect();
            let kept = written.iter().filter(|(name, _)| !clone.parameters.contains_key(name));
            let parameters = kept.map(|(name, value)| (name, value)).chain(&clone.parameters);
            let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
            url.set_query(Some(&query));
        }
        Some(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steering::parse_steering_manifest;
    use crate::stream::{Media, RenditionIdentity};

    #[test]
    fn a_clone_has_the_playlists_of_its_base_at_another_host_or_address() {
        let clone = |replacement: &str| {
            let clones = format!("{{\"BASE-ID\":\"a\",\"ID\":\"c\",\"URI-REPLACEMENT\":{replacement}}}");
            let more = format!("\"TTL\":1,\"PATHWAY-PRIORITY\":[\"c\"],\"PATHWAY-CLONES\":[{clones}]");
            parse_steering_manifest(format!("{{\"VERSION\":1,{more}}}").as_bytes()).unwrap().clones.remove(0)
        };
        let uri = Url::parse("http://a.example:8080/v/1.m3u8?b=1&x=2").unwrap();
        let (pathway, id) = (Some("a".to_owned()), Some("v-1".to_owned()));
        let identity = RenditionIdentity::place("0");
        let variant = Rendition { uri: Some(uri), pathway, id, ..Rendition::new(Media::Video, identity) };
        let url = |replacement: &str| variant.playlist_in(&clone(replacement)).map(|url| url.to_string());
        let same = "http://a.example:8080/v/1.m3u8?b=1&x=2";
        assert_eq!(url("{}").unwrap(), same);
        assert_eq!(url(r#"{"HOST":"c.example"}"#).unwrap(), same.replace("a.example", "c.example"));
        assert_eq!(url(r#"{"PARAMS":{"x":"3","a":"é"}}"#).unwrap(), "http://a.example:8080/v/1.m3u8?b=1&a=%C3%A9&x=3");
        let own = r#"{"HOST":"c.example","PER-VARIANT-URIS":{"v/1":"https://d.example/own.m3u8"}}"#;
        assert_eq!(url(own).unwrap(), "https://d.example/own.m3u8");
        assert_eq!(url(r#"{"HOST":"c.example:81"}"#).unwrap(), same.replace("a.example:8080", "c.example:81"));
        assert_eq!(url(r#"{"HOST":"[::1]"}"#).unwrap(), same.replace("a.example", "[::1]"));
        assert_eq!(url(r#"{"HOST":"c.example:x"}"#), None);
        assert_eq!(url(r#"{"HOST":"a b"}"#), None);
        let other = Rendition { pathway: Some("b".to_owned()), ..variant.clone() };
        assert_eq!(other.playlist_in(&clone("{}")), None);
    }
}
