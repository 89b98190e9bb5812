//! The migrations and, in a release build, the web page are inside the binary: a new file among them is seen, not only
//! a changed one.
#![allow(clippy::print_stdout, reason = "Cargo reads it")]

fn main() {
    println!("cargo::rerun-if-changed=migrations");
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rerun-if-changed=ui/dist");
    }
}
