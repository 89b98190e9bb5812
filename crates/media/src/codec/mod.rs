//! Elementary stream headers: bytes → what a container needs to know of them (random access, frame length), and what
//! they say of picture and sound.
//!
//! Only headers are read; nothing is decoded.

mod bits;
pub mod rfc6381;
pub mod parameters;
pub mod aac;
pub mod audio;
pub mod av1;
pub mod h264;
pub mod hevc;
mod mpeg_audio;
pub mod nal;
pub mod opus;
pub mod picture;
pub mod sei;
pub mod sets;
pub mod ttml;
#[cfg(test)]
mod tests;
