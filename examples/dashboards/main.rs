//! Writes Grafana's JSON from the dashboards' descriptions: `cargo run --example dashboards` in the project's folder.

use std::path::Path;

mod grafana;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new("dashboards");
    for dashboard in grafana::described(folder)? {
        let file = folder.join("grafana").join(format!("{}.json", dashboard.uid));
        std::fs::write(file, dashboard.json())?;
    }
    Ok(())
}
