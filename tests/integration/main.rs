//! Everything that needs more than one module, or a real server.

#[path = "../../examples/detection/harness.rs"]
#[allow(dead_code)]
mod harness;

mod layers;
mod line;
