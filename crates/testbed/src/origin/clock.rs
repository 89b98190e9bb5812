//! Clock of the origin: the system's clock, or one that a test sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The clock of an origin. Clones of a manual clock show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    pub fn system() -> Self {
        Self(None)
    }

    pub fn manual(start_unix_ms: i64) -> Self {
        Self(Some(Arc::new(AtomicI64::new(start_unix_ms))))
    }

    pub fn now_ms(&self) -> i64 {
        match &self.0 {
            Some(hand) => hand.load(Ordering::SeqCst),
            None => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
        }
    }

    /// Sets a manual clock to an instant in milliseconds of Unix time; a system clock ignores it.
    pub fn set(&self, unix_ms: i64) {
        if let Some(hand) = &self.0 {
            hand.store(unix_ms, Ordering::SeqCst);
        }
    }

    /// Moves a manual clock forward by this number of milliseconds; a system clock ignores it.
    pub fn advance(&self, ms: i64) {
        if let Some(hand) = &self.0 {
            hand.fetch_add(ms, Ordering::SeqCst);
        }
    }

    pub fn is_manual(&self) -> bool {
        self.0.is_some()
    }
}
