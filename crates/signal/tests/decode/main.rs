//! Decodes clips that ffmpeg makes, and hostile media, in the confinement.

mod clips;
mod cost;
mod flat;
mod freeze;
mod hostile;
mod sound;
