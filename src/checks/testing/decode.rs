//! Decoded media for the scenes of checks.

use super::{NAME, Scene, at, rendition, time, ts_segment};
use crate::facts::{CodedAmount, DecodedFacts, RenditionFacts, SegmentFacts};
use crate::testing;
use packager_media::units::Seconds;
use packager_signal::sound::{Channel, Position};
use packager_signal::{Decoded, NotDecoded, Span};
use std::sync::Arc;

/// What decoding shows of media, 2 s without other notice. Spans are in seconds since its beginning.
pub(in crate::checks) struct Decode {
    pub frozen: Vec<(f64, f64)>,
    pub black: Vec<(f64, f64)>,
    pub single_color: Vec<(f64, f64)>,
    pub silent: Vec<(f64, f64)>,
    pub dead_right: Vec<(f64, f64)>,
    pub clipped: f64,
    pub visible_blocks: f32,
    pub lufs: f32,
    /// Duration of the media.
    pub seconds: f64,
    pub is_mono: bool,
    /// Whether there is a second audio stream, which is silent.
    pub second_is_silent: bool,
    pub no_picture: bool,
    /// Share of the coded pictures that was decoded, 0 to 1; `None`: nobody knows how many there are.
    pub picture_share: Option<f64>,
    /// Share of the coded sound that was decoded, 0 to 1; `None`: nobody knows how long it is.
    pub sound_share: Option<f64>,
}

impl Decode {
    /// Moving pictures with good sound in two channels.
    pub(in crate::checks) fn moving() -> Self {
        Self {
            frozen: Vec::new(),
            black: Vec::new(),
            single_color: Vec::new(),
            silent: Vec::new(),
            dead_right: Vec::new(),
            clipped: 0.0,
            visible_blocks: 0.0,
            lufs: -23.0,
            seconds: 2.0,
            is_mono: false,
            second_is_silent: false,
            no_picture: false,
            picture_share: None,
            sound_share: None,
        }
    }

    /// The same picture throughout, with good sound.
    pub(in crate::checks) fn frozen() -> Self {
        Self { frozen: vec![(0.0, 2.0)], ..Self::moving() }
    }

    fn decoded(&self) -> Decoded {
        let spans = |spans: &[(f64, f64)]| {
            spans.iter().map(|(start, end)| Span { start: *start, end: *end }).collect::<Vec<_>>()
        };
        let mut decoded = testing::decoded(self.seconds, self.lufs);
        let pictures = decoded.pictures.as_mut().unwrap();
        (pictures.frozen, pictures.black) = (spans(&self.frozen), spans(&self.black));
        pictures.single_color = spans(&self.single_color);
        pictures.visible_blocks = vec![self.visible_blocks; 10];
        let sound = &mut decoded.sounds[0];
        (sound.silent, sound.clipped) = (spans(&self.silent), self.clipped);
        sound.channels[1].dead = spans(&self.dead_right);
        if self.is_mono {
            sound.channels = vec![Channel { position: Position::Mono, dead: Vec::new(), level: None }];
        }
        if self.second_is_silent {
            let mut second = decoded.sounds[0].clone();
            second.silent = spans(&[(0.0, 2.0)]);
            decoded.sounds.push(second);
        }
        self.leave_out(&mut decoded);
        if self.no_picture {
            (decoded.pictures, decoded.thumbnail) = (None, None);
        }
        decoded
    }

    /// Takes out of a decode what the decoder didn't get.
    fn leave_out(&self, decoded: &mut Decoded) {
        let nothing = || Some(NotDecoded::Nothing("no frame!".to_owned()));
        match (self.picture_share, &mut decoded.pictures) {
            (Some(0.0), pictures) => (*pictures, decoded.pictures_failed) = (None, nothing()),
            (Some(share), Some(pictures)) => pictures.count = (share * CODED_PICTURES as f64).round() as u32,
            _ => {}
        }
        match self.sound_share {
            Some(0.0) => (decoded.sounds, decoded.sound_failed) = (Vec::new(), nothing()),
            Some(share) => decoded.sounds[0].duration = share * self.seconds,
            None => {}
        }
    }

    fn coded(&self) -> CodedAmount {
        CodedAmount {
            pictures: self.picture_share.map(|_| CODED_PICTURES),
            sound: self.sound_share.map(|_| Seconds(self.seconds)),
        }
    }
}

/// Number of coded pictures of a decode of which a share was decoded.
const CODED_PICTURES: u64 = 100;

/// Segment number `number` of H.264 whose P slices have this quantizer.
fn quantized(number: u64, quantizer: i32) -> SegmentFacts {
    let mut segment = ts_segment(number, 2.0 * number as f64, 2.0);
    let video = &mut segment.inspection.as_mut().unwrap().tracks[0];
    video.quantizers.get_or_insert_default().inter.add(quantizer);
    segment
}

impl Scene {
    /// Adds estimates of the mean opinion score of segments with these quantizers: one in five minutes, of which the last one was
    /// inspected at the time of the probe.
    pub(in crate::checks) fn inspect_quantizers(&mut self, quantizers: &[i32]) {
        let last = quantizers.len() as i64 - 1;
        for (n, quantizer) in (0..).zip(quantizers) {
            let segments = vec![Arc::new(at(quantized(100 + n as u64, *quantizer), 300 * (n - last)))];
            let facts = RenditionFacts { segments, ..rendition(NAME) };
            Arc::make_mut(&mut self.past().signal).take_mos(&facts, 1.0);
        }
    }

    /// Adds decodes of moving pictures in segments with these quantizers, the last at the time of the probe.
    pub(in crate::checks) fn decode_with_quantizers(&mut self, quantizers: &[i32]) {
        self.output.signal.valid_for = Seconds(660.0);
        for (n, quantizer) in (200..).zip(quantizers) {
            let decoded = Arc::new(testing::decoded_facts(n, time(0.0), Decode::moving().decoded()));
            let segments = vec![Arc::new(quantized(n, *quantizer))];
            let facts = RenditionFacts { segments, decoded: Some(Arc::clone(&decoded)), ..rendition(NAME) };
            let signal = Arc::make_mut(&mut self.past().signal);
            signal.take(&decoded);
            signal.take_mos(&facts, 1.0);
        }
    }

    /// Adds consecutive decodes of 2 s each to the history, of which the last one ended at the time of the probe.
    pub(in crate::checks) fn decode(&mut self, decodes: impl IntoIterator<Item = Decode>) {
        let decodes: Vec<Decode> = decodes.into_iter().collect();
        let first = -2.0 * (decodes.len().saturating_sub(1) as f64);
        self.decode_at(decodes.into_iter().enumerate().map(|(n, decode)| (first + 2.0 * n as f64, decode)));
    }

    /// Adds decodes of consecutive segments to the history. Each is made at a number of seconds after the time of the probe (before
    /// it if negative).
    pub(in crate::checks) fn decode_at(&mut self, decodes: impl IntoIterator<Item = (f64, Decode)>) {
        self.output.signal.valid_for = Seconds(660.0);
        for (n, (at, decode)) in (1..).zip(decodes) {
            let coded = decode.coded();
            let facts = DecodedFacts { coded, ..testing::decoded_facts(n, time(at), decode.decoded()) };
            Arc::make_mut(&mut self.past().signal).take(&facts);
        }
    }
}
