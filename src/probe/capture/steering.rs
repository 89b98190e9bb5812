//! Request to the steering server that a manifest names, as a player sends it.

use super::Capturer;
use crate::facts::{ClonedPlaylist, SteeringFacts};
use crate::history::AlreadyInspected;
use packager_media::steering::{ContentSteering, PathwayClone, parse_steering_manifest};
use packager_media::stream::{Protocol, Rendition};
use std::sync::Arc;
use url::Url;

/// Largest number of playlists that are requested of a pathway that the steering server added, if none answers.
const MAX_CLONED: usize = 3;

impl Capturer<'_> {
    /// Asks the steering server of a manifest, or returns its earlier answer if that still holds. If it sends players to a pathway that
    /// it added itself, the playlists of `variants` are requested there. `None` if the manifest names no server, the template disables
    /// the check, or the probe's time ended first.
    pub(super) async fn ask_steering_server(
        &self,
        steering: Option<ContentSteering>,
        protocol: Protocol,
        variants: &[Rendition],
        known: &AlreadyInspected,
    ) -> Option<Arc<SteeringFacts>> {
        let steering = steering.filter(|_| self.template.checks.content_steering_failed.enabled)?;
        let asked_at = self.clock.now();
        if let Some(earlier) = known.steering.as_ref().filter(|earlier| earlier.holds(&steering, asked_at)) {
            return Some(Arc::clone(earlier));
        }
        let url = asked(&steering, protocol);
        let (fetched, body) = self.text(&url, self.budget.playlists()).await?;
        let manifest = fetched.ok().map(|_| parse_steering_manifest(&body));
        let chosen = manifest.as_ref().and_then(|manifest| manifest.as_ref().ok()?.chosen(&steering));
        let cloned = match chosen.and_then(|chosen| chosen.clone) {
            Some(clone) => self.fetch_cloned(clone, variants).await,
            None => Vec::new(),
        };
        Some(Arc::new(SteeringFacts { steering, asked_at, fetched, manifest, cloned }))
    }

    /// Requests the first variants' playlists in the pathway `clone`, until one of them answers. Empty if the probe's time ends first.
    async fn fetch_cloned(&self, clone: &PathwayClone, variants: &[Rendition]) -> Vec<ClonedPlaylist> {
        let mut cloned = Vec::new();
        for url in variants.iter().filter_map(|variant| variant.playlist_in(clone)).take(MAX_CLONED) {
            let Some((fetched, body)) = self.text(&url, self.budget.playlists()).await else { return Vec::new() };
            let no_playlist = || (!body.starts_with(b"#EXTM3U")).then(|| "the answer is no playlist".to_owned());
            let problem = fetched.problem().or_else(no_playlist);
            let answers = problem.is_none();
            cloned.push(ClonedPlaylist { url, problem });
            if answers {
                break;
            }
        }
        cloned
    }
}

/// Returns the URL with which a player that begins asks the steering server: it names the pathway on which the player is.
fn asked(steering: &ContentSteering, protocol: Protocol) -> Url {
    let mut url = steering.server.clone();
    if let Some(pathway) = &steering.first_pathway {
        let name = match protocol {
            Protocol::Hls => "_HLS_pathway",
            Protocol::Dash => "_DASH_pathway",
        };
        url.query_pairs_mut().append_pair(name, pathway);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_player_names_its_pathway() {
        let url = |server: &str, first: Option<&str>, protocol| {
            let first_pathway = first.map(str::to_owned);
            let server = Url::parse(server).unwrap();
            asked(&ContentSteering { server, first_pathway, pathways: ["a".to_owned()].into() }, protocol).to_string()
        };
        assert_eq!(url("http://s/x?id=1", Some("a"), Protocol::Hls), "http://s/x?id=1&_HLS_pathway=a");
        assert_eq!(url("http://s/x", Some("a"), Protocol::Dash), "http://s/x?_DASH_pathway=a");
        assert_eq!(url("http://s/x", None, Protocol::Hls), "http://s/x");
    }
}
