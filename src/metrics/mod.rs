//! `/probe` and `/metrics`: a report as gauges, and the exporter's own metrics.

mod checks;
mod output;
mod own;
mod playlist;
mod probe;
mod reference;
mod rendition;
mod segment;
mod series;
#[cfg(test)]
mod tests;

pub use own::{InFlight, Own, ProbeResult};
pub use reference::reference;

use crate::report::{Report, View};
use prometheus::TextEncoder;
use series::{Room, Series};

/// Content type of what [`exposition`] and [`Own::encode`] answer.
pub use prometheus::TEXT_FORMAT;

/// Most series of one probe, [`SERIES_DROPPED`] included.
const MAX_SERIES: usize = 2_000;

/// One gauge of `/probe`: its name as it is scraped, and what fills it.
struct Gauge {
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    fill: Fill,
}

type Fill = fn(&View<'_>, &mut Series<'_>);

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str, fill: Fill) -> Gauge {
    Gauge { name, labels, help, fill }
}

const OUTPUT: &[&str] = &["output"];
const RENDITION: &[&str] = &["output", "rendition"];

/// Every gauge in the order of the exposition: what is cut when a stream is too large stands last.
fn gauges() -> impl Iterator<Item = &'static Gauge> {
    [probe::GAUGES, checks::GAUGES, output::GAUGES, rendition::GAUGES, playlist::GAUGES, segment::GAUGES]
        .into_iter()
        .flatten()
}

const SERIES_DROPPED: Gauge = gauge(
    "packager_series_dropped",
    &[],
    "Number of series left out of this answer: over the bound of 2000, or of the same labels as another.",
    |_, _| {},
);

/// The report in text exposition 0.0.4. What this probe didn't measure is absent.
#[must_use]
pub fn exposition(report: &Report) -> String {
    let view = report.view();
    let mut room = Room::new(MAX_SERIES - 1, &view);
    let mut families: Vec<_> = gauges().filter_map(|gauge| series::family(gauge, &view, &mut room)).collect();
    families.push(series::single(&SERIES_DROPPED, room.dropped()));
    let mut out = String::new();
    if let Err(error) = TextEncoder::new().encode_utf8(&families, &mut out) {
        tracing::error!(%error, target = view.target, "the exposition was cut short: please report this");
    }
    out
}
