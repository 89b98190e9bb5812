//! Everything that needs more than one module, or a real server.

// Helpers of tests may give up where a test does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

#[path = "../../examples/detection/harness.rs"]
#[allow(dead_code)]
mod harness;
#[path = "../../examples/detection/ffmpeg.rs"]
mod live_ffmpeg;
#[path = "../../examples/detection/markdown.rs"]
#[allow(dead_code)]
mod markdown;
#[path = "../../examples/detection/matrix.rs"]
#[allow(dead_code)]
mod matrix;
#[path = "../../examples/detection/static_files.rs"]
mod static_files;

mod binary;
mod detection;
mod docs;
mod exporter;
mod ffmpeg;
mod hostile;
mod layers;
mod line;
mod prometheus;
