//! Writes Grafana's JSON from the dashboards' descriptions: `cargo xtask dashboards` in the project's folder.

use packager_testbed::grafana;
use std::path::Path;

/// # Errors
///
/// When a description can not be read, or a file can not be written.
pub fn write() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new("dashboards");
    for dashboard in grafana::read_descriptions(folder)? {
        let file = folder.join("grafana").join(format!("{}.json", dashboard.uid));
        std::fs::write(file, dashboard.json())?;
    }
    Ok(())
}
