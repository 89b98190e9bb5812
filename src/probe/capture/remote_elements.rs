//! Remote elements of an MPD: fetched where a player can't start without them (ISO/IEC 23009-1 5.5).

use super::Capturer;
use packager_media::dash::{self, Mpd, RemoteElement};
use packager_media::defect::Defect;
use url::Url;

impl Capturer<'_> {
    /// Parses an MPD that `base` answered with, after its remote elements were fetched if it has no media without them. Elements
    /// for which the probe's time doesn't suffice stay remote: the defects then say that they aren't followed.
    pub(super) async fn parse_mpd(&self, body: &[u8], base: &Url) -> (Option<Mpd>, Vec<Defect>) {
        let mut answers = Vec::new();
        for remote in dash::required_remote_elements(body, base) {
            let Some(answer) = self.fetch_remote_element(&remote).await else { return dash::parse(body, base) };
            answers.push((remote, answer));
        }
        if answers.is_empty() {
            return dash::parse(body, base);
        }
        let (resolved, mut defects) = dash::resolve_remote_elements(body, &answers);
        let (mpd, others) = dash::parse(&resolved, base);
        defects.extend(others);
        (mpd, defects)
    }

    /// Fetches the document of a remote element. `None` if the probe's time ended first.
    async fn fetch_remote_element(&self, remote: &RemoteElement) -> Option<Result<Vec<u8>, String>> {
        let (fetched, body) = self.text(&remote.url, self.budget.playlists()).await?;
        Some(fetched.problem().map_or(Ok(body), Err))
    }
}
