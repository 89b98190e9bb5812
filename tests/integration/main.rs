//! Everything that needs more than one module, or a real server.

#[path = "../../examples/detection/harness.rs"]
#[allow(dead_code)]
mod harness;
#[path = "../../examples/detection/markdown.rs"]
#[allow(dead_code)]
mod markdown;
#[path = "../../examples/detection/matrix.rs"]
#[allow(dead_code)]
mod matrix;

mod detection;
mod layers;
mod line;
