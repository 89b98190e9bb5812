//! Gauges of a channel and its outputs, for `/probe`.

use super::series::{Series, count};
use super::{Gauge, OUTPUT, gauge};
use crate::report::{MediaCounts, OutputView, ReportView};
use std::collections::BTreeMap;

const MEDIA: &[&str] = &["output", "media"];

/// Gauges of the channel and of each of its outputs.
pub(crate) const GAUGES: &[Gauge] = &[
    gauge(
        "packager_channel_info",
        &["code", "name", "type", "tier", "codec", "resolution", "fps", "hdr", "template"],
        "Always 1. The labels describe the channel as the catalogue has it; a label is empty if the catalogue \
         doesn't set it.",
        |v, s| {
            let i = &v.channel_info;
            let resolution = &i.resolution;
            s.set(
                &[i.code, i.name, i.channel_type, &i.tier, i.codec, resolution, &i.fps, i.hdr, i.template],
                Some(1.0),
            );
        },
    ),
    gauge(
        "packager_output_info",
        &["output", "protocol", "container", "low_latency", "encrypted"],
        "Always 1. The labels describe how the output is delivered; a label is empty if it isn't known. The container is \
         that of the newest segments that were inspected, in this probe or in an earlier one.",
        |v, s| {
            for o in &v.outputs {
                let info = &o.output_info;
                s.set(&[o.name, o.protocol, info.container, info.low_latency, info.encrypted], Some(1.0));
            }
        },
    ),
    gauge(
        "packager_cdn_cache",
        &["output", "status"],
        "Number of answers in this probe (manifest, playlists, initialization segments and segments) by the way in which the \
         nearest cache handled the request: hit, miss, stale, revalidated, bypass, or unknown if a cache names itself only. \
         From Cache-Status (RFC 9211), X-Cache, CF-Cache-Status, Age, Via and the like. Absent for a status that no answer has.",
        |v, s| {
            for o in &v.outputs {
                let c = &o.cdn_cache;
                let counts = [
                    ("hit", c.hit),
                    ("miss", c.miss),
                    ("stale", c.stale),
                    ("revalidated", c.revalidated),
                    ("bypass", c.bypass),
                    ("unknown", c.unknown),
                ];
                counts.into_iter().for_each(|(status, number)| s.set(&[o.name, status], count(number)));
            }
        },
    ),
    gauge(
        "packager_cdn_manifest_age_seconds",
        OUTPUT,
        "Largest Age header of the manifest and its playlists: the time in seconds for which caches have had the answer. \
         Absent if no cache gives it.",
        |v, s| s.outputs(v, |o| o.cdn_manifest_age_seconds),
    ),
    gauge(
        "packager_renditions",
        MEDIA,
        "Number of renditions that the manifest lists. Absent if the manifest couldn't be read.",
        |v, s| {
            by_media(v, s, |o| o.listed);
        },
    ),
    gauge(
        "packager_renditions_expected",
        MEDIA,
        "Number of renditions that the template or the channel expects. Absent if they expect none.",
        |v, s| by_media(v, s, |o| o.renditions_expected),
    ),
    gauge(
        "packager_renditions_available",
        MEDIA,
        "Number of renditions whose playlist and newest segment are available. Absent if there was no time to \
         request one of them.",
        |v, s| by_media(v, s, |o| o.renditions_available),
    ),
    gauge(
        "packager_rendition_answers",
        &["output", "request", "status"],
        "Number of renditions by HTTP status code of their media playlist (request is playlist), and of their newest listed \
         segment that was requested, by this or an earlier probe (request is segment). A rendition whose request got no answer \
         is not counted.",
        answers,
    ),
    gauge(
        "packager_rendition_skew_seconds",
        OUTPUT,
        "Time in seconds between the first and the last live edge of the renditions, by program date-time. Absent if \
         fewer than two live edges are known.",
        |v, s| s.outputs(v, |o| o.rendition_skew_seconds),
    ),
    gauge(
        "packager_scte35_splices",
        OUTPUT,
        "Number of ad break starts and ends in the playlist's window, or as SCTE-35 in its inspected segments, \
         whichever is larger. The value is that of the rendition with the most. Absent if no media \
         playlist could be read.",
        |v, s| s.outputs(v, |o| count(o.scte35_splices)),
    ),
    gauge(
        "packager_ad_break",
        OUTPUT,
        "1 while the live edge of any rendition is in an ad break, 0 otherwise. It stays 1 after the tag that began \
         the break has left the window. Absent if no media playlist could be read.",
        |v, s| s.outputs(v, |o| o.ad_break.map(|within| if within { 1.0 } else { 0.0 })),
    ),
];

fn by_media(view: &ReportView<'_>, series: &mut Series<'_>, counts: impl Fn(&OutputView<'_>) -> MediaCounts) {
    for output in &view.outputs {
        let MediaCounts { video, audio, text } = counts(output);
        series.set(&[output.name, "video"], count(video));
        series.set(&[output.name, "audio"], count(audio));
        series.set(&[output.name, "text"], count(text));
    }
}

fn answers(view: &ReportView<'_>, series: &mut Series<'_>) {
    for output in &view.outputs {
        let mut renditions: BTreeMap<(&str, u16), u64> = BTreeMap::new();
        for rendition in &output.renditions {
            let playlist = rendition.playlist.playlist_http_status_code.map(|status| ("playlist", status));
            let segment = rendition.segment.transfer.segment_http_status_code.map(|status| ("segment", status));
            playlist.into_iter().chain(segment).for_each(|answer| *renditions.entry(answer).or_default() += 1);
        }
        for ((request, status), number) in renditions {
            series.set(&[output.name, request, &status.to_string()], count(Some(number)));
        }
    }
}
