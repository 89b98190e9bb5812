//! Test tools: a deterministic live origin with every fault, real packagers, and the harness that probes them.
//!
//! Integration tests, benchmarks and the demo use this crate; it is never part of the exporter.

// A broken set-up has to stop a test at once, with the place in the code.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

pub mod alert_rules;
pub mod child_process;
pub mod detection_page;
pub mod ffmpeg;
pub mod ffmpeg_dash;
pub mod grafana;
pub mod gstreamer;
pub mod harness;
pub mod large_mpds;
pub mod matrix;
pub mod nginx_rtmp;
pub mod origin;
pub mod pace;
pub mod packagers;
pub mod postgres;
pub mod programme_results;
pub mod restarts;
pub mod shaka;
pub mod static_files;
pub mod vlc;
