//! Fetching of MPD updates as a player does: from the MPD's Location, and as a patch of an earlier MPD.

use super::Capturer;
use crate::facts::{Fetched, LocationFacts, PatchFacts, PatchableMpd};
use crate::history::AlreadyInspected;
use packager_media::dash::{self, Mpd};
use packager_media::units::{Seconds, Timestamp};
use std::sync::Arc;

/// Size in bytes of the largest MPD that is kept so that its patches can be tried.
const MAX_KEPT: usize = 256 * 1024;
/// Time before the end of a patch's validity in which the patch isn't requested, because clocks differ.
const MARGIN: Seconds = Seconds(2.0);

impl Capturer<'_> {
    /// Fetches the MPD from its first Location. `None` if the MPD has no Location, the Location is the address that was
    /// just fetched, or the probe's time ended first.
    pub(super) async fn fetch_location(&self, mpd: &Mpd, manifest: &Fetched) -> Option<LocationFacts> {
        let asked = [Some(&manifest.url), manifest.ok().map(|e| &e.final_url)];
        let url =
            mpd.locations.first().filter(|url| mpd.dynamic && self.updates_wanted() && !asked.contains(&Some(*url)));
        let (fetched, body) = self.text(url?, self.budget.playlists()).await?;
        let mpd = match fetched.ok() {
            Some(exchange) => self.parse_mpd(&body, &exchange.final_url).await.0.map(Box::new),
            None => None,
        };
        Some(LocationFacts { fetched, mpd })
    }

    /// Fetches an MPD patch that leads to the newest MPD. If an MPD before the newest one is remembered and offers a
    /// patch, that one is requested, because it should contain changes. Otherwise the patch that the newest MPD offers
    /// is requested. `None` if no patch is offered or the probe's time ended first.
    pub(super) async fn fetch_patch(
        &self,
        newest: Option<&Arc<PatchableMpd>>,
        known: &AlreadyInspected,
        now: Timestamp,
    ) -> Option<PatchFacts> {
        let newest = newest.filter(|_| self.updates_wanted())?;
        let before = known.patchable.iter().rev();
        let before = before.filter(|p| p.id == newest.id && p.publish_time < newest.publish_time);
        let there = |p: &&Arc<PatchableMpd>| p.locations.iter().any(|l| is_alive(p, l.ttl, now));
        let of = before.chain([newest]).find(there)?.clone();
        let location = of.locations.iter().find(|l| is_alive(&of, l.ttl, now))?.clone();
        let (fetched, body) = self.text(&location.url, self.budget.playlists()).await?;
        let came = fetched.ok().is_some() && !body.is_empty();
        let whole = came && dash::looks_like(&body);
        let (patch, defects) = match came && !whole {
            true => dash::patch(&body, &of.text),
            false => (None, Vec::new()),
        };
        let outdated = of.publish_time < newest.publish_time;
        Some(PatchFacts { patched: of, outdated, ttl: location.ttl, fetched, patch, full_mpd: whole, defects })
    }

    /// Returns whether updates are fetched: a template that disables their check avoids the requests.
    fn updates_wanted(&self) -> bool {
        self.template.checks.dash_update_failed.enabled
    }
}

/// Returns whether a patch of the MPD is still offered at `now` by the MPD's clock. `ttl` is the time after publication
/// for which it is offered; `None` means without end.
fn is_alive(of: &PatchableMpd, ttl: Option<Seconds>, now: Timestamp) -> bool {
    ttl.is_none_or(|ttl| Seconds::between(of.publish_time, now) <= ttl - MARGIN)
}

/// Returns the MPD in the form that its patches need. `None` if no patch of it can be fetched.
pub(super) fn patchable(mpd: &Mpd, body: &[u8]) -> Option<Arc<PatchableMpd>> {
    let publish_time = mpd.publish_time.filter(|_| mpd.dynamic && !mpd.patch_locations.is_empty())?;
    let text = Some(body).filter(|body| body.len() <= MAX_KEPT)?.to_vec();
    Some(Arc::new(PatchableMpd { id: mpd.id.clone(), publish_time, locations: mpd.patch_locations.clone(), text }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use url::Url;

    fn of(ttl: f64, now: f64) -> bool {
        let publish_time = Timestamp::from_second(1_800_000_000).unwrap();
        let of = PatchableMpd { id: None, publish_time, locations: Vec::new(), text: Vec::new() };
        is_alive(&of, Some(Seconds(ttl)), Seconds(now).after(publish_time)) && is_alive(&of, None, publish_time)
    }

    #[test]
    fn patches_are_asked_for_until_shortly_before_their_time_is_over() {
        assert!(of(60.0, 58.0) && !of(60.0, 58.5) && !of(60.0, 61.0));
    }

    #[test]
    fn only_a_live_mpd_that_says_when_it_was_published_can_be_patched() {
        let base = Url::parse("http://packager/tv.mpd").unwrap();
        let kept = |attributes: &str, inside: &str, more: usize| {
            let text = format!("<MPD id=\"a\" {attributes}>{inside}</MPD>{}", " ".repeat(more));
            patchable(&dash::parse(text.as_bytes(), &base).0.unwrap(), text.as_bytes())
        };
        const LIVE: &str = "type=\"dynamic\" publishTime=\"2026-01-01T00:00:00Z\"";
        const WHERE: &str = "<PatchLocation ttl=\"60\">tv.mpp</PatchLocation>";
        let found = kept(LIVE, WHERE, 0).unwrap();
        assert_eq!((found.id.as_deref(), found.locations[0].ttl), (Some("a"), Some(Seconds(60.0))));
        assert!(kept(LIVE, "", 0).is_none() && kept("type=\"dynamic\"", WHERE, 0).is_none());
        assert!(kept("publishTime=\"2026-01-01T00:00:00Z\"", WHERE, 0).is_none(), "static");
        assert!(kept(LIVE, WHERE, MAX_KEPT).is_none(), "too long to be kept");
    }
}
