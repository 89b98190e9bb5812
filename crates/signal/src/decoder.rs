//! Decodes segments with ffmpeg.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use crate::command::{self, Bounds};
use crate::confine::Limits;
use crate::decoded::{Decoded, NotDecoded};
use crate::input::{Coded, DecodeOutputs, PictureChoice};
use crate::picture::{self, DecodedPictures};
use crate::process::{self, Launcher, ProcessInput, ProcessOutput};
use crate::sound::{self, Sound};

/// How long ffmpeg may take to say its version: loading its libraries took 10 s on a machine with 25 processes waiting.
const VERSION_TIME: Duration = Duration::from_secs(60);
/// How many seconds of CPU time ffmpeg may take for it.
const VERSION_CPU: u64 = 10;

/// An ffmpeg that was found and starts in its confinement.
#[derive(Debug, Clone)]
pub struct Decoder {
    ffmpeg: PathBuf,
    launcher: Launcher,
    version: String,
    lacks: Vec<String>,
}

/// Why there is no decoder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoDecoder {
    /// No folder of PATH has an ffmpeg.
    #[error("ffmpeg is not installed: no folder of PATH has it")]
    NotInstalled,
    /// The file that was named doesn't exist or isn't a file.
    #[error("there is no ffmpeg at {}", .0.display())]
    NoFile(PathBuf),
    /// ffmpeg doesn't start in its confinement.
    #[error("{} does not start: {reason}", path.display())]
    DoesNotStart {
        /// The file.
        path: PathBuf,
        /// The reason, as ffmpeg or the launcher said it.
        reason: String,
    },
}

impl Decoder {
    /// Finds ffmpeg: the file `path`, or `ffmpeg` in a folder of PATH. It is started once, in its confinement, to see that it
    /// runs. The path must be that of a program: a script isn't executed.
    pub async fn find(path: Option<&Path>, launcher: Launcher) -> Result<Self, NoDecoder> {
        let ffmpeg = locate(path)?;
        let limits = Limits { memory: command::MEMORY_HD, cpu: VERSION_CPU };
        let arguments = vec![OsString::from("-version")];
        let job = ProcessInput { arguments, limits, input: Vec::new(), message_bytes: 65_536 };
        let deadline = Instant::now() + VERSION_TIME;
        let failed = |reason: String| NoDecoder::DoesNotStart { path: ffmpeg.clone(), reason };
        let finished = process::run(&launcher, &ffmpeg, job, deadline, first_line).await;
        let finished = finished.map_err(|error| failed(error.to_string()))?;
        let Some(version) = finished.output.strip_prefix("ffmpeg version ") else {
            return Err(failed(finished.messages.last_error()));
        };
        let version = version.split_whitespace().next().unwrap_or_default().chars().take(60).collect();
        Ok(Self { ffmpeg, launcher, version, lacks: finished.messages.lacks })
    }

    /// The file of ffmpeg.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.ffmpeg
    }

    /// The version as ffmpeg says it, such as `5.1.9-0+deb12u1`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What the kernel doesn't offer for the confinement, in words for the log. Empty if the confinement is complete.
    #[must_use]
    pub fn lacks(&self) -> &[String] {
        &self.lacks
    }

    /// Decodes segments and measures them. Pictures and sound are decoded by two processes at the same time, so that
    /// damage of one doesn't end the other.
    ///
    /// Returns by `deadline`; processes that aren't ready then are killed. If pictures or sound fail and the other doesn't,
    /// the result has what was decoded, and the error of the one that failed.
    pub async fn decode(&self, coded: &Coded, wanted: DecodeOutputs, deadline: Instant) -> Result<Decoded, NotDecoded> {
        let pictures = wanted.pictures != PictureChoice::No && coded.container.has_pictures();
        match (pictures, wanted.sound) {
            (false, false) => Err(NotDecoded::NothingAsked),
            (true, false) => Ok(joined(Some(self.pictures(coded, wanted, deadline).await?), None)),
            (false, true) => Ok(joined(None, Some(self.sounds(coded, deadline).await?))),
            (true, true) => {
                let both = tokio::join!(self.pictures(coded, wanted, deadline), self.sounds(coded, deadline));
                joined_both(both.0, both.1)
            }
        }
    }

    async fn pictures(
        &self,
        coded: &Coded,
        wanted: DecodeOutputs,
        deadline: Instant,
    ) -> Result<DecodedPictures, NotDecoded> {
        let bounds = Bounds::of(coded);
        let job = self.job(coded, &bounds, command::for_pictures(coded, wanted, &bounds), deadline);
        let reader = picture::Reader { wanted, most: bounds.pictures, most_pixels: bounds.pixels };
        let finished =
            process::run(&self.launcher, &self.ffmpeg, job, deadline, move |output| reader.read(output)).await?;
        if finished.output.is_empty() {
            return Err(finished.failure());
        }
        picture::combine(finished.output, finished.messages, wanted)
            .ok_or_else(|| NotDecoded::Unable("its pictures are too small to be measured".to_owned()))
    }

    async fn sounds(&self, coded: &Coded, deadline: Instant) -> Result<DecodedSounds, NotDecoded> {
        let bounds = Bounds::of(coded);
        let job = self.job(coded, &bounds, command::for_sound(coded), deadline);
        let (seconds, streams) = (bounds.seconds, coded.audio_streams.clone());
        let read = move |output| sound::read(output, seconds, &streams);
        let finished = process::run(&self.launcher, &self.ffmpeg, job, deadline, read).await?;
        if finished.output.sounds.is_empty() {
            return Err(finished.failure());
        }
        Ok(sounds_of(finished))
    }

    fn job(&self, coded: &Coded, bounds: &Bounds, arguments: Vec<OsString>, deadline: Instant) -> ProcessInput {
        let input = coded.initialization.iter().chain(&coded.segments).cloned().collect();
        // The deadline ends the process; this limit holds if the exporter is gone.
        let cpu = deadline.saturating_duration_since(Instant::now()).as_secs().saturating_mul(2) + 2;
        ProcessInput {
            arguments,
            limits: Limits { memory: bounds.memory, cpu },
            input,
            message_bytes: bounds.message_bytes,
        }
    }
}

/// Sound with what the process said about itself.
struct DecodedSounds {
    sounds: Vec<Sound>,
    cpu: Duration,
    text: String,
    cut: bool,
}

fn sounds_of(finished: ProcessOutput<sound::SoundMeasurements>) -> DecodedSounds {
    let ProcessOutput { output, messages, .. } = finished;
    DecodedSounds {
        cpu: output.cpu + messages.cpu,
        cut: output.cut || messages.too_many,
        sounds: output.sounds,
        text: messages.text,
    }
}

/// Joins what two processes decoded. If both failed for the same kind of reason, the error is that of the pictures.
fn joined_both(
    pictures: Result<DecodedPictures, NotDecoded>,
    sounds: Result<DecodedSounds, NotDecoded>,
) -> Result<Decoded, NotDecoded> {
    match (pictures, sounds) {
        (Ok(pictures), Ok(sounds)) => Ok(joined(Some(pictures), Some(sounds))),
        (Ok(pictures), Err(error)) => Ok(Decoded { sound_failed: Some(error), ..joined(Some(pictures), None) }),
        (Err(error), Ok(sounds)) => Ok(Decoded { pictures_failed: Some(error), ..joined(None, Some(sounds)) }),
        (Err(pictures), Err(sounds)) if std::mem::discriminant(&pictures) == std::mem::discriminant(&sounds) => {
            Err(pictures)
        }
        (Err(pictures), Err(sounds)) => {
            Ok(Decoded { pictures_failed: Some(pictures), sound_failed: Some(sounds), ..Decoded::default() })
        }
    }
}

fn joined(pictures: Option<DecodedPictures>, sounds: Option<DecodedSounds>) -> Decoded {
    let mut decoded = Decoded::default();
    if let Some(found) = pictures {
        decoded.pictures = Some(found.pictures);
        decoded.thumbnail = found.thumbnail;
        decoded.cpu += found.cpu;
        decoded.messages.push_str(&found.text);
        decoded.cut |= found.cut;
    }
    if let Some(found) = sounds {
        decoded.sounds = found.sounds;
        decoded.cpu += found.cpu;
        decoded.messages.push_str(&found.text);
        decoded.cut |= found.cut;
    }
    decoded
}

/// The first line of the output.
fn first_line(output: std::io::PipeReader) -> String {
    use std::io::Read as _;
    let mut text = Vec::new();
    let _ = output.take(4_096).read_to_end(&mut text);
    String::from_utf8_lossy(&text).lines().next().unwrap_or_default().to_owned()
}

fn locate(path: Option<&Path>) -> Result<PathBuf, NoDecoder> {
    if let Some(path) = path {
        return if path.is_file() { Ok(path.to_owned()) } else { Err(NoDecoder::NoFile(path.to_owned())) };
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders).map(|folder| folder.join("ffmpeg")).find(|file| file.is_file());
    found.ok_or(NoDecoder::NotInstalled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_that_fails_leaves_its_error() {
        let heard = || DecodedSounds { sounds: Vec::new(), cpu: Duration::ZERO, text: String::new(), cut: false };
        let decoded = joined_both(Err(NotDecoded::Deadline), Ok(heard())).unwrap();
        assert!(decoded.pictures.is_none() && decoded.sound_failed.is_none());
        assert_eq!(decoded.pictures_failed, Some(NotDecoded::Deadline));
        assert_eq!(
            joined_both(Err(NotDecoded::Deadline), Err(NotDecoded::Deadline)).unwrap_err(),
            NotDecoded::Deadline
        );
        let nothing = NotDecoded::Nothing(String::new());
        let both = joined_both(Err(NotDecoded::Deadline), Err(nothing.clone())).unwrap();
        assert_eq!((both.pictures_failed, both.sound_failed), (Some(NotDecoded::Deadline), Some(nothing)));
    }
}
