//! Reads what a live HLS or DASH channel consists of: playlists, MPDs and media segments.
//!
//! Every reader takes bytes or text and answers with facts and with [`defect::Defect`]s: what the input breaks of its standard,
//! where, and by which clause. The crate does no input or output, reads no clock and runs no async code, so that any input
//! gives the same answer at any time. Every input is hostile: readers are bounded, and none panics.
//!
//! The modules stand bottom-up: each may use only those above it in this list (`tests/integration/layers.rs`).

#![forbid(unsafe_code)]

pub mod units;
pub mod redact;
pub mod splice;
pub mod drm;
pub mod stream;
pub mod defect;
pub mod xml;
pub mod codec;
pub mod crypt;
pub mod container;
pub mod hls;
pub mod dash;
