use super::RenditionFacts;
use packager_media::drm::DrmSystem;
use std::collections::BTreeSet;

impl RenditionFacts {
    /// Returns the DRM systems of the keys that the playlist announces for the newest segment with keys: ads are often clear.
    #[must_use]
    pub fn offered_systems(&self) -> BTreeSet<DrmSystem> {
        let newest = self.timeline.as_deref().and_then(|t| t.segments.iter().rfind(|s| !s.keys.is_empty()));
        newest.into_iter().flat_map(|s| s.keys.iter()).filter_map(|key| key.system()).collect()
    }

    /// Returns the DRM systems of the `pssh` boxes in the initialization segments and in the segments of this probe.
    #[must_use]
    pub fn systems_in_media(&self) -> BTreeSet<DrmSystem> {
        let inits = self.inits.iter().filter_map(|i| i.inspection.as_ref());
        let segments = self.segments.iter().filter_map(|s| s.inspection.as_ref());
        inits.chain(segments).flat_map(|i| &i.pssh_boxes).filter_map(|pssh| DrmSystem::from_id(pssh.system)).collect()
    }
}
