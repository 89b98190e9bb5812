//! Checks of rendition groups: the EXT-X-MEDIA tags of a playlist define them, and its variants refer to them (RFC
//! 8216bis 4.4.6.1.1).

use super::attributes::AttributeList;
use super::defects::DefectList;
use crate::defect::DefectKind::{GroupTolerated, Groups as Broken};
use crate::redact::Quoted;
use std::collections::{BTreeMap, BTreeSet};

const GROUPS: &str = "RFC 8216bis 4.4.6.1.1";
const REFERENCES: &str = "RFC 8216bis 4.4.6.2";
const TYPES: [&str; 4] = ["AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS"];

type At = (u32, u32);

/// A rendition group, identified by TYPE and GROUP-ID.
#[derive(Default)]
struct Group<'a> {
    at: At,
    names: BTreeSet<&'a str>,
    /// The first NAME that two members of the group have, with the position of the second member; `None` if all differ.
    twice: Option<(&'a str, At)>,
    defaults: u32,
    autoselected: bool,
}

#[derive(Default)]
pub(super) struct RenditionGroups<'a> {
    defined: BTreeMap<(&'a str, &'a str), Group<'a>>,
    /// Line and column of the first variant that refers to each group (TYPE and GROUP-ID).
    named: BTreeMap<(&'static str, &'a str), At>,
}

impl<'a> RenditionGroups<'a> {
    /// Adds an EXT-X-MEDIA tag as a member of its group.
    pub(super) fn member(&mut self, list: &AttributeList<'a>, at: At) {
        let (Some(kind), Some(id), Some(name)) = (list.get("TYPE"), list.quoted("GROUP-ID"), list.quoted("NAME"))
        else {
            return;
        };
        let group = self.defined.entry((kind, id)).or_insert_with(|| Group { at, ..Group::default() });
        if !group.names.insert(name) {
            group.twice.get_or_insert((name, at));
        }
        group.defaults += u32::from(list.get("DEFAULT") == Some("YES"));
        group.autoselected |= list.get("AUTOSELECT") == Some("YES");
    }

    /// Notes the rendition groups to which an EXT-X-STREAM-INF or EXT-X-I-FRAME-STREAM-INF refers.
    pub(super) fn references(&mut self, list: &AttributeList<'a>, at: At) {
        for kind in TYPES {
            if let Some(id) = list.quoted(kind).filter(|id| !id.is_empty()) {
                self.named.entry((kind, id)).or_insert(at);
            }
        }
    }

    pub(super) fn finish(&self, defects: &mut DefectList) {
        for (&(kind, id), at) in self.named.iter().filter(|(key, _)| !self.defined.contains_key(*key)) {
            defects.add_at(
                Broken,
                *at,
                REFERENCES,
                format_args!("{kind} names group {}, which no EXT-X-MEDIA with TYPE={kind} defines", Quoted(id)),
            );
        }
        for (&(kind, id), group) in &self.defined {
            let of = format!("of {kind} group {}", Quoted(id));
            if let Some((name, at)) = group.twice {
                defects.add_at(
                    Broken,
                    at,
                    GROUPS,
                    format_args!("NAME {} stands twice among the members {of}", Quoted(name)),
                );
            }
            if group.defaults > 1 {
                defects.add_at(
                    Broken,
                    group.at,
                    GROUPS,
                    format_args!("{} members {of} have DEFAULT=YES; one may", group.defaults),
                );
            }
            if kind == "AUDIO" && group.defaults == 0 && !group.autoselected {
                defects.add_at(
                    GroupTolerated,
                    group.at,
                    "RFC 8216bis 4.4.6.1",
                    format_args!("no member {of} has DEFAULT=YES or AUTOSELECT=YES: a player may choose none"),
                );
            }
        }
        self.members(defects);
    }

    /// Reports groups of one type with different members: a player that switches between groups has to find its
    /// rendition in each.
    fn members(&self, defects: &mut DefectList) {
        let mut first: BTreeMap<&str, (&str, &BTreeSet<&str>)> = BTreeMap::new();
        for (&(kind, id), group) in &self.defined {
            let &mut (other, names) = first.entry(kind).or_insert((id, &group.names));
            if *names != group.names {
                defects.add_at(
                    GroupTolerated,
                    group.at,
                    GROUPS,
                    format_args!("{kind} groups {} and {} have other members", Quoted(other), Quoted(id)),
                );
            }
        }
    }
}
