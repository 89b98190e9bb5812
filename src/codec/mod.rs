//! Elementary stream headers: bytes → what a container needs to know of them (random access, frame length).
//!
//! Only headers are read; nothing is decoded.

pub mod audio;
pub mod nal;
pub mod picture;
