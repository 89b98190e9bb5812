//! Division of what a probe may download among the channel's outputs and their renditions.

use super::Capturer;
use crate::catalog::{Coverage, CoverageMode};
use packager_media::stream::Rendition;
use packager_media::units::Timestamp;

impl Capturer<'_> {
    /// Sets which share of the bytes of these renditions the budgets allow.
    pub(super) fn set_allowed_share(&self, renditions: &[&mut Rendition], now: Timestamp) {
        let rates = renditions.iter().filter_map(|r| r.bandwidth).map(|bandwidth| bandwidth.0);
        let _ = self.allowed_share.set(self.allowed_share(rates.fold(0, u64::saturating_add), now));
    }

    /// Returns how many segments of one rendition are inspected. It is the number that the template demands, bounded by
    /// the rendition's share if [`Self::max_segments`] is divided equally among the channel's outputs and their
    /// renditions.
    pub(super) fn coverage_share(&self, rendition: usize, renditions: usize) -> Coverage {
        let coverage = self.template.segments;
        let output = self.max_segments / self.channel.outputs.len().max(1);
        let share = output / renditions.max(1) + usize::from(rendition < output % renditions.max(1));
        Coverage { count: coverage.count.min(u32::try_from(share).unwrap_or(u32::MAX)), ..coverage }
    }

    /// Returns which share of the bytes of the output's renditions the budgets of template and exporter allow. `declared` is the sum of the bit
    /// rates that the manifest declares for them, in bits per second. `None`: there is no budget, the mode isn't `heads`, or no bit rate is
    /// declared.
    fn allowed_share(&self, declared: u64, now: Timestamp) -> Option<f64> {
        let coverage = self.template.segments;
        if coverage.mode != CoverageMode::Heads {
            return None;
        }
        let outputs = self.channel.outputs.len().max(1) as f64;
        let own = coverage.budget.filter(|_| declared > 0).map(|budget| budget.0 as f64 / outputs / declared as f64);
        let all = self.exporter_budget;
        let common = all.and_then(|(rates, budget)| rates.share(self.key.clone(), declared, budget.0, now));
        own.into_iter().chain(common).reduce(f64::min)
    }
}
