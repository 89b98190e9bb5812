//! What a template's checks of picture and sound need to know of a fault.

use crate::catalog::Template;
use crate::history::FollowUp;
use packager_media::units::Seconds;

/// Time in seconds from which a frozen picture is reported if the template sets no `freeze_threshold_ms`.
const DEFAULT_FREEZE: f64 = 1.0;

/// Returns until when the faults that `template` reports are to be followed up.
pub(super) fn of(template: &Template) -> FollowUp {
    let checks = &template.checks;
    let (frozen, black) = (&checks.picture_frozen, &checks.picture_black);
    let (color, silent) = (&checks.picture_single_color, &checks.sound_silent);
    let largest = |seconds: [f64; 4]| Seconds(seconds.into_iter().fold(0.0, f64::max));
    FollowUp {
        freeze: Seconds(template.thresholds.freeze_threshold_ms.map_or(DEFAULT_FREEZE, |ms| ms / 1000.0)),
        recovery: largest([frozen.recovery, black.recovery, color.recovery, silent.recovery]),
        critical: largest([frozen.critical_after, black.critical_after, color.critical_after, silent.critical_after]),
        blocks: template.thresholds.macroblocking_threshold,
        clipped: checks.sound_clipped.ratio,
    }
}
