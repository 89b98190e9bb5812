//! The migrations are inside the binary: a new file among them is seen, not only a changed one.
#![allow(clippy::print_stdout, reason = "Cargo reads it")]

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
