//! Rules of EXT-X-KEY and EXT-X-SESSION-KEY (RFC 8216bis 4.4.4.4, 4.4.6.5), and of an EXT-X-MAP under a key (4.4.4.5).

use super::attributes::AttributeList;
use super::tag_values::TagReport;
use std::collections::{BTreeMap, BTreeSet};

/// Checks the rules between the attributes of one EXT-X-KEY or EXT-X-SESSION-KEY.
pub(super) fn check<'a>(list: &AttributeList<'a>, report: &mut TagReport<'_, '_, 'a>) {
    let Some(method) = list.get("METHOD") else { return };
    if method == "NONE" {
        for name in ["URI", "IV", "KEYFORMAT", "KEYFORMATVERSIONS"] {
            if let Some(at) = list.name(name) {
                report.attribute(at, format_args!("{name} must not be present beside METHOD=NONE"));
            }
        }
        return;
    }
    if report.tag.name == "EXT-X-KEY" && !list.has("URI") {
        let line = report.line.tag_text();
        report.attribute(line, format_args!("EXT-X-KEY has no URI, which is required unless METHOD is NONE"));
    }
    let without = ["AES-256-GCM", "SAMPLE-AES-CTR"].contains(&method);
    if let Some(at) = list.name("IV").filter(|_| without) {
        report.attribute(at, format_args!("IV must not be present beside METHOD={method}"));
    }
}

/// The keys of the playlist so far, as far as rules about later tags need them.
#[derive(Default)]
pub(super) struct KeyRules<'a> {
    /// Line of the key in force for each KEYFORMAT, for keys with METHOD AES-128 and without IV.
    without_iv: BTreeMap<&'a str, u32>,
    session: BTreeSet<[Option<&'a str>; 5]>,
}

impl<'a> KeyRules<'a> {
    pub(super) fn take(&mut self, list: &AttributeList<'a>, report: &mut TagReport<'_, '_, 'a>) {
        match report.tag.name {
            "EXT-X-KEY" => self.key(list, report.line.number),
            "EXT-X-MAP" => self.map(report),
            "EXT-X-SESSION-KEY" => self.session(list, report),
            _ => {}
        }
    }

    fn key(&mut self, list: &AttributeList<'a>, line: u32) {
        let format = list.quoted("KEYFORMAT").unwrap_or("identity");
        match list.get("METHOD") {
            Some("NONE") => self.without_iv.clear(),
            Some("AES-128") if !list.has("IV") => drop(self.without_iv.insert(format, line)),
            _ => drop(self.without_iv.remove(format)),
        }
    }

    fn map(&self, report: &mut TagReport<'_, '_, 'a>) {
        if let Some(line) = self.without_iv.values().next() {
            let here = report.line.tag_text();
            let what = "an EXT-X-MAP under METHOD=AES-128 requires the IV of its EXT-X-KEY";
            report.tag(here, format_args!("{what}, and the one in line {line} has none"));
        }
    }

    fn session(&mut self, list: &AttributeList<'a>, report: &mut TagReport<'_, '_, 'a>) {
        let names = ["METHOD", "URI", "IV", "KEYFORMAT", "KEYFORMATVERSIONS"];
        if !self.session.insert(names.map(|name| list.get(name))) {
            let here = report.line.tag_text();
            report.tag(here, format_args!("this EXT-X-SESSION-KEY is here twice, with the same values; write it once"));
        }
    }
}
