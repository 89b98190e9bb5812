//! How a playlist changed from one observation to the next. Checks classify the changes; the history keeps their result for the checks
//! of one probe.

use std::sync::OnceLock;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlaylistChange {
    /// The window of the playlist stayed or moved forward.
    Continued,
    /// The window of the playlist went back to segments that it had left: a stale cache, or two origins out of step.
    Regressed,
    /// The playlist lists new segments, and their numbers began anew.
    Restarted,
}

/// The change between two consecutive observations of a rendition's playlist, which are given by their indices.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ObservedChange {
    pub(crate) earlier: usize,
    pub(crate) later: usize,
    pub(crate) change: PlaylistChange,
    /// Whether only the end of the earlier window is missing in the later one.
    pub(crate) is_cut: bool,
}

/// All changes between the observations of a rendition, classified when a check first asks for them: a dozen checks do, and comparing the
/// windows of many observations takes longer than any of these checks.
#[derive(Debug, Default)]
pub(crate) struct ObservedChanges(OnceLock<Vec<ObservedChange>>);

impl ObservedChanges {
    pub(crate) fn get_or_classify(&self, classify: impl FnOnce() -> Vec<ObservedChange>) -> &[ObservedChange] {
        self.0.get_or_init(classify)
    }
}

/// A copy of a history may get other observations.
impl Clone for ObservedChanges {
    fn clone(&self) -> Self {
        Self::default()
    }
}
