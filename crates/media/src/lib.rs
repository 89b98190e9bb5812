//! Readers for the inputs of a live HLS or DASH channel: playlists, MPDs and media segments.
//!
//! Every reader takes bytes or text and returns facts and [`defect::Defect`]s: breaches of a standard with their
//! position and clause. The crate does no input or output, reads no clock and runs no async code, so that an input
//! gives the same result at any time. Inputs are untrusted: every reader is bounded, and none panics.
//!
//! A module may use only the modules above it in this list (`tests/integration/layers.rs`).

#![forbid(unsafe_code)]

pub mod units;
pub mod quiet;
pub mod redact;
pub mod splice;
pub mod drm;
pub mod steering;
pub mod stream;
pub mod defect;
pub mod xml;
pub mod codec;
pub mod crypt;
pub mod container;
pub mod hls;
pub mod dash;
