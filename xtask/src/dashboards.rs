//! `cargo xtask dashboards`: writes the JSON of Grafana's dashboards from the descriptions in `dashboards/`.

use packager_testbed::grafana;
use std::path::Path;

/// Writes the JSON of every Grafana dashboard.
///
/// # Errors
/// A description can't be read, or a file can't be written.
pub(crate) fn write() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new("dashboards");
    for dashboard in grafana::read_descriptions(folder)? {
        let file = folder.join("grafana").join(format!("{}.json", dashboard.uid));
        std::fs::write(file, dashboard.json())?;
    }
    Ok(())
}
