//! Metrics: a report as gauges for `/probe`, and the exporter's own metrics for `/metrics`.

mod checks;
mod output;
mod self_metrics;
mod playlist;
mod probe;
mod reference;
mod rendition;
mod segment;
mod series;
mod signal;
#[cfg(test)]
mod tests;

pub(crate) use reference::reference;
pub use self_metrics::{InFlightGuard, ProbeResult, SelfMetrics};

use crate::report::{Report, ReportView};
use prometheus::TextEncoder;
use series::{Series, SeriesBudget};

/// Content type of the metrics that [`exposition`] and [`SelfMetrics::encode`] return.
pub use prometheus::TEXT_FORMAT;

/// The largest number of series in the answer to one probe, [`SERIES_DROPPED`] included.
const MAX_SERIES: usize = 2_000;

/// One gauge of `/probe`: name, labels, help, and the function that sets its series.
struct Gauge {
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    fill: Fill,
}

type Fill = fn(&ReportView<'_>, &mut Series<'_>);

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str, fill: Fill) -> Gauge {
    Gauge { name, labels, help, fill }
}

const OUTPUT: &[&str] = &["output"];
const RENDITION: &[&str] = &["output", "rendition"];

/// Returns every gauge in the order of the exposition. If a stream has too many series, those of the last gauges are
/// dropped first.
fn gauges() -> impl Iterator<Item = &'static Gauge> {
    let files = [
        probe::GAUGES,
        checks::GAUGES,
        output::GAUGES,
        rendition::GAUGES,
        playlist::GAUGES,
        segment::GAUGES,
        signal::GAUGES,
    ];
    files.into_iter().flatten()
}

const SERIES_DROPPED: Gauge = gauge(
    "packager_series_dropped",
    &[],
    "Number of series that are left out of this answer, because it would have more than 2000 series or two with the \
     same labels.",
    |_, _| {},
);

/// Returns a report in Prometheus' text exposition format 0.0.4. A value that this probe didn't measure is absent.
#[must_use]
pub fn exposition(report: &Report) -> String {
    let view = report.view();
    let mut room = SeriesBudget::new(MAX_SERIES - 1, &view);
    let mut families: Vec<_> = gauges().filter_map(|gauge| series::family(gauge, &view, &mut room)).collect();
    families.push(series::single(&SERIES_DROPPED, room.dropped()));
    let mut out = String::new();
    if let Err(error) = TextEncoder::new().encode_utf8(&families, &mut out) {
        tracing::error!(%error, target = view.target, "the exposition was cut short: please report this");
    }
    out
}
