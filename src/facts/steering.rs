//! Facts about the steering server that a manifest names.

use super::Fetched;
use packager_media::steering::{ContentSteering, SteeringManifest};
use packager_media::units::{Seconds, Timestamp};
use url::Url;

/// The newest answer of the steering server that an output's manifest names, in this probe or in an earlier one.
#[derive(Debug, Clone)]
pub struct SteeringFacts {
    /// What the manifest says of its steering server.
    pub steering: ContentSteering,
    /// Time at which the steering server was asked.
    pub asked_at: Timestamp,
    pub fetched: Fetched,
    /// The steering manifest, or the reason why players ignore the answer. `None` if the steering server didn't answer.
    pub manifest: Option<Result<SteeringManifest, String>>,
    /// Playlists of the pathway to which the steering server sends players, if it added that pathway itself (HLS): those that were
    /// requested, up to the first one that answered. Empty otherwise.
    pub cloned: Vec<ClonedPlaylist>,
}

/// A media playlist of a pathway that a steering server added to those of the manifest.
#[derive(Debug, Clone)]
pub struct ClonedPlaylist {
    pub url: Url,
    /// Why the answer is unusable; `None` if it is a media playlist.
    pub problem: Option<String>,
}

/// Time in seconds after which the steering server is asked again at the latest, although its TTL may be longer: players that begin
/// ask it at once.
const ASK_AGAIN: f64 = 60.0;

impl SteeringFacts {
    /// Returns whether the answer still holds at `now` for what a manifest says: it is no older than its TTL and a minute. A server
    /// that failed, or that sends players to a dead pathway of its own, is asked in each probe.
    #[must_use]
    pub fn holds(&self, steering: &ContentSteering, now: Timestamp) -> bool {
        let Some(Ok(manifest)) = &self.manifest else { return false };
        let age = Seconds::between(self.asked_at, now).0;
        self.steering == *steering && !self.has_dead_clone() && (0.0..manifest.ttl.0.min(ASK_AGAIN)).contains(&age)
    }

    /// Returns whether players are sent to a pathway that the steering server added and of which no playlist answered.
    #[must_use]
    pub fn has_dead_clone(&self) -> bool {
        !self.cloned.is_empty() && self.cloned.iter().all(|playlist| playlist.problem.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn held(age: i64, answer: &str) -> bool {
        let url = testing::url("http://steering/?a=1");
        let steering = ContentSteering { server: url.clone(), first_pathway: None, pathways: ["a".to_owned()].into() };
        let facts = SteeringFacts {
            steering: steering.clone(),
            asked_at: testing::at(0),
            fetched: Fetched { result: Ok(testing::exchange(&url)), url },
            manifest: Some(packager_media::steering::parse_steering_manifest(answer.as_bytes())),
            cloned: Vec::new(),
        };
        let other = ContentSteering { first_pathway: Some("a".to_owned()), ..steering.clone() };
        assert!(!facts.holds(&other, testing::at(age)), "the manifest says something else");
        let playlist = ClonedPlaylist { url: testing::url("http://c/"), problem: Some("HTTP status 404".to_owned()) };
        let dead = SteeringFacts { cloned: vec![playlist], ..facts.clone() };
        assert!(!dead.holds(&steering, testing::at(age)), "its pathway is dead");
        facts.holds(&steering, testing::at(age))
    }

    #[test]
    fn an_answer_holds_for_its_ttl_and_at_most_for_a_minute() {
        let answer = |ttl: u32| format!("{{\"VERSION\":1,\"TTL\":{ttl},\"PATHWAY-PRIORITY\":[\"a\"]}}");
        assert!(held(9, &answer(10)) && !held(10, &answer(10)) && held(59, &answer(300)) && !held(60, &answer(300)));
        assert!(!held(-1, &answer(300)), "the clock was set back");
        assert!(!held(0, "no JSON"));
    }
}
