//! Common encryption in MP4 boxes (ISO/IEC 23001-7): protected sample entries, and encrypted samples of fragments.

use super::boxes::{BoxError, Mp4Box};
use crate::container::{EncryptionPattern, SampleEncryption};
use crate::drm::{ProtectionScheme, Uuid};
use mp4_atom::{Trun, TrunSamples};
use std::sync::Arc;

/// Returns the original format of a protected sample entry (`None` when the entry doesn't name one) and its encryption.
///
/// `sinf` is found by a search, because the length of the fields before it depends on the handler and, for audio, on
/// the
/// QuickTime version of the writer.
pub(super) fn entry_encryption(entry: &Mp4Box<'_>) -> (Option<[u8; 4]>, SampleEncryption) {
    let mut format = None;
    let mut encryption = SampleEncryption::default();
    for child in find_sinf(entry).iter().flat_map(|sinf| sinf.children().map_while(Result::ok)) {
        match &child.kind {
            b"frma" => format = child.body.first_chunk::<4>().copied(),
            b"schm" => {
                encryption.scheme =
                    child.body.get(4..).and_then(<[u8]>::first_chunk).map(|code| ProtectionScheme(*code))
            }
            b"schi" => {
                for tenc in child.children().map_while(Result::ok).filter(|b| &b.kind == b"tenc") {
                    read_tenc(tenc.body, &mut encryption);
                }
            }
            _ => {}
        }
    }
    (format, encryption)
}

fn find_sinf<'a>(entry: &Mp4Box<'a>) -> Option<Mp4Box<'a>> {
    let at = memchr::memmem::find(entry.body, b"sinf")?.checked_sub(4)?;
    let found = entry.children_after(at).next()?.ok()?;
    Some(found)
}

/// Reads the `tenc` box (ISO/IEC 23001-7 8.2); only version 1 has a pattern.
fn read_tenc(body: &[u8], encryption: &mut SampleEncryption) {
    let Some(&[version, _, _, _, _, pattern, protected, vector_size]) = body.first_chunk::<8>() else { return };
    encryption.clear = protected == 0;
    encryption.iv_size = Some(vector_size);
    encryption.kid = body.get(8..24).and_then(Uuid::from_slice);
    encryption.constant_iv_size = Some(constant_vector_size(body.get(24..).unwrap_or_default()));
    encryption.pattern =
        (version > 0 && pattern > 0).then_some(EncryptionPattern { crypt: pattern >> 4, skip: pattern & 15 });
}

/// Returns the size of default_constant_IV in the bytes behind default_KID; 0 without one, and for one that is cut.
fn constant_vector_size(bytes: &[u8]) -> u8 {
    let Some((&size, vector)) = bytes.split_first() else { return 0 };
    if vector.len() >= usize::from(size) { size } else { 0 }
}

/// Sample group of a fragment that overrides the encryption of the sample entry (`seig`, ISO/IEC 23001-7 6): other
/// keys, or clear samples.
#[derive(Debug, Default)]
pub(super) struct EncryptionGroups<'a> {
    description: Option<Mp4Box<'a>>,
    map: Option<Mp4Box<'a>>,
}

impl<'a> EncryptionGroups<'a> {
    pub(super) fn add(&mut self, child: &Mp4Box<'a>) {
        if child.body.get(4..8) != Some(b"seig") {
            return;
        }
        match &child.kind {
            b"sgpd" => self.description = Some(*child),
            b"sbgp" => self.map = Some(*child),
            _ => {}
        }
    }

    /// Returns the encryption in force for the samples of the fragment. It has no key identifier when the samples
    /// belong to different groups, or to a group that the fragment doesn't describe itself.
    #[must_use]
    pub(super) fn effective(&self, entry: &Arc<SampleEncryption>) -> Arc<SampleEncryption> {
        match self.map.map(|map| group_index(map.body)) {
            None | Some(Some(0)) => entry.clone(),
            Some(index) => {
                let known = index.and_then(|index| self.description_at(index, entry));
                let unknown = || SampleEncryption { kid: None, iv_size: None, ..SampleEncryption::clone(entry) };
                Arc::new(known.unwrap_or_else(unknown))
            }
        }
    }

    fn description_at(&self, index: u32, entry: &SampleEncryption) -> Option<SampleEncryption> {
        let entry_of_group = group_description(self.description?.body, index.checked_sub(0x1_0001)?)?;
        let &[_, pattern, protected, vector_size] = entry_of_group.first_chunk::<4>()?;
        Some(SampleEncryption {
            clear: protected == 0,
            iv_size: Some(vector_size),
            kid: entry_of_group.get(4..20).and_then(Uuid::from_slice),
            default_kid: entry.kid,
            pattern: (pattern > 0).then_some(EncryptionPattern { crypt: pattern >> 4, skip: pattern & 15 }),
            ..entry.clone()
        })
    }
}

/// Returns the index of the sample group to which all samples belong (`sbgp`, ISO/IEC 14496-12 8.9.2); `None` when they
/// belong to different groups.
fn group_index(sbgp: &[u8]) -> Option<u32> {
    let fields = if *sbgp.first()? == 0 { 8 } else { 12 };
    let entries = sbgp.get(fields + 4..)?.chunks_exact(8);
    let mut indices = entries.filter_map(|e| e.last_chunk::<4>()).map(|n| u32::from_be_bytes(*n));
    let first = indices.next()?;
    indices.all(|n| n == first).then_some(first)
}

/// Returns the sample group description with index `at`, from 0, if all descriptions have the same length (`sgpd`,
/// ISO/IEC 14496-12 8.9.3).
fn group_description(sgpd: &[u8], at: u32) -> Option<&[u8]> {
    let (&version, rest) = sgpd.split_first()?;
    let number = |at: usize| rest.get(at..)?.first_chunk::<4>().map(|n| u32::from_be_bytes(*n));
    let length = usize::try_from(number(7).filter(|n| version > 0 && *n > 0)?).ok()?;
    let entries = if version == 1 { 15 } else { 19 };
    rest.get(entries..)?.chunks_exact(length).nth(usize::try_from(at).ok()?)
}

/// Returns whether a `senc` box describes at least one sample.
#[must_use]
pub(super) fn describes_samples(senc: &Mp4Box<'_>) -> bool {
    senc.body.get(4..8).is_some_and(|count| count != [0; 4])
}

/// Returns whether a `senc` box describes subsamples (UseSubSampleEncryption, ISO/IEC 23001-7 7.2.2).
#[must_use]
pub(super) fn has_subsamples(senc: &Mp4Box<'_>) -> bool {
    matches!(senc.body, [0, _, _, flags, ..] if flags & 2 != 0)
}

/// Compares the `senc` box (ISO/IEC 23001-7 7.2) with the track runs of the fragment: the number of samples, and the
/// size of each.
pub(super) fn check_samples(
    senc: &Mp4Box<'_>,
    vector_size: u8,
    runs: &[Trun],
    default_size: Option<u32>,
) -> Result<(), BoxError> {
    let cut = || senc.error("ends before its last sample".to_owned());
    let Some((&[0, _, _, flags, a, b, c, d], rest)) = senc.body.split_first_chunk::<8>() else { return Ok(()) };
    let (count, description_at) = (u64::from(u32::from_be_bytes([a, b, c, d])), sample_count(runs));
    if count == 0 {
        return Ok(());
    }
    if count != description_at {
        return Err(senc.error(format!("describes {count} samples, the `traf` has {description_at}")));
    }
    let vector = usize::from(vector_size);
    if flags & 2 == 0 {
        let needed = count.saturating_mul(u64::from(vector_size));
        return if (rest.len() as u64) < needed { Err(cut()) } else { Ok(()) };
    }
    let (mut rest, mut sizes) = (rest, sample_sizes(runs, default_size));
    for n in 0..count {
        let (spans, after) = parse_subsamples(rest.get(vector..).ok_or_else(cut)?).ok_or_else(cut)?;
        match sizes.next().flatten().map(u64::from) {
            Some(size) if size != spans => {
                let number = n + 1;
                return Err(senc.error(format!("describes {spans} bytes of sample {number}, which has {size}")));
            }
            _ => rest = after,
        }
    }
    Ok(())
}

/// Parses the subsample entry of one `senc` sample: returns the sum of its clear and encrypted bytes, and the bytes
/// behind it.
fn parse_subsamples(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (count, rest) = bytes.split_first_chunk::<2>()?;
    let (spans, after) = rest.split_at_checked(6 * usize::from(u16::from_be_bytes(*count)))?;
    let bytes = |span: &[u8]| match span {
        &[a, b, c, d, e, f] => u64::from(u16::from_be_bytes([a, b])) + u64::from(u32::from_be_bytes([c, d, e, f])),
        _ => 0,
    };
    Some((spans.chunks_exact(6).map(bytes).sum(), after))
}

pub(super) fn sample_count(runs: &[Trun]) -> u64 {
    let of = |run: &Trun| match &run.samples {
        TrunSamples::Explicit(entries) => entries.len() as u64,
        TrunSamples::Inherited { count, .. } => u64::from(*count),
    };
    runs.iter().map(of).sum()
}

/// Iterates over the sample sizes of track runs; `None` for a size that isn't known. The iterator is lazy, because a
/// run may claim four thousand million samples.
fn sample_sizes(runs: &[Trun], default_size: Option<u32>) -> impl Iterator<Item = Option<u32>> {
    runs.iter().flat_map(move |run| {
        let (entries, inherited) = match &run.samples {
            TrunSamples::Explicit(entries) => (entries.as_slice(), 0),
            TrunSamples::Inherited { count, .. } => (&[][..], *count),
        };
        let inherited = (0..inherited).map(move |_| default_size);
        entries.iter().map(move |e| e.size.or(default_size)).chain(inherited)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mp4_atom::TrunEntry;

    /// Returns the error message for a `senc` box with these fields, when the fragment has two samples of 100 and 40
    /// bytes.
    fn senc_error(fields: &[u8], vector_size: u8) -> Option<String> {
        let entry = |size| TrunEntry { size: Some(size), ..TrunEntry::default() };
        let samples_of_run = TrunSamples::Explicit(vec![entry(100), entry(40)]);
        let runs = [Trun { data_offset: None, samples: samples_of_run }];
        check_samples(&Mp4Box::new(*b"senc", 7, fields, 15), vector_size, &runs, None).err().map(|error| error.message)
    }

    /// Makes a subsample record with one clear and one encrypted range.
    fn span(clear: u16, encrypted: u32) -> Vec<u8> {
        [&[0, 1][..], &clear.to_be_bytes(), &encrypted.to_be_bytes()].concat()
    }

    #[test]
    fn subsamples_add_up_to_the_size_of_their_sample() {
        let head = [0, 0, 0, 2, 0, 0, 0, 2];
        assert_eq!(senc_error(&[&head[..], &span(36, 64), &span(40, 0)].concat(), 0), None);
        assert_eq!(senc_error(&[&head[..], &[9; 8], &span(36, 64), &[9; 8], &span(0, 40)].concat(), 8), None);
        let longer = senc_error(&[&head[..], &span(36, 64), &span(1, 40)].concat(), 0).unwrap();
        assert!(longer.ends_with("describes 41 bytes of sample 2, which has 40"), "{longer}");
        let cut = senc_error(&[&head[..], &span(36, 64)].concat(), 0).unwrap();
        assert!(cut.ends_with("ends before its last sample"), "{cut}");
    }

    #[test]
    fn samples_without_subsamples_need_their_vectors() {
        let head = [0, 0, 0, 0, 0, 0, 0, 2];
        assert_eq!(senc_error(&[&head[..], &[9; 16]].concat(), 8), None);
        assert_eq!(senc_error(&head, 0), None, "a vector in common");
        assert!(senc_error(&[&head[..], &[9; 15]].concat(), 8).is_some());
        assert!(senc_error(&[&[0; 7][..], &[3]].concat(), 0).unwrap().contains("describes 3 samples"));
    }

    #[test]
    fn hostile_sample_counts_are_refused_at_once() {
        let many = TrunSamples::Inherited { count: u32::MAX, first_flags: None };
        let runs = [Trun { data_offset: None, samples: many }];
        for flags in [0, 2] {
            let fields = [0, 0, 0, flags, 0xff, 0xff, 0xff, 0xff];
            let outcome = check_samples(&Mp4Box::new(*b"senc", 0, &fields, 8), u8::MAX, &runs, Some(1));
            assert!(outcome.is_err(), "{flags}");
        }
        assert_eq!(senc_error(&[0, 0, 0, 0, 0, 0, 0, 0], 8), None, "describes nothing");
        assert_eq!(
            [senc_error(&[], 8), senc_error(&[1, 0, 0, 2, 0, 0, 0, 9], 8)],
            [None, None],
            "cut, or another version"
        );
    }

    #[test]
    fn a_group_index_counts_only_when_all_samples_have_it() {
        let map = |version: u8, indices: &[u32]| {
            let kind: &[u8] = if version == 0 { b"seig" } else { b"seig\0\0\0\0" };
            let entries = indices.iter().flat_map(|n| [[0, 0, 0, 1], n.to_be_bytes()].concat());
            [&[version, 0, 0, 0][..], kind, &[0, 0, 0, indices.len() as u8], &entries.collect::<Vec<_>>()].concat()
        };
        for version in [0, 1] {
            assert_eq!(group_index(&map(version, &[0x1_0001, 0x1_0001])), Some(0x1_0001), "version {version}");
            assert_eq!(group_index(&map(version, &[1, 2])), None);
            assert_eq!(group_index(&map(version, &[])), None);
        }
        assert_eq!(group_index(&[]), None);
    }

    #[test]
    fn group_descriptions_of_equal_length_are_found_by_number() {
        let table = |version: u8, length: u32| {
            let default: &[u8] = if version == 1 { &[] } else { &[0, 0, 0, 1] };
            [&[version, 0, 0, 0][..], b"seig", &length.to_be_bytes(), default, &[0, 0, 0, 2], b"abcd"].concat()
        };
        for version in [1, 2] {
            let sgpd = table(version, 2);
            assert_eq!([0, 1, 2].map(|at| group_description(&sgpd, at)), [Some(&b"ab"[..]), Some(b"cd"), None]);
        }
        assert_eq!(group_description(&table(1, 0), 0), None, "descriptions of their own length");
        assert_eq!(group_description(&table(0, 2), 0), None);
    }

    #[test]
    fn a_tenc_has_protection_vector_size_key_and_pattern() {
        let read = |head: [u8; 8], rest: &[u8]| {
            let mut encryption = SampleEncryption::default();
            read_tenc(&[&head[..], rest].concat(), &mut encryption);
            let pattern = encryption.pattern.map(|p| (p.crypt, p.skip));
            (encryption.clear, encryption.iv_size, encryption.kid.is_some(), pattern)
        };
        assert_eq!(read([1, 0, 0, 0, 0, 0x19, 1, 8], &[7; 16]), (false, Some(8), true, Some((1, 9))));
        assert_eq!(read([0, 0, 0, 0, 0, 0x19, 1, 16], &[7; 15]), (false, Some(16), false, None));
        assert_eq!(read([1, 0, 0, 0, 0, 0, 0, 0], &[]), (true, Some(0), false, None));
    }

    #[test]
    fn a_tenc_may_have_a_constant_vector() {
        let size = |rest: &[u8]| {
            let mut encryption = SampleEncryption::default();
            read_tenc(&[&[1, 0, 0, 0, 0, 0x19, 1, 0][..], &[7; 16], rest].concat(), &mut encryption);
            encryption.constant_iv_size
        };
        assert_eq!(size(&[&[16][..], &[1; 16]].concat()), Some(16));
        assert_eq!(size(&[&[8][..], &[1; 8]].concat()), Some(8));
        assert_eq!([size(&[&[16][..], &[1; 15]].concat()), size(&[])], [Some(0); 2]);
    }

    #[test]
    fn a_senc_describes_samples_unless_its_count_is_zero() {
        let describes = |body: &[u8]| describes_samples(&Mp4Box::new(*b"senc", 0, body, 8));
        assert!(describes(&[0, 0, 0, 0, 0, 0, 0, 1]) && describes(&[0, 0, 0, 0, 1, 0, 0, 0]));
        assert!(!describes(&[0; 8]) && !describes(&[1; 7]));
        let subsamples = |body: &[u8]| has_subsamples(&Mp4Box::new(*b"senc", 0, body, 8));
        assert!(subsamples(&[0, 0, 0, 2, 0, 0, 0, 1]) && !subsamples(&[0; 8]) && !subsamples(&[1, 0, 0, 2]));
    }
}
