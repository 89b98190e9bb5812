//! Writes a source file again with a switch at every place of a sample.

use super::sites::{Form, Site};
use std::cmp::Reverse;
use std::ops::Range;

/// A place with the number of its mutant and the text of its change.
#[derive(Clone, Debug)]
pub(crate) struct Switched<'s> {
    pub mutant: usize,
    pub site: &'s Site,
    pub change: &'s str,
}

/// A source file with switches.
#[derive(Debug, Default)]
pub(crate) struct Rewritten {
    pub text: String,
    /// The bytes of `text` that belong to each mutant; an inner place comes after the place that contains it.
    pub places: Vec<(usize, Range<usize>)>,
}

impl Rewritten {
    /// Returns the mutant of the innermost place that contains these bytes. `None`: there is no mutant.
    pub(crate) fn mutant_at(&self, bytes: &Range<usize>) -> Option<usize> {
        let contains = |place: &Range<usize>| place.start <= bytes.start && bytes.end <= place.end;
        let places = self.places.iter().filter(|(_, place)| contains(place));
        places.min_by_key(|(_, place)| place.len()).map(|(mutant, _)| *mutant)
    }
}

/// Puts the switches into a source. `switch` is the path of the function that says whether a mutant is on.
pub(crate) fn rewrite(source: &str, switch: &str, mut switched: Vec<Switched<'_>>) -> Rewritten {
    // A switch at the beginning of a function comes before a place that begins there.
    let order = |s: &Switched<'_>| (s.site.range.start, s.site.form != Form::Entry, Reverse(s.site.range.end));
    switched.sort_by_key(order);
    let mut writer = Writer { source, switch, out: Rewritten::default() };
    writer.write(0..source.len(), &switched);
    writer.out
}

struct Writer<'s> {
    source: &'s str,
    switch: &'s str,
    out: Rewritten,
}

impl Writer<'_> {
    /// Writes the bytes of the source in `range`, which contains every place of `switched`.
    fn write(&mut self, range: Range<usize>, switched: &[Switched<'_>]) {
        let mut at = range.start;
        let mut rest = switched;
        while let Some((first, after)) = rest.split_first() {
            self.copy(at..first.site.range.start);
            let inside = after.iter().take_while(|s| s.site.range.start < first.site.range.end).count();
            let (inner, outer) = after.split_at(inside);
            self.switch(first, inner);
            at = first.site.range.end;
            rest = outer;
        }
        self.copy(at..range.end);
    }

    fn copy(&mut self, range: Range<usize>) {
        self.out.text.push_str(self.source.get(range).unwrap_or_default());
    }

    fn switch(&mut self, place: &Switched<'_>, inner: &[Switched<'_>]) {
        let start = self.out.text.len();
        let index = self.out.places.len();
        self.out.places.push((place.mutant, start..start));
        let (on, change) = (format!("{}({})", self.switch, place.mutant), place.change);
        let (begin, end) = match place.site.form {
            Form::Expression => (format!("(if {on} {{ {change} }} else {{ "), " })"),
            Form::Statement => (format!("if !{on} {{ "), " }"),
            Form::Entry => (format!("if {on} {{ {change} }} "), ""),
        };
        self.out.text.push_str(&begin);
        self.write(place.site.range.clone(), inner);
        self.out.text.push_str(end);
        self.out.places[index].1.end = self.out.text.len();
    }
}
