//! Measures samples as they come from ffmpeg.

use std::io::Read;
use std::time::Duration;

use super::avi::{Avi, Piece};
use super::listener::Listener;
use super::{MOST_STREAMS, Sound};
use crate::cpu::ThreadTime;

/// Measurements of the decoded sound of all audio streams.
#[derive(Debug, Default)]
pub(crate) struct SoundMeasurements {
    pub(crate) sounds: Vec<Sound>,
    pub(crate) cpu: Duration,
    pub(crate) cut: bool,
}

/// Reads the output of ffmpeg for sound and measures at most `seconds` of each audio stream. `streams` are the numbers of these streams in
/// their order in the output; empty if the numbers aren't known.
pub(crate) fn read(output: impl Read, seconds: f64, streams: &[u32]) -> SoundMeasurements {
    let time = ThreadTime::now();
    let mut heard = SoundMeasurements::default();
    let mut avi = Avi::new(output);
    let mut listeners: Vec<Listener> = Vec::new();
    while let Some(piece) = avi.next() {
        match piece {
            Piece::Format(format) if listeners.len() < MOST_STREAMS => match Listener::new(format) {
                Some(listener) => listeners.push(listener),
                None => break,
            },
            Piece::Format(_) => break,
            Piece::Samples(stream, bytes) => {
                let Some(listener) = listeners.get_mut(stream) else { break };
                if listener.duration() > seconds {
                    heard.cut = true;
                    break;
                }
                listener.hear(bytes);
            }
        }
    }
    let streams = streams.iter().copied().map(Some).chain(std::iter::repeat(None));
    let sounds = listeners.into_iter().zip(streams);
    heard.sounds = sounds.filter_map(|(heard, stream)| Some(Sound { stream, ..heard.finish()? })).collect();
    heard.cpu = time.elapsed();
    heard
}
