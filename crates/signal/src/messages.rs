//! What ffmpeg says on standard error: the time of each picture, damage, CPU time and errors.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::confine::LACKS;

/// How much of one line is looked at, in bytes. Longer lines are user data of the stream, in hexadecimal.
const LINE_BYTES: usize = 400;
/// How much text of warnings and errors is kept, in bytes.
const KEPT_BYTES: usize = 4_096;
/// The largest number of pictures whose times are kept.
const MOST_PICTURES: usize = 100_000;

/// Messages that ffmpeg wrote to standard error.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    /// The decoded pictures in order, as the filter `showinfo` reports them.
    pub(crate) pictures: Vec<PictureInfo>,
    /// The number of macroblocks that were concealed, of all pictures together. `None` if none was reported.
    pub(crate) concealed: Option<u64>,
    /// The number of messages about damaged media.
    pub(crate) errors: u32,
    /// CPU time of the process, as it says itself at its end. Zero if it didn't.
    pub(crate) cpu: Duration,
    /// Features of the confinement that the kernel doesn't offer.
    pub(crate) lacks: Vec<String>,
    /// Warnings and errors: printable text within 4 kB.
    pub(crate) text: String,
    /// Whether the process wrote more than it may.
    pub(crate) too_many: bool,
    /// Whether ffmpeg came as far as to read its input.
    has_read: bool,
}

/// Properties of one picture, as ffmpeg's messages give them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PictureInfo {
    /// Presentation time in seconds, from the first timestamp of the input. `None` if the picture has none.
    pub(crate) time: Option<f64>,
    /// Whether it consists of two fields.
    pub(crate) interlaced: bool,
}

impl Messages {
    /// The last message about an error, for a person.
    pub(crate) fn last_error(&self) -> String {
        let last = self.text.lines().rev().find(|line| !line.trim().is_empty());
        last.unwrap_or("it gave no reason").chars().take(200).collect()
    }

    /// Whether ffmpeg is to blame for an empty result, and not its input: it never read that, or said that it lacks a decoder, a feature of
    /// it, a filter, memory or a thread.
    pub(crate) fn is_unable(&self) -> bool {
        const WORDS: [&str; 12] = [
            "max pixel count",
            "No such filter",
            "Requested output format",
            "not found for input stream",
            "no decoder found",
            "get_buffer() failed",
            "Decoder not found",
            "Unknown decoder",
            "nsupported bit depth",
            "nsupported chroma",
            "Cannot allocate memory",
            "Resource temporarily unavailable",
        ];
        !self.has_read || WORDS.iter().any(|words| self.text.contains(words))
    }

    fn take(&mut self, line: &str) {
        self.has_read |=
            READS.iter().any(|begin| line.starts_with(begin)) || INPUT.iter().any(|words| line.contains(words));
        if let Some(lack) = line.strip_prefix(LACKS) {
            self.lacks.push(lack.trim().chars().take(100).collect());
        } else if let Some((_, said)) = line.split_once("Parsed_showinfo").and_then(|(_, rest)| rest.split_once("] ")) {
            self.take_showinfo(said.trim_start());
        } else if let Some(times) = line.strip_prefix("bench: utime=") {
            self.cpu = cpu_time(times).unwrap_or(self.cpu);
        } else if let Some(concealed) = concealed(line) {
            self.concealed = Some(self.concealed.unwrap_or(0) + concealed);
        } else if !is_routine(line) {
            self.errors = self.errors.saturating_add(u32::from(is_damage(line)));
            self.keep(line);
        }
    }

    fn take_showinfo(&mut self, said: &str) {
        if said.starts_with("n:") && self.pictures.len() < MOST_PICTURES {
            let time =
                value(said, "pts_time:").and_then(|time| time.parse().ok()).filter(|time: &f64| time.is_finite());
            self.pictures.push(PictureInfo { time, interlaced: matches!(value(said, " i:"), Some("T" | "B")) });
        }
    }

    fn keep(&mut self, line: &str) {
        let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        if self.text.len() + line.len() < KEPT_BYTES {
            self.text.push_str(line.trim_end());
            self.text.push('\n');
        }
    }
}

/// What ffmpeg says of an input that it can't open.
const INPUT: [&str; 3] = ["Invalid data found", "could not find codec parameters", "End of file"];
/// Beginnings of lines that ffmpeg writes when it has opened its input, or while it reads it: those of its demuxers and decoders.
const READS: [&str; 12] = [
    "Input #",
    "[mpegts @",
    "[mov,mp4",
    "[aac @",
    "[ac3 @",
    "[eac3 @",
    "[mp3",
    "[h264 @",
    "[hevc @",
    "[mp2",
    "[NULL @",
    "[extract_extradata",
];

/// The value that follows `name` up to the next space.
fn value<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split_once(name)?.1.split_whitespace().next()
}

/// User and system time of `0.015s stime=0.010s rtime=0.738s`.
fn cpu_time(times: &str) -> Option<Duration> {
    let (user, rest) = times.split_once("s stime=")?;
    let (system, _) = rest.split_once('s')?;
    let seconds = user.parse::<f64>().ok()? + system.parse::<f64>().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// The number of macroblocks of `concealing 120 DC, 120 AC, 98 MV errors in P frame`.
fn concealed(line: &str) -> Option<u64> {
    let (_, said) = line.split_once("concealing ")?;
    let (count, _) = said.split_once(" DC")?;
    count.parse().ok()
}

/// Whether a line says nothing about damage or failure: the description of streams, progress and summaries.
fn is_routine(line: &str) -> bool {
    const STARTS: [&str; 14] = [
        "  ",
        "Input #",
        "Output #",
        "Stream mapping",
        "frame=",
        "size=",
        "video:",
        "bench:",
        "Press [q]",
        "[out#",
        "[vist#",
        "[aist#",
        "Program ",
        "[swscaler",
    ];
    line.trim().is_empty()
        || line.contains("has not been used for any stream")
        || STARTS.iter().any(|start| line.starts_with(start))
}

/// Whether a line is a decoder's or demuxer's message about damaged media.
fn is_damage(line: &str) -> bool {
    const WORDS: [&str; 9] = [
        "error",
        "Error",
        "invalid",
        "Invalid",
        "corrupt",
        "Could not find ref",
        "missing",
        "left block unavailable",
        "out of range",
    ];
    line.starts_with('[') && WORDS.iter().any(|word| line.contains(word))
}

/// Reads all messages, within `most` bytes.
pub(crate) async fn read(input: Option<impl AsyncRead + Unpin>, most: u64) -> Messages {
    let mut messages = Messages::default();
    let Some(mut input) = input else { return messages };
    let mut lines = Lines::default();
    let mut buffer = vec![0; 16_384];
    let mut total = 0u64;
    while let Ok(count @ 1..) = input.read(&mut buffer).await {
        total += count as u64;
        if total > most {
            messages.too_many = true;
            return messages;
        }
        lines.add(buffer.get(..count).unwrap_or_default(), |line| messages.take(line));
    }
    lines.end(|line| messages.take(line));
    messages
}

/// Cuts bytes into lines of bounded length. A carriage return ends a line too: progress is written so.
#[derive(Default)]
struct Lines {
    line: Vec<u8>,
}

impl Lines {
    fn add(&mut self, bytes: &[u8], mut each: impl FnMut(&str)) {
        for byte in bytes {
            match byte {
                b'\n' | b'\r' => self.end(&mut each),
                _ if self.line.len() < LINE_BYTES => self.line.push(*byte),
                _ => {}
            }
        }
    }

    fn end(&mut self, mut each: impl FnMut(&str)) {
        each(&String::from_utf8_lossy(&self.line));
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_lines(text: &str) -> Messages {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(read(Some(text.as_bytes()), 1_000_000))
    }

    #[test]
    fn the_times_of_pictures_are_read_from_the_lines_of_several_versions() {
        let messages = read_lines(
            "Input #0, mpegts, from 'pipe:0':\n\
             [Parsed_showinfo_0 @ 0x5a] n:   0 pts:      0 pts_time:0       pos:      564 fmt:yuv420p sar:1/1 s:320x180 i:T iskey:1 type:I \n\
             [Parsed_showinfo_0 @ 0x5a] color_range:pc color_space:bt709 color_primaries:bt709 color_trc:bt709\n\
             frame=   1 fps=0.0\r[Parsed_showinfo_0 @ 0x5a] n:   1 pts:   3600 pts_time:0.04 duration:   3600 duration_time:0.04    fmt:yuv420p cl:left s:320x180 i:P iskey:0 type:P \n\
             [Parsed_showinfo_0 @ 0x5a] n:   2 pts:   NOPTS pts_time:NOPTS fmt:yuv420p i:P iskey:0 type:P \n\
             bench: utime=0.015s stime=0.010s rtime=0.738s\n",
        );
        let found: Vec<_> = messages.pictures.iter().map(|p| (p.time, p.interlaced)).collect();
        assert_eq!(found, [(Some(0.0), true), (Some(0.04), false), (None, false)]);
        assert_eq!((messages.cpu, messages.errors, messages.text.as_str()), (Duration::from_millis(25), 0, ""));
    }

    #[test]
    fn what_ffmpeg_lacks_is_no_damage() {
        for lack in [
            "Decoder (codec hevc) not found for input stream #0:0",
            "Decoding requested, but no decoder found for: h264",
            "[h264 @ 0x1] Unsupported bit depth 12",
            "[hevc @ 0x1] get_buffer() failed",
            "Error while decoding stream #0:0: Cannot allocate memory",
        ] {
            assert!(read_lines(&format!("{lack}\n")).is_unable(), "{lack}");
        }
        assert!(read_lines("Unrecognized option 'fps_mode'.\n").is_unable(), "it never read its input");
        assert!(read_lines("confine: cannot execute /usr/bin/ffmpeg\n").is_unable());
        assert!(!read_lines("pipe:0: Invalid data found when processing input\n").is_unable());
        assert!(!read_lines("[h264 @ 0x1] non-existing PPS 1 referenced\n[h264 @ 0x1] no frame!\n").is_unable());
    }

    #[test]
    fn damage_is_counted_and_kept_as_printable_text() {
        let messages = read_lines(
            "[h264 @ 0x1] error while decoding MB 12 4, bytestream -7\n\
             [h264 @ 0x1] concealing 40 DC, 40 AC, 38 MV errors in P frame\n\
             [h264 @ 0x1] concealing 2 DC, 2 AC, 2 MV errors in B frame\n\
             confine: not offered by the kernel: Landlock (ffmpeg can read files)\n\
             pipe:0: Invalid data found when processing\x1b[31m input\n",
        );
        assert_eq!((messages.concealed, messages.errors), (Some(42), 1));
        assert_eq!(messages.lacks, ["Landlock (ffmpeg can read files)"]);
        assert_eq!(messages.last_error(), "pipe:0: Invalid data found when processing [31m input");
    }
}
