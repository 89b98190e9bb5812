//! Dialects: unusual but valid styles in which packagers write playlists. The origin rewrites the playlists of a clean
//! channel line by line.

use std::fmt::Write;

use super::playlist::date;
use super::steering;
use super::timeline::{EPOCH_MS, Timeline};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// The playlist has CRLF, comments, blank lines, titles, unknown tags and attributes, and absolute URIs with
    /// changing tokens.
    Loose,
    /// The playlist has occasional dates in local time and a few milliseconds off, a generous target duration, and
    /// rounded durations.
    Dated,
    /// The playlist has muxed audio announced by EXT-X-MEDIA, variables, session data, EXT-X-START and interstitials.
    Rich,
    /// The playlist is an event playlist, which no segment leaves.
    Event,
    /// The MPD has what the standard allows and few packagers write: thumbnails, identical Representations, properties,
    /// and parameters of its own URL that every segment needs (annex I of ISO/IEC 23009-1).
    Standard,
    /// The manifest has two pathways and a steering server.
    Steered,
    /// The server refuses byte ranges, which nobody needs for whole segments.
    Unranged,
    /// The MPD has a time-shift buffer of 0 s: each segment is available for its own duration.
    Bufferless,
}

/// Query of a segment's URL with [`Dialect::Standard`]: it is the query of the MPD's URL.
pub(super) const PARAMETERS: &str = "token=7";

/// Number of segments after which an event playlist begins again.
const EVENT: i64 = 1000;

impl Dialect {
    pub(super) fn find(name: &str) -> Option<Self> {
        match name {
            "loose" => Some(Self::Loose),
            "dated" => Some(Self::Dated),
            "rich" => Some(Self::Rich),
            "event" => Some(Self::Event),
            "standard" => Some(Self::Standard),
            "steered" => Some(Self::Steered),
            "unranged" => Some(Self::Unranged),
            "bufferless" => Some(Self::Bufferless),
            _ => None,
        }
    }

    pub(super) fn timeline(self, timeline: &mut Timeline, now_ms: i64) {
        if self == Self::Event {
            timeline.window = timeline.edge(now_ms).rem_euclid(EVENT);
        }
    }

    /// Rewrites a playlist in this style of a packager. `folder` is the absolute URL of the playlist's folder, and
    /// `turn` the number of earlier requests for the playlist.
    pub(super) fn rewrite(self, text: &str, folder: &str, turn: u64) -> String {
        match self {
            Self::Loose => loose(text, folder, turn),
            Self::Dated => dated(text),
            Self::Rich => rich(text),
            Self::Event => {
                text.replacen("#EXT-X-MEDIA-SEQUENCE", "#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-MEDIA-SEQUENCE", 1)
            }
            Self::Standard => standard(text),
            Self::Bufferless => text.replace("timeShiftBufferDepth=\"PT20S\"", "timeShiftBufferDepth=\"PT0S\""),
            Self::Steered if text.contains("<MPD") => steering::mpd(text),
            Self::Steered if text.contains("#EXT-X-STREAM-INF") => steering::multivariant(text, None),
            Self::Steered | Self::Unranged => text.to_owned(),
        }
    }
}

fn standard(text: &str) -> String {
    let properties = "<EssentialProperty schemeIdUri=\"urn:mpeg:dash:urlparam:2014\">\
        <up:UrlQueryInfo xmlns:up=\"urn:mpeg:dash:schema:urlparam:2014\" queryTemplate=\"$querypart$\" useMPDUrlQuery=\"true\"/>\
        </EssentialProperty>\n<SupplementalProperty schemeIdUri=\"urn:mpeg:dash:srd:2014\" value=\"0,0,0,1,1,1,1\"/>\n";
    let thumbnails = "<AdaptationSet id=\"20\" mimeType=\"image/jpeg\">\n\
        <EssentialProperty schemeIdUri=\"http://dashif.org/guidelines/thumbnail_tile\" value=\"10x1\"/>\n\
        <SegmentTemplate media=\"$RepresentationID$/$Number$.jpg\" duration=\"20\" startNumber=\"1\"/>\n\
        <Representation id=\"thumbnails\" bandwidth=\"12000\" width=\"3200\" height=\"180\"/>\n</AdaptationSet>\n";
    let mut out = String::new();
    let mut audio: Option<String> = None;
    for line in text.split_inclusive('\n') {
        let mut written = line.to_owned();
        if line.starts_with("<AdaptationSet") {
            written.push_str(properties);
        }
        if line.starts_with("<AdaptationSet") && line.contains("contentType=\"audio\"") {
            audio = Some(String::new());
        }
        if let Some(set) = &mut audio {
            set.push_str(&written);
        }
        out.push_str(&written);
        if line.starts_with("</AdaptationSet>")
            && let Some(set) = audio.take()
        {
            // The same Representation for another role.
            out.push_str(&set.replace("id=\"2\"", "id=\"10\""));
            out.push_str(thumbnails);
        }
    }
    out
}

fn loose(text: &str, folder: &str, turn: u64) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        lines.push(match line.split_once(':') {
            _ if line == "#EXTM3U" => {
                "#EXTM3U\r\n\r\n# Tập tin\r\n#EXT-X-ALLOW-CACHE:NO\r\n#EXT-X-EXAMPLE-BUILD:7".to_owned()
            }
            _ if !line.starts_with('#') => format!("{folder}{line}?token={turn}&sig=%2Fa%3D"),
            Some(("#EXTINF", duration)) => format!("#EXTINF:{duration}News, weather"),
            Some(("#EXT-X-STREAM-INF", list)) => format!("#EXT-X-STREAM-INF:X-EXAMPLE=\"a,b\",{list},PROGRAM-ID=1"),
            _ => line.to_owned(),
        });
    }
    lines.join("\r\n")
}

/// Adds irregular but valid dates and durations to a playlist ([`Dialect::Dated`]). The changes depend only on a
/// segment's date, so that they are the same in every playlist.
fn dated(text: &str) -> String {
    let (mut out, mut first, mut place) = (String::new(), true, 0);
    for line in text.lines() {
        match line.split_once(':') {
            Some(("#EXT-X-PROGRAM-DATE-TIME", at)) => {
                let at_ms = at.parse().map_or(EPOCH_MS, jiff::Timestamp::as_millisecond);
                place = (at_ms - EPOCH_MS).div_euclid(2000);
                if first || place % 5 == 0 {
                    let _ = writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{}", local(at_ms + place * 7 % 31 - 15));
                }
                first = false;
            }
            Some(("#EXT-X-TARGETDURATION", _)) => out.push_str("#EXT-X-TARGETDURATION:3\n"),
            Some(("#EXTINF", _)) => {
                let seconds = if place % 2 == 0 { "2.002" } else { "1.998000000" };
                let _ = writeln!(out, "#EXTINF:{seconds},");
            }
            _ => {
                let _ = writeln!(out, "{line}");
            }
        }
    }
    out
}

/// Formats an instant in UTC+07:00.
fn local(unix_ms: i64) -> String {
    date(unix_ms + 7 * 3_600_000).replace('Z', "+07:00")
}

fn rich(text: &str) -> String {
    let start = "#EXT-X-START:TIME-OFFSET=-8.5,PRECISE=NO\n";
    let mut out = String::new();
    let multivariant = text.contains("#EXT-X-STREAM-INF");
    for line in text.lines() {
        match line.split_once(':') {
            Some(("#EXT-X-VERSION", _)) if multivariant => {
                out.push_str("#EXT-X-VERSION:8\n#EXT-X-DEFINE:NAME=\"cdn\",VALUE=\"a1\"\n");
                out.push_str(
                    "#EXT-X-SESSION-DATA:DATA-ID=\"com.example.title\",VALUE=\"News {$cdn}\",LANGUAGE=\"en\"\n",
                );
                out.push_str("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"muxed\",NAME=\"English\",LANGUAGE=\"en\",");
                let _ = writeln!(out, "DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\"\n{}", start.trim_end());
            }
            Some(("#EXT-X-VERSION", _)) => {
                let _ = writeln!(out, "#EXT-X-VERSION:8\n#EXT-X-DEFINE:IMPORT=\"cdn\"\n{}", start.trim_end());
                out.push_str(INTERSTITIAL);
            }
            Some(("#EXT-X-STREAM-INF", list)) => {
                let _ = writeln!(out, "#EXT-X-STREAM-INF:{list},AUDIO=\"muxed\"");
            }
            _ if !line.starts_with('#') => {
                let _ = writeln!(out, "{line}?cdn={{$cdn}}");
            }
            _ => {
                let _ = writeln!(out, "{line}");
            }
        }
    }
    out
}

const INTERSTITIAL: &str = "#EXT-X-DATERANGE:ID=\"promo\",CLASS=\"com.apple.hls.interstitial\",\
START-DATE=\"2026-05-28T20:27:00.000Z\",DURATION=15.0,X-ASSET-URI=\"https://ads.example/promo.m3u8\",X-RESUME-OFFSET=0,\
X-RESTRICT=\"SKIP,JUMP\",X-SNAP=\"OUT,IN\",X-EXAMPLE-ID=\"a\"\n";
