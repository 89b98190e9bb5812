//! Parser for the origin's paths.

use super::channels::{self, Channel, Format};
use super::dash::{self, MpdVariant};
use super::dialects::Dialect;
use super::faults::{self, Fault};
use super::timeline::Rendition;
use super::visits::{self, Visit};
use super::{i_frames, low_latency, mpd_updates, segment_base, steering};
use super::{moving_names, mp4_subtitles, webvtt};

/// Name under which each initialization segment is there a second time.
pub(super) const OTHER_INIT: &str = "other_init.mp4";

/// A parsed path of one of the origin's channels.
pub(super) struct Route {
    /// The instant that the path fixes, in milliseconds of Unix time; `None` for now.
    pub at_ms: Option<i64>,
    pub mode: Mode,
    pub name: String,
    pub channel: &'static Channel,
    pub number: i64,
    pub visit: Visit,
    pub resource: Resource,
}

#[derive(Clone, Copy)]
pub(super) enum Mode {
    Live,
    Fault(&'static Fault),
    /// Every playlist appends a new token to each of its URIs.
    Token,
    /// The path is in the folder that has the media playlists of several channels.
    Folder,
    /// The channel is a clean one whose playlists have the allowed peculiarities of certain packagers, such as dates
    /// without a colon in the time zone.
    Dialect(Dialect),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    Master,
    /// An MPD in this variant, with its file name.
    Mpd(MpdVariant, String),
    /// A patch of `updates.mpd`.
    Patch,
    /// The answer of the steering server.
    Steering,
    Playlist(Rendition),
    IFrames(Rendition),
    Init(Rendition),
    /// A file with a segment index, and the index of the first segment in its Period.
    IndexedFile(Rendition, i64),
    /// An AES-128 key with this number.
    Key(i64),
    /// A segment with this name, without the extension.
    Segment(Rendition, String),
    /// A part, by the media sequence number of its segment and its index in the segment.
    Part(Rendition, i64, i64),
}

impl Resource {
    pub(super) fn is_playlist(&self) -> bool {
        matches!(self, Self::Master | Self::Mpd(..) | Self::Patch | Self::Playlist(_) | Self::IFrames(_))
    }
}

pub(super) fn parse(path: &str) -> Option<Route> {
    let mut parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let at_ms = if parts.first() == Some(&"at") {
        let at = parts.get(1)?.parse().ok().filter(|at| (0..1 << 45).contains(at))?;
        parts.drain(..2);
        Some(at)
    } else {
        None
    };
    let (mode, name, rest) = match parts.as_slice() {
        ["live", name, rest @ ..] => (Mode::Live, *name, rest),
        ["token", name, rest @ ..] => (Mode::Token, *name, rest),
        ["dialect", dialect, name, rest @ ..] => (Mode::Dialect(Dialect::find(dialect)?), *name, rest),
        ["fault", fault, name, rest @ ..] => (Mode::Fault(faults::find(fault)?), *name, rest),
        ["folder", file] => {
            let (name, resource) = parse_folder_file(file)?;
            return route(at_ms, Mode::Folder, name, Visit::Plain, resource);
        }
        _ => return None,
    };
    let (visit, rest) = visits::parse(rest);
    route(at_ms, mode, name, visit, resource(name, &rest)?)
}

fn route(at_ms: Option<i64>, mode: Mode, name: &str, visit: Visit, resource: Resource) -> Option<Route> {
    let (channel, number) = channels::find(name)?;
    let name = name.to_owned();
    is_offered(channel, &resource).then_some(Route { at_ms, mode, name, channel, number, visit, resource })
}

fn resource(channel: &str, rest: &[&str]) -> Option<Resource> {
    let rest = channels::find(channel).map_or(rest, |(channel, _)| moving_names::without_session(channel, rest));
    let rest = steering::without_pathway(rest);
    let (folder, file) = match rest {
        ["master.m3u8"] => return Some(Resource::Master),
        [mpd_updates::PATCH] => return Some(Resource::Patch),
        [steering::FILE] => return Some(Resource::Steering),
        [file] => return Some(Resource::Mpd(dash::variant_of_file(file)?, (*file).to_owned())),
        [folder, file] => (*folder, *file),
        _ => return None,
    };
    let rendition = if folder == "audio" {
        Rendition::Audio
    } else if folder == webvtt::FOLDER {
        Rendition::WebVtt
    } else if folder == mp4_subtitles::TTML {
        Rendition::Ttml
    } else {
        let (channel, _) = channels::find(channel)?;
        Rendition::Rung(channel.ladder().rungs().iter().position(|rung| rung.name == folder)?)
    };
    Some(match file {
        "index.m3u8" => Resource::Playlist(rendition),
        "iframes.m3u8" => Resource::IFrames(rendition),
        "init.mp4" | OTHER_INIT => Resource::Init(rendition),
        _ if file.ends_with(".mp4") => Resource::IndexedFile(rendition, segment_base::period_of_file(file)?),
        _ if file.ends_with(".bin") => Resource::Key(file.strip_prefix("key_")?.strip_suffix(".bin")?.parse().ok()?),
        _ => {
            let (name, _) =
                file.rsplit_once('.').filter(|(_, end)| matches!(*end, "ts" | "m4s" | "aac" | webvtt::EXTENSION))?;
            if let Some((number, part)) = low_latency::parse_part_name(name) {
                return Some(Resource::Part(rendition, number.parse().ok()?, part.parse().ok()?));
            }
            Resource::Segment(rendition, name.to_owned())
        }
    })
}

/// Returns channel and resource for a file in the folder of several channels, such as `TV1.m3u8` or `TV1_123.ts`;
/// `None` for other names.
fn parse_folder_file(file: &str) -> Option<(&str, Resource)> {
    let rendition = Rendition::Rung(0);
    if let Some(name) = file.strip_suffix(".m3u8") {
        return Some((name, Resource::Playlist(rendition)));
    }
    let segment = file.strip_suffix(".ts")?;
    let (name, _) = segment.split_once('_')?;
    Some((name, Resource::Segment(rendition, segment.to_owned())))
}

fn is_offered(channel: &Channel, resource: &Resource) -> bool {
    match resource {
        Resource::Init(Rendition::WebVtt | Rendition::Ttml) => mp4_subtitles::is_offered_by(channel),
        Resource::IndexedFile(Rendition::WebVtt | Rendition::Ttml, _) => false,
        Resource::Playlist(Rendition::Audio)
        | Resource::Segment(Rendition::Audio, _)
        | Resource::Init(_)
        | Resource::IndexedFile(..) => channel.format == Format::Cmaf,
        Resource::Playlist(Rendition::WebVtt) | Resource::Segment(Rendition::WebVtt, _) => {
            webvtt::is_offered_by(channel) || mp4_subtitles::is_offered_by(channel)
        }
        Resource::Playlist(Rendition::Ttml) | Resource::Segment(Rendition::Ttml, _) => {
            mp4_subtitles::is_offered_by(channel)
        }
        Resource::Mpd(variant, _) => channel.format == Format::Cmaf && channel.parts == variant.is_low_latency(),
        Resource::Patch => channel.format == Format::Cmaf && !channel.parts,
        Resource::Part(..) => channel.parts,
        Resource::IFrames(rendition) => i_frames::is_offered_by(channel) && matches!(rendition, Rendition::Rung(_)),
        _ => true,
    }
}
