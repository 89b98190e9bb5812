//! Keeps two reports of each channel: the newest, and the one that shows the last fault.

use crate::finding::Severity;
use crate::report::Report;
use packager_media::units::Seconds;
use std::sync::Arc;

/// Seconds for which the report of a fault is kept after the fault, so that somebody who reads the alert's message can
/// still see it.
const FAULT_KEPT: f64 = 3600.0;

/// The kept reports of one channel.
#[derive(Debug)]
pub(super) struct KeptReports {
    newest: Arc<Report>,
    /// Report of the worst fault within [`FAULT_KEPT`] before the newest report. Of equal faults the newest counts.
    /// `None`: no check failed.
    fault: Option<(Severity, Arc<Report>)>,
}

impl KeptReports {
    pub(super) fn new(report: Arc<Report>) -> Self {
        let fault = report.worst_severity().map(|severity| (severity, Arc::clone(&report)));
        Self { newest: report, fault }
    }

    /// Keeps a report, which becomes the newest.
    pub(super) fn push(&mut self, report: Arc<Report>) {
        let is_old = |kept: &Report| Seconds::between(kept.started_at, report.started_at).0 > FAULT_KEPT;
        self.fault = match (self.fault.take().filter(|(_, kept)| !is_old(kept)), report.worst_severity()) {
            (Some((before, kept)), now) if now.is_none_or(|now| now < before) => Some((before, kept)),
            (_, now) => now.map(|severity| (severity, Arc::clone(&report))),
        };
        self.newest = report;
    }

    pub(super) fn newest(&self) -> &Arc<Report> {
        &self.newest
    }

    /// Returns the report of the last fault, or the newest report if there was no fault.
    pub(super) fn fault_or_newest(&self) -> &Arc<Report> {
        self.fault.as_ref().map_or(&self.newest, |(_, report)| report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{broken, clean};

    fn at(mut report: Report, second: i64) -> Arc<Report> {
        report.started_at = packager_media::units::Timestamp::from_second(second).unwrap();
        Arc::new(report)
    }

    fn warning(second: i64) -> Arc<Report> {
        let mut report = broken();
        report.outcomes.iter_mut().for_each(|outcome| outcome.severity = Severity::Warning);
        at(report, second)
    }

    #[test]
    fn the_worst_fault_of_the_last_hour_is_shown() {
        let shown = |kept: &KeptReports| kept.fault_or_newest().started_at.as_second();
        let mut kept = KeptReports::new(at(clean(), 0));
        assert_eq!(shown(&kept), 0);
        kept.push(at(broken(), 10));
        kept.push(warning(20));
        kept.push(at(clean(), 30));
        assert_eq!((shown(&kept), kept.newest().started_at.as_second()), (10, 30));
        kept.push(at(broken(), 40));
        kept.push(at(clean(), 3640));
        assert_eq!(shown(&kept), 40);
        kept.push(warning(3641));
        assert_eq!(shown(&kept), 3641);
        kept.push(at(clean(), 9000));
        assert_eq!(shown(&kept), 9000);
    }
}
