//! Decodes clips that ffmpeg makes, and hostile media, in the confinement.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

mod clips;
mod cost;
mod flat;
mod freeze;
mod hostile;
mod sound;
