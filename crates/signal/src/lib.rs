//! Decodes media segments and measures what viewers see and hear.
//!
//! Encoders and origins go on encoding when their input is lost: playlists and segments stay perfect while the picture is
//! frozen or black and the sound is silent. [`Decoder::decode`] finds that. ffmpeg decodes in a process of its own that can
//! read libraries and its standard input, and nothing else ([`confine`]); pictures and samples come over a pipe and are
//! measured here.
//!
//! The crate gives measures and no verdicts: thresholds of severity, hold times and recovery are its caller's.
//!
//! ```no_run
//! # async fn example(segment: bytes::Bytes) -> Result<(), Box<dyn std::error::Error>> {
//! use packager_signal::{Coded, Container, Decoder, Launcher, PictureChoice, DecodeOutputs};
//!
//! // The subcommand calls `packager_signal::confine::exec` with the arguments that follow it.
//! let decoder = Decoder::find(None, Launcher::this_program("confined-ffmpeg")).await?;
//! let coded = Coded {
//!     container: Container::MpegTs,
//!     initialization: None,
//!     audio_streams: Vec::new(),
//!     segments: vec![segment],
//!     duration: 6.0,
//!     pixels: Some(1920 * 1080),
//! };
//! let wanted = DecodeOutputs { pictures: PictureChoice::Every, sound: true, thumbnail: false };
//! let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(5);
//! let decoded = decoder.decode(&coded, wanted, deadline).await?;
//! for span in decoded.pictures.iter().flat_map(|pictures| &pictures.frozen) {
//!     println!("frozen from {} s to {} s", span.start, span.end);
//! }
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod span;
mod cpu;
mod input;
pub mod confine;
mod messages;
pub mod picture;
pub mod sound;
mod decoded;
mod process;
mod command;
mod decoder;

pub use decoded::{Decoded, NotDecoded};
pub use decoder::{Decoder, NoDecoder};
pub use input::{Coded, Container, DecodeOutputs, PictureChoice};
pub use picture::{Pictures, Signature, Thumbnail};
pub use process::Launcher;
pub use sound::{LoudnessPool, Sound};
pub use span::Span;
