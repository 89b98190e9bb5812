//! Common encryption in its boxes (ISO/IEC 23001-7): how a sample entry is protected, and what a fragment says of its
//! encrypted samples.

use super::boxes::{Boxed, Fault};
use crate::container::{Pattern, Protection};
use crate::drm::{Id, Scheme};
use mp4_atom::{Trun, TrunSamples};
use std::sync::Arc;

/// Of a protected sample entry: its original format, where it says so, and its protection.
///
/// `sinf` is searched, because the length of the fields before it depends on the handler and, for audio, on the
/// writer's QuickTime version.
pub fn of_entry(entry: &Boxed<'_>) -> (Option<[u8; 4]>, Protection) {
    let mut format = None;
    let mut protection = Protection::default();
    for child in sinf(entry).iter().flat_map(|sinf| sinf.children().map_while(Result::ok)) {
        match &child.kind {
            b"frma" => format = child.body.first_chunk::<4>().copied(),
            b"schm" => protection.scheme = child.body.get(4..).and_then(<[u8]>::first_chunk).map(|code| Scheme(*code)),
            b"schi" => {
                for tenc in child.children().map_while(Result::ok).filter(|b| &b.kind == b"tenc") {
                    defaults(tenc.body, &mut protection);
                }
            }
            _ => {}
        }
    }
    (format, protection)
}

fn sinf<'a>(entry: &Boxed<'a>) -> Option<Boxed<'a>> {
    let at = memchr::memmem::find(entry.body, b"sinf")?.checked_sub(4)?;
    let found = entry.children_behind(at).next()?.ok()?;
    Some(found)
}

/// `tenc` (8.2): the pattern is of version 1.
fn defaults(body: &[u8], protection: &mut Protection) {
    let Some(&[version, _, _, _, _, pattern, protected, vector_size]) = body.first_chunk::<8>() else { return };
    protection.clear = protected == 0;
    protection.vector_size = Some(vector_size);
    protection.kid = body.get(8..24).and_then(Id::read);
    protection.pattern = (version > 0 && pattern > 0).then_some(Pattern { crypt: pattern >> 4, skip: pattern & 15 });
}

/// A sample group of a fragment's own (`seig`, 6): other keys than the sample entry's, or none.
#[derive(Debug, Default)]
pub struct Groups<'a> {
    description: Option<Boxed<'a>>,
    map: Option<Boxed<'a>>,
}

impl<'a> Groups<'a> {
    pub fn add(&mut self, child: &Boxed<'a>) {
        if child.body.get(4..8) != Some(b"seig") {
            return;
        }
        match &child.kind {
            b"sgpd" => self.description = Some(*child),
            b"sbgp" => self.map = Some(*child),
            _ => {}
        }
    }

    /// What is in force for the fragment's samples. No key is named where it isn't sure: samples differ, or the group
    /// is not the fragment's own.
    #[must_use]
    pub fn over(&self, entry: &Arc<Protection>) -> Arc<Protection> {
        match self.map.map(|map| index(map.body)) {
            None | Some(Some(0)) => entry.clone(),
            Some(index) => {
                let known = index.and_then(|index| self.described(index, entry));
                let unknown = || Protection { kid: None, vector_size: None, ..Protection::clone(entry) };
                Arc::new(known.unwrap_or_else(unknown))
            }
        }
    }

    fn described(&self, index: u32, entry: &Protection) -> Option<Protection> {
        let entry_of_group = group(self.description?.body, index.checked_sub(0x1_0001)?)?;
        let &[_, pattern, protected, vector_size] = entry_of_group.first_chunk::<4>()?;
        Some(Protection {
            clear: protected == 0,
            vector_size: Some(vector_size),
            kid: entry_of_group.get(4..20).and_then(Id::read),
            pattern: (pattern > 0).then_some(Pattern { crypt: pattern >> 4, skip: pattern & 15 }),
            ..entry.clone()
        })
    }
}

/// The group that all samples belong to (ISO/IEC 14496-12 8.9.2).
fn index(sbgp: &[u8]) -> Option<u32> {
    let fields = if *sbgp.first()? == 0 { 8 } else { 12 };
    let entries = sbgp.get(fields + 4..)?.chunks_exact(8);
    let mut indices = entries.filter_map(|e| e.last_chunk::<4>()).map(|n| u32::from_be_bytes(*n));
    let first = indices.next()?;
    indices.all(|n| n == first).then_some(first)
}

/// The description at this place, where all have the same length (ISO/IEC 14496-12 8.9.3).
fn group(sgpd: &[u8], at: u32) -> Option<&[u8]> {
    let (&version, rest) = sgpd.split_first()?;
    let number = |at: usize| rest.get(at..)?.first_chunk::<4>().map(|n| u32::from_be_bytes(*n));
    let length = usize::try_from(number(7).filter(|n| version > 0 && *n > 0)?).ok()?;
    let entries = if version == 1 { 15 } else { 19 };
    rest.get(entries..)?.chunks_exact(length).nth(usize::try_from(at).ok()?)
}

/// Whether a `senc` describes any sample.
#[must_use]
pub fn describes(senc: &Boxed<'_>) -> bool {
    senc.body.get(4..8).is_some_and(|count| count != [0; 4])
}

/// `senc` (7.2) against the samples that the fragment's runs describe: as many of them, and of the same sizes.
pub fn samples(senc: &Boxed<'_>, vector_size: u8, runs: &[Trun], default_size: Option<u32>) -> Result<(), Fault> {
    let cut = || senc.fault("ends before its samples do".to_owned());
    let Some((&[0, _, _, flags, a, b, c, d], rest)) = senc.body.split_first_chunk::<8>() else { return Ok(()) };
    let (count, described) = (u64::from(u32::from_be_bytes([a, b, c, d])), count(runs));
    if count == 0 {
        return Ok(());
    }
    if count != described {
        return Err(senc.fault(format!("tells how {count} samples are encrypted, the `traf` has {described}")));
    }
    let vector = usize::from(vector_size);
    if flags & 2 == 0 {
        let needed = count.saturating_mul(u64::from(vector_size));
        return if (rest.len() as u64) < needed { Err(cut()) } else { Ok(()) };
    }
    let (mut rest, mut sizes) = (rest, sizes(runs, default_size));
    for n in 0..count {
        let (spans, after) = subsamples(rest.get(vector..).ok_or_else(cut)?).ok_or_else(cut)?;
        match sizes.next().flatten().map(u64::from) {
            Some(size) if size != spans => {
                let number = n + 1;
                return Err(senc.fault(format!("divides {spans} bytes of sample {number}, which has {size}")));
            }
            _ => rest = after,
        }
    }
    Ok(())
}

/// Bytes that one sample's clear and encrypted spans have together, and what follows them.
fn subsamples(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (count, rest) = bytes.split_first_chunk::<2>()?;
    let (spans, after) = rest.split_at_checked(6 * usize::from(u16::from_be_bytes(*count)))?;
    let bytes = |span: &[u8]| match span {
        &[a, b, c, d, e, f] => u64::from(u16::from_be_bytes([a, b])) + u64::from(u32::from_be_bytes([c, d, e, f])),
        _ => 0,
    };
    Some((spans.chunks_exact(6).map(bytes).sum(), after))
}

fn count(runs: &[Trun]) -> u64 {
    let of = |run: &Trun| match &run.samples {
        TrunSamples::Explicit(entries) => entries.len() as u64,
        TrunSamples::Inherited { count, .. } => u64::from(*count),
    };
    runs.iter().map(of).sum()
}

/// Of each sample; read as far as the `senc` goes.
fn sizes(runs: &[Trun], default_size: Option<u32>) -> impl Iterator<Item = Option<u32>> {
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

    /// What is wrong with a `senc` of these fields over samples of 100 and 40 bytes.
    fn judge(fields: &[u8], vector_size: u8) -> Option<String> {
        let entry = |size| TrunEntry { size: Some(size), ..TrunEntry::default() };
        let samples_of_run = TrunSamples::Explicit(vec![entry(100), entry(40)]);
        let runs = [Trun { data_offset: None, samples: samples_of_run }];
        samples(&Boxed::new(*b"senc", 7, fields, 15), vector_size, &runs, None).err().map(|fault| fault.message)
    }

    /// A clear and an encrypted span.
    fn span(clear: u16, encrypted: u32) -> Vec<u8> {
        [&[0, 1][..], &clear.to_be_bytes(), &encrypted.to_be_bytes()].concat()
    }

    #[test]
    fn each_sample_is_divided_as_long_as_it_is() {
        let head = [0, 0, 0, 2, 0, 0, 0, 2];
        assert_eq!(judge(&[&head[..], &span(36, 64), &span(40, 0)].concat(), 0), None);
        assert_eq!(judge(&[&head[..], &[9; 8], &span(36, 64), &[9; 8], &span(0, 40)].concat(), 8), None);
        let longer = judge(&[&head[..], &span(36, 64), &span(1, 40)].concat(), 0).unwrap();
        assert!(longer.ends_with("divides 41 bytes of sample 2, which has 40"), "{longer}");
        let cut = judge(&[&head[..], &span(36, 64)].concat(), 0).unwrap();
        assert!(cut.ends_with("ends before its samples do"), "{cut}");
    }

    #[test]
    fn whole_samples_need_their_vectors() {
        let head = [0, 0, 0, 0, 0, 0, 0, 2];
        assert_eq!(judge(&[&head[..], &[9; 16]].concat(), 8), None);
        assert_eq!(judge(&head, 0), None, "a vector in common");
        assert!(judge(&[&head[..], &[9; 15]].concat(), 8).is_some());
        assert!(judge(&[&[0; 7][..], &[3]].concat(), 0).unwrap().contains("tells how 3 samples"));
    }

    #[test]
    fn hostile_counts_cost_nothing() {
        let many = TrunSamples::Inherited { count: u32::MAX, first_flags: None };
        let runs = [Trun { data_offset: None, samples: many }];
        for flags in [0, 2] {
            let fields = [0, 0, 0, flags, 0xff, 0xff, 0xff, 0xff];
            let outcome = samples(&Boxed::new(*b"senc", 0, &fields, 8), u8::MAX, &runs, Some(1));
            assert!(outcome.is_err(), "{flags}");
        }
        assert_eq!(judge(&[0, 0, 0, 0, 0, 0, 0, 0], 8), None, "describes nothing");
        assert_eq!([judge(&[], 8), judge(&[1, 0, 0, 2, 0, 0, 0, 9], 8)], [None, None], "cut, or another version");
    }
}
