//! Readers for the headers of elementary streams: random access points and frame sizes, which containers need, and the
//! parameters of video and audio.
//!
//! Only headers are read; nothing is decoded.

mod bits;
pub mod rfc6381;
pub mod parameters;
pub mod aac;
pub(crate) mod aac_silence;
pub(crate) mod id3;
pub(crate) mod audio;
pub mod av1;
pub mod h264;
pub mod hevc;
mod mpeg_audio;
pub(crate) mod nal;
pub mod opus;
pub(crate) mod start_codes;
pub mod sei;
pub(crate) mod set_ids;
pub mod quantizer;
pub mod still;
pub(crate) mod parameter_sets;
pub mod ttml;
#[cfg(test)]
mod tests;
