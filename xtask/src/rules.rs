//! `cargo xtask rules`: writes the check ids in the expressions of `rules/`.

use packager_testbed::alert_rules;
use std::path::Path;

pub(crate) fn write() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (path, text, generated) in alert_rules::files(&root)? {
        if text != generated {
            std::fs::write(path, generated)?;
        }
    }
    Ok(())
}
