//! Picks sequence parameter sets, and the messages on the picture's light, out of an elementary stream that arrives in
//! pieces.

use super::bits::SET_MAX;
use super::parameters::{Headers, Parameters};
use super::picture::Syntax;
use super::sei::{self, Light};
use super::{h264, hevc};

/// Sets that are told apart before the first picture: a stream may announce several and use one.
const KNOWN_MAX: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Set,
    Messages,
}

#[derive(Debug)]
pub struct Sets {
    syntax: Syntax,
    /// The unit as far as it has come; `None` for one that isn't kept.
    held: Option<(Kind, Vec<u8>)>,
    /// A NAL unit has begun, of which no byte has come.
    opening: bool,
    /// Sets that came before the first picture.
    known: Vec<Vec<u8>>,
    /// A picture has begun.
    pictures: bool,
    /// Closed captions were seen.
    captions: bool,
    light: Light,
    headers: Headers,
}

impl Sets {
    #[must_use]
    pub fn new(syntax: Syntax) -> Self {
        Self {
            syntax,
            held: None,
            opening: false,
            known: Vec::new(),
            pictures: false,
            captions: false,
            light: Light::default(),
            headers: Headers::default(),
        }
    }

    /// A NAL unit begins, and the one before is complete.
    pub fn open(&mut self) {
        self.close();
        self.opening = true;
    }

    /// More bytes of the current NAL unit.
    pub fn take(&mut self, bytes: &[u8]) {
        let Some(first) = bytes.first() else { return };
        if std::mem::take(&mut self.opening) {
            self.held = self.kind(*first).map(|kind| (kind, Vec::new()));
        }
        if let Some((_, held)) = &mut self.held {
            let room = SET_MAX.saturating_sub(held.len()).min(bytes.len());
            held.extend_from_slice(bytes.get(..room).unwrap_or_default());
        }
    }

    /// The current NAL unit ends.
    pub fn close(&mut self) {
        match self.held.take() {
            Some((Kind::Set, set)) => self.set(set),
            Some((Kind::Messages, unit)) => {
                self.captions = self.captions || sei::captioned(self.syntax, &unit);
                if !self.pictures {
                    self.light.unit(self.syntax, &unit);
                }
            }
            None => {}
        }
    }

    /// A picture begins: what its headers say is known, and what comes now is a change.
    pub fn picture(&mut self) {
        self.pictures = true;
    }

    /// Bytes are missing.
    pub fn reset(&mut self) {
        self.held = None;
        self.opening = false;
    }

    /// `announced`: what was said outside of the stream, where it has no set of its own.
    #[must_use]
    pub fn finish(mut self, announced: Option<Parameters>) -> Headers {
        let read = self.pictures && self.syntax != Syntax::Mpeg2;
        self.headers.captions = (self.captions || read).then_some(self.captions);
        self.headers.first = self.headers.first.or(announced);
        for picture in [&mut self.headers.first, &mut self.headers.changed].into_iter().flatten() {
            self.light.add_to(picture.picture.get_or_insert_default());
        }
        self.headers
    }

    fn set(&mut self, set: Vec<u8>) {
        if self.headers.changed.is_some() || self.known.contains(&set) {
            return;
        }
        let read = self.read(&set);
        match &self.headers.first {
            None => self.headers.first = read,
            Some(first) if self.pictures => self.headers.changed = read.filter(|new| new != first),
            Some(_) => {}
        }
        if self.known.len() < KNOWN_MAX {
            self.known.push(set);
        }
    }

    fn read(&self, set: &[u8]) -> Option<Parameters> {
        match self.syntax {
            Syntax::H264 => h264::parameters(set),
            Syntax::Hevc => hevc::parameters(set),
            Syntax::Mpeg2 => None,
        }
    }

    fn kind(&self, header: u8) -> Option<Kind> {
        let (set, messages) = match self.syntax {
            Syntax::H264 => (header & 0x1f == h264::SPS, header & 0x1f == h264::SEI),
            Syntax::Hevc => (header >> 1 & 0x3f == hevc::SPS, header >> 1 & 0x3f == hevc::PREFIX_SEI),
            Syntax::Mpeg2 => (false, false),
        };
        match (set, messages && !(self.pictures && self.captions)) {
            (true, _) => Some(Kind::Set),
            (_, true) => Some(Kind::Messages),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{X264_1080P, X264_INTERLACED};
    use super::*;

    fn run(units: &[&[u8]]) -> Headers {
        let mut sets = Sets::new(Syntax::H264);
        for unit in units {
            sets.open();
            unit.chunks(7).for_each(|piece| sets.take(piece));
            if unit[0] & 0x1f == 5 {
                sets.picture();
            }
        }
        sets.close();
        sets.finish(None)
    }

    #[test]
    fn a_set_between_pictures_is_a_change_and_one_before_them_a_choice() {
        let slice = [0x65, 0x88, 0x84];
        let height = |p: Option<Parameters>| p?.picture?.resolution.map(|r| r.height);
        let same = run(&[X264_1080P, &slice, X264_1080P, &slice]);
        assert_eq!((height(same.first), same.changed), (Some(1080), None));
        let changed = run(&[X264_1080P, &slice, X264_INTERLACED, &slice]);
        assert_eq!((height(changed.first), height(changed.changed)), (Some(1080), Some(576)));
        let both = run(&[X264_1080P, X264_INTERLACED, &slice, X264_1080P, X264_INTERLACED, &slice]);
        assert_eq!((height(both.first), both.changed), (Some(1080), None));
    }

    #[test]
    fn captions_may_begin_later_and_are_no_change() {
        let sei = b"\x06\x04\x0e\xb5\0\x31GA94\x03\x41\xff\xf8\x80\x80\xff\x80";
        let slice = [0x65, 0x88, 0x84];
        let later = run(&[X264_1080P, &slice, sei, &slice]);
        assert_eq!((later.captions, later.changed), (Some(true), None));
        assert_eq!(run(&[X264_1080P, &slice]).captions, Some(false));
        assert_eq!(run(&[X264_1080P]).captions, None, "no picture was reached");
    }

    #[test]
    fn messages_count_before_the_first_picture() {
        let (sei, slice) = ([0x06, 147, 1, 18, 0x80], [0x65, 0x88, 0x84]);
        let preferred = |h: Headers| h.first.unwrap().picture.unwrap().preferred_transfer;
        assert_eq!(preferred(run(&[X264_1080P, &sei, &slice])), Some(18));
        assert_eq!(preferred(run(&[X264_1080P, &slice, &sei])), None);
    }
}
