//! What several checks derive from the history of a rendition. The history keeps each answer for the checks of one probe.

use std::sync::OnceLock;

/// How a playlist changed from one observation to the next.
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

/// What the first check that needs it derives from the rest of a history, and the other checks of the probe use again.
#[derive(Debug)]
pub(crate) struct DerivedOnce<T>(OnceLock<T>);

impl<T> DerivedOnce<T> {
    pub(crate) fn get_or_derive(&self, derive: impl FnOnce() -> T) -> &T {
        self.0.get_or_init(derive)
    }
}

impl<T> Default for DerivedOnce<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

/// A copy of a history may get other observations and segments.
impl<T> Clone for DerivedOnce<T> {
    fn clone(&self) -> Self {
        Self::default()
    }
}
