//! Pauses between attempts that fail one after the other.

use std::time::Duration;

/// Pauses that double with each failure, from the first to the longest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    pub(crate) const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// Returns the pause after the failure that was just seen.
    pub(crate) fn failed(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        pause
    }

    /// Begins anew with the first pause, after an attempt that succeeded.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
        let mut failed = || backoff.failed().as_secs();
        assert_eq!([failed(), failed(), failed(), failed(), failed()], [1, 2, 4, 5, 5]);
        backoff.reset();
        assert_eq!(backoff.failed().as_secs(), 1);
    }
}
