//! A body on its way to the inspector, decrypted where it is encrypted as a whole.

use super::keys::Lock;
use crate::facts::Decryption;
use packager_media::container::{self, Clear, Container, Init, Inspection, Inspector};
use packager_media::crypt::{Decryptor, Misfit};

pub(super) struct Reader {
    inspector: Inspector,
    state: State,
    /// The first decrypted bytes.
    opening: Vec<u8>,
}

/// Of a transport stream, in bytes.
const PACKET: usize = 188;

enum State {
    /// Announced as clear.
    Plain,
    /// Announced as encrypted; the first bytes say whether it is.
    Head(Vec<u8>, Option<Box<Decryptor>>),
    Open(Box<Decryptor>),
    /// Not encrypted after all.
    Bare(Clear),
    Shut,
}

/// What a whole body came to.
pub(super) struct Read {
    /// `None` where nothing is known of the inside.
    pub inspection: Option<Inspection>,
    pub init: Option<Init>,
    pub decryption: Option<Decryption>,
}

impl Reader {
    /// `lock`: `None` for a body that isn't encrypted as a whole.
    pub(super) fn new(init: Option<&Init>, lock: Option<Lock>) -> Self {
        let state = match lock {
            None => State::Plain,
            Some(Lock::Open(decryptor)) => State::Head(Vec::new(), Some(decryptor)),
            Some(Lock::Shut | Lock::OutOfTime) => State::Head(Vec::new(), None),
        };
        Self { inspector: Inspector::new(init), state, opening: Vec::new() }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let Self { inspector, state, opening } = self;
        match state {
            State::Plain | State::Bare(_) => inspector.push(bytes),
            State::Open(decryptor) => decryptor.push(bytes, &mut |clear| {
                note(opening, clear);
                inspector.push(clear);
            }),
            State::Shut => {}
            State::Head(head, _) => {
                let (now, later) = bytes.split_at(bytes.len().min(container::WINDOW - head.len()));
                head.extend_from_slice(now);
                if head.len() == container::WINDOW {
                    self.decide();
                    self.push(later);
                }
            }
        }
    }

    /// Chooses by the first bytes and hands them on.
    fn decide(&mut self) {
        let (head, decryptor) = match std::mem::replace(&mut self.state, State::Shut) {
            State::Head(head, decryptor) => (head, decryptor),
            decided => return self.state = decided,
        };
        self.state = match (container::clear(&head), decryptor) {
            (Some(clear), _) => State::Bare(clear),
            (None, Some(decryptor)) => State::Open(decryptor),
            (None, None) => State::Shut,
        };
        self.push(&head);
    }

    /// `complete`: the whole body arrived; of a part nothing can be said but what is inside.
    pub(super) fn finish(mut self, complete: bool) -> Read {
        self.decide();
        let Self { mut inspector, state, mut opening } = self;
        let decryption = match state {
            State::Plain | State::Head(..) => None,
            State::Bare(Clear::Media) => Some(Decryption::Clear),
            State::Bare(Clear::Text) => Some(Decryption::Text),
            State::Shut => Some(Decryption::Locked),
            State::Open(decryptor) => {
                let rest = &mut |clear: &[u8]| {
                    note(&mut opening, clear);
                    inspector.push(clear);
                };
                let end = decryptor.finish(rest).err();
                return opened(inspector.finish(), end, &opening, complete);
            }
        };
        let (inspection, init) = inspector.finish();
        Read { inspection: Some(inspection).filter(|_| decryption != Some(Decryption::Locked)), init, decryption }
    }
}

/// Keeps the first bytes.
fn note(opening: &mut Vec<u8>, clear: &[u8]) {
    opening.extend(clear.iter().take(container::WINDOW - opening.len()));
}

/// Judges what a decryption brought out.
fn opened(seen: (Inspection, Option<Init>), end: Option<Misfit>, opening: &[u8], complete: bool) -> Read {
    let (inspection, init) = seen;
    let inside = readable(&inspection);
    let decryption = match end {
        _ if !complete => None,
        // An empty body: whether it is encrypted is no question.
        Some(Misfit::Length(0)) => None,
        Some(Misfit::Length(bytes)) => Some(Decryption::Failed(Misfit::Length(bytes))),
        _ if !inside => Some(Decryption::Failed(noise(opening))),
        Some(misfit) => Some(Decryption::Failed(misfit)),
        None => Some(Decryption::Done),
    };
    // A wrong padding spoils nothing of the media before it.
    let sound = matches!(decryption, Some(Decryption::Done | Decryption::Failed(Misfit::Padding)));
    let kept = inside && (sound || !complete);
    Read { inspection: Some(inspection).filter(|_| kept), init: init.filter(|_| kept), decryption }
}

/// What came out of a decryption is media or text, and no noise.
fn readable(inspection: &Inspection) -> bool {
    inspection.container != Container::Unknown || container::clear(&inspection.head).is_some()
}

/// A wrong vector spoils the first block only, and with it the first packet of a transport stream.
fn noise(opening: &[u8]) -> Misfit {
    match opening.get(PACKET..).and_then(container::clear) {
        Some(Clear::Media) => Misfit::Vector,
        _ => Misfit::Key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes::Aes128;
    use cbc::cipher::block_padding::Pkcs7;
    use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
    use packager_media::crypt::{Secret, Vector};

    const KEY: [u8; 16] = [7; 16];

    fn packets() -> Vec<u8> {
        [&[0x47, 0x1f, 0xff, 0x10][..], &[0xff; 184]].concat().repeat(20)
    }

    fn encrypted(clear: &[u8]) -> Vec<u8> {
        let cipher = cbc::Encryptor::<Aes128>::new(&KEY.into(), &5_u128.to_be_bytes().into());
        cipher.encrypt_padded_vec::<Pkcs7>(clear)
    }

    fn open(key: [u8; 16], number: u64) -> Lock {
        under(key, Vector::of_number(number))
    }

    fn under(key: [u8; 16], vector: Vector) -> Lock {
        Lock::Open(Box::new(Decryptor::new(&Secret::new(&key).unwrap(), vector)))
    }

    fn read(lock: Option<Lock>, body: &[u8], complete: bool) -> (Option<Container>, Option<Decryption>) {
        let mut reader = Reader::new(None, lock);
        body.chunks(100).for_each(|piece| reader.push(piece));
        let read = reader.finish(complete);
        (read.inspection.map(|i| i.container), read.decryption)
    }

    #[test]
    fn what_is_inside_is_inspected() {
        let (media, body) = (packets(), encrypted(&packets()));
        assert_eq!(read(None, &media, true), (Some(Container::MpegTs), None));
        assert_eq!(read(Some(open(KEY, 5)), &body, true), (Some(Container::MpegTs), Some(Decryption::Done)));
        assert_eq!(read(Some(open(KEY, 5)), &body[..1000], false), (Some(Container::MpegTs), None));
        let cues = encrypted(b"WEBVTT\n");
        assert_eq!(read(Some(open(KEY, 5)), &cues, true), (Some(Container::WebVtt), Some(Decryption::Done)));
    }

    #[test]
    fn a_wrong_key_a_wrong_vector_and_a_wrong_end_are_told_apart() {
        let body = encrypted(&packets());
        let failed = |misfit| Some(Decryption::Failed(misfit));
        assert_eq!(read(Some(open([8; 16], 5)), &body, true), (None, failed(Misfit::Key)));
        let another = Vector::written(&format!("0x{}", "f".repeat(32))).unwrap();
        assert_eq!(read(Some(under(KEY, another)), &body, true), (None, failed(Misfit::Vector)));
        let cut = &body[..body.len() - 7];
        let length = failed(Misfit::Length(cut.len() as u64));
        assert_eq!(read(Some(open(KEY, 5)), cut, true), (None, length));
        let other_end = [&body[..], &body[..16]].concat();
        assert_eq!(read(Some(open(KEY, 5)), &other_end, true), (Some(Container::MpegTs), failed(Misfit::Padding)));
    }

    #[test]
    fn what_is_clear_is_inspected_as_it_is_with_and_without_a_key() {
        for lock in [open(KEY, 5), Lock::Shut] {
            assert_eq!(read(Some(lock), &packets(), true), (Some(Container::MpegTs), Some(Decryption::Clear)));
        }
        let page = b"<!DOCTYPE html><html><head><title>Sign in</title></head></html>";
        assert_eq!(read(Some(open(KEY, 5)), page, true), (Some(Container::Unknown), Some(Decryption::Text)));
    }

    #[test]
    fn without_a_key_nothing_is_said_of_the_inside() {
        assert_eq!(read(Some(Lock::Shut), &encrypted(&packets()), true), (None, Some(Decryption::Locked)));
    }

    #[test]
    fn an_empty_body_is_not_encryption_s() {
        assert_eq!(read(Some(open(KEY, 5)), b"", true), (None, None));
    }
}
