//! Reader that passes a body to the inspector as it arrives, and decrypts it first if it is encrypted as a whole.

use super::keys::Access;
use crate::facts::Decryption;
use bytes::Bytes;
use packager_media::container::{self, Container, InitSegment, Inspection, Plaintext, SegmentInspector};
use packager_media::crypt::{DecryptError, Decryptor};

/// Decrypts and inspects the body of one segment or initialization segment as it arrives.
pub(super) struct BodyReader {
    inspector: SegmentInspector,
    state: ReaderState,
    /// First decrypted bytes, by which a wrong key is distinguished from a wrong initialization vector.
    opening: Vec<u8>,
    /// Clear bytes of the body for the decoder, and the largest number of them; `None` if they aren't wanted or are too many.
    kept: Option<(Vec<u8>, usize)>,
}

/// Length of a transport stream packet in bytes.
const TS_PACKET: usize = 188;

enum ReaderState {
    /// The playlist announces no encryption of the body.
    Unencrypted,
    /// The playlist announces encryption. The first bytes decide whether this is true, and they haven't all arrived.
    /// The decryptor is `None` if there is no key.
    Undecided(Vec<u8>, Option<Box<Decryptor>>),
    Decrypting(Box<Decryptor>),
    /// The body isn't encrypted although the playlist announces it.
    FoundClear(Plaintext),
    Undecryptable,
}

/// Result of reading the body of a segment or initialization segment.
pub(super) struct ReadBody {
    /// Contents of the body; `None` if it couldn't be decrypted.
    pub(crate) inspection: Option<Inspection>,
    pub(crate) init: Option<InitSegment>,
    pub(crate) decryption: Option<Decryption>,
    /// Clear bytes of the body; `None` if they weren't wanted, are too many, or are no media.
    pub(crate) kept: Option<Bytes>,
}

impl BodyReader {
    /// Makes a reader of one segment's body. `access` has the decryptor of a body that is encrypted as a whole.
    pub(super) fn new(init: Option<&InitSegment>, access: Access) -> Self {
        let state = match access {
            Access::Unencrypted => ReaderState::Unencrypted,
            Access::Key(decryptor) => ReaderState::Undecided(Vec::new(), Some(decryptor)),
            Access::NoKey => ReaderState::Undecided(Vec::new(), None),
        };
        Self { inspector: SegmentInspector::new(init), state, opening: Vec::new(), kept: None }
    }

    /// Keeps the clear bytes of the body if they are at most `most`.
    pub(super) fn keeping(self, most: usize) -> Self {
        Self { kept: (most > 0).then(|| (Vec::new(), most)), ..self }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let Self { inspector, state, opening, kept } = self;
        match state {
            ReaderState::Unencrypted | ReaderState::FoundClear(_) => {
                keep(kept, bytes);
                inspector.push(bytes);
            }
            ReaderState::Decrypting(decryptor) => decryptor.push(bytes, &mut |clear| {
                keep_opening(opening, clear);
                keep(kept, clear);
                inspector.push(clear);
            }),
            ReaderState::Undecryptable => {}
            ReaderState::Undecided(head, _) => {
                let (now, later) = bytes.split_at(bytes.len().min(container::SNIFF_WINDOW - head.len()));
                head.extend_from_slice(now);
                if head.len() == container::SNIFF_WINDOW {
                    self.decide();
                    self.push(later);
                }
            }
        }
    }

    /// Decides by the first bytes whether the body is encrypted, and reads them.
    fn decide(&mut self) {
        let (head, decryptor) = match std::mem::replace(&mut self.state, ReaderState::Undecryptable) {
            ReaderState::Undecided(head, decryptor) => (head, decryptor),
            decided => return self.state = decided,
        };
        self.state = match (container::sniff_plaintext(&head), decryptor) {
            (Some(clear), _) => ReaderState::FoundClear(clear),
            (None, Some(decryptor)) => ReaderState::Decrypting(decryptor),
            (None, None) => ReaderState::Undecryptable,
        };
        self.push(&head);
    }

    /// Ends the body. `complete` says whether the whole body arrived; an incomplete body is inspected, but its
    /// encryption isn't judged.
    pub(super) fn finish(mut self, complete: bool) -> ReadBody {
        self.decide();
        let Self { mut inspector, state, mut opening, mut kept } = self;
        let decryption = match state {
            ReaderState::Unencrypted | ReaderState::Undecided(..) => None,
            ReaderState::FoundClear(Plaintext::Media) => Some(Decryption::Clear),
            ReaderState::FoundClear(Plaintext::Text) => Some(Decryption::Text),
            ReaderState::Undecryptable => Some(Decryption::Locked),
            ReaderState::Decrypting(decryptor) => {
                let rest = &mut |clear: &[u8]| {
                    keep_opening(&mut opening, clear);
                    keep(&mut kept, clear);
                    inspector.push(clear);
                };
                let end = decryptor.finish(rest).err();
                let read = judge_decrypted(inspector.finish(), end, &opening, complete);
                let kept = kept.filter(|_| read.inspection.is_some());
                return ReadBody { kept: kept.map(|(bytes, _)| bytes.into()), ..read };
            }
        };
        let (inspection, init) = inspector.finish();
        let inspection = Some(inspection).filter(|_| decryption != Some(Decryption::Locked));
        let kept = kept.filter(|_| inspection.is_some()).map(|(bytes, _)| bytes.into());
        ReadBody { inspection, init, decryption, kept }
    }
}

/// Appends clear bytes to the kept ones, and gives up a body that is too large to be decoded.
fn keep(kept: &mut Option<(Vec<u8>, usize)>, clear: &[u8]) {
    if let Some(bytes) = kept.take_if(|(bytes, most)| bytes.len() + clear.len() > *most) {
        drop(bytes);
    }
    if let Some((bytes, _)) = kept {
        bytes.extend_from_slice(clear);
    }
}

/// Keeps the first decrypted bytes of the body in `opening`.
fn keep_opening(opening: &mut Vec<u8>, clear: &[u8]) {
    opening.extend(clear.iter().take(container::SNIFF_WINDOW - opening.len()));
}

/// Judges the result of decrypting a body: media, text, or noise from a wrong key or initialization vector.
fn judge_decrypted(
    seen: (Inspection, Option<InitSegment>),
    end: Option<DecryptError>,
    opening: &[u8],
    complete: bool,
) -> ReadBody {
    let (inspection, init) = seen;
    let inside = is_media_or_text(&inspection);
    let decryption = match end {
        _ if !complete => None,
        // An empty body is neither encrypted nor clear.
        Some(DecryptError::Length(0)) => None,
        Some(DecryptError::Length(bytes)) => Some(Decryption::Failed(DecryptError::Length(bytes))),
        _ if !inside => Some(Decryption::Failed(misfit_of_noise(opening))),
        Some(misfit) => Some(Decryption::Failed(misfit)),
        None => Some(Decryption::Done),
    };
    // A wrong padding leaves the media before it intact.
    let sound = matches!(decryption, Some(Decryption::Done | Decryption::Failed(DecryptError::Padding)));
    let kept = inside && (sound || !complete);
    ReadBody { inspection: Some(inspection).filter(|_| kept), init: init.filter(|_| kept), decryption, kept: None }
}

/// Returns whether decrypted content is media or text, and not noise.
fn is_media_or_text(inspection: &Inspection) -> bool {
    inspection.container != Container::Unknown || container::sniff_plaintext(&inspection.head).is_some()
}

/// Returns the reason why decryption gave noise. A wrong initialization vector spoils only the first block, and with it
/// the first packet of a transport stream; a wrong key spoils everything.
fn misfit_of_noise(opening: &[u8]) -> DecryptError {
    match opening.get(TS_PACKET..).and_then(container::sniff_plaintext) {
        Some(Plaintext::Media) => DecryptError::WrongVector,
        _ => DecryptError::WrongKey,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes::Aes128;
    use cbc::cipher::block_padding::Pkcs7;
    use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
    use packager_media::crypt::{AesKey, InitVector};

    const KEY: [u8; 16] = [7; 16];

    fn packets() -> Vec<u8> {
        [&[0x47, 0x1f, 0xff, 0x10][..], &[0xff; 184]].concat().repeat(20)
    }

    fn encrypted(clear: &[u8]) -> Vec<u8> {
        let cipher = cbc::Encryptor::<Aes128>::new(&KEY.into(), &5_u128.to_be_bytes().into());
        cipher.encrypt_padded_vec::<Pkcs7>(clear)
    }

    fn open(key: [u8; 16], number: u64) -> Access {
        under(key, InitVector::from_sequence_number(number))
    }

    fn under(key: [u8; 16], vector: InitVector) -> Access {
        Access::Key(Box::new(Decryptor::new(&AesKey::new(&key).unwrap(), vector)))
    }

    fn read(access: Access, body: &[u8], complete: bool) -> (Option<Container>, Option<Decryption>) {
        let mut reader = BodyReader::new(None, access);
        body.chunks(100).for_each(|piece| reader.push(piece));
        let read = reader.finish(complete);
        (read.inspection.map(|i| i.container), read.decryption)
    }

    #[test]
    fn decrypted_content_is_inspected() {
        let (media, body) = (packets(), encrypted(&packets()));
        assert_eq!(read(Access::Unencrypted, &media, true), (Some(Container::MpegTs), None));
        assert_eq!(read(open(KEY, 5), &body, true), (Some(Container::MpegTs), Some(Decryption::Done)));
        assert_eq!(read(open(KEY, 5), &body[..1000], false), (Some(Container::MpegTs), None));
        let cues = encrypted(b"WEBVTT\n");
        assert_eq!(read(open(KEY, 5), &cues, true), (Some(Container::WebVtt), Some(Decryption::Done)));
    }

    #[test]
    fn a_wrong_key_a_wrong_vector_and_a_wrong_end_are_distinguished() {
        let body = encrypted(&packets());
        let failed = |misfit| Some(Decryption::Failed(misfit));
        assert_eq!(read(open([8; 16], 5), &body, true), (None, failed(DecryptError::WrongKey)));
        let another = InitVector::parse(&format!("0x{}", "f".repeat(32))).unwrap();
        assert_eq!(read(under(KEY, another), &body, true), (None, failed(DecryptError::WrongVector)));
        let cut = &body[..body.len() - 7];
        let length = failed(DecryptError::Length(cut.len() as u64));
        assert_eq!(read(open(KEY, 5), cut, true), (None, length));
        let other_end = [&body[..], &body[..16]].concat();
        assert_eq!(read(open(KEY, 5), &other_end, true), (Some(Container::MpegTs), failed(DecryptError::Padding)));
    }

    #[test]
    fn a_clear_body_is_inspected_with_and_without_a_key() {
        for access in [open(KEY, 5), Access::NoKey] {
            assert_eq!(read(access, &packets(), true), (Some(Container::MpegTs), Some(Decryption::Clear)));
        }
        let page = b"<!DOCTYPE html><html><head><title>Sign in</title></head></html>";
        assert_eq!(read(open(KEY, 5), page, true), (Some(Container::Unknown), Some(Decryption::Text)));
    }

    #[test]
    fn what_is_kept_for_the_decoder_is_clear() {
        let kept = |access, body: &[u8], most| {
            let mut reader = BodyReader::new(None, access).keeping(most);
            body.chunks(100).for_each(|piece| reader.push(piece));
            reader.finish(true).kept
        };
        let clear = packets();
        assert_eq!(kept(Access::Unencrypted, &clear, clear.len()).as_deref(), Some(&*clear));
        assert_eq!(kept(open(KEY, 5), &encrypted(&clear), 1 << 20).as_deref(), Some(&*clear));
        assert_eq!(kept(open([8; 16], 5), &encrypted(&clear), 1 << 20), None, "noise");
        assert_eq!(kept(Access::Unencrypted, &clear, 0), None);
        assert_eq!(kept(Access::Unencrypted, &clear, clear.len() - 1), None, "too much");
    }

    #[test]
    fn without_a_key_the_content_is_unknown() {
        assert_eq!(read(Access::NoKey, &encrypted(&packets()), true), (None, Some(Decryption::Locked)));
    }

    #[test]
    fn an_empty_body_is_neither_encrypted_nor_clear() {
        assert_eq!(read(open(KEY, 5), b"", true), (None, None));
    }
}
