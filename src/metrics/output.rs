use super::series::{Series, count};
use super::{Gauge, OUTPUT, gauge};
use crate::report::{MediaCounts, OutputView, View};

const MEDIA: &[&str] = &["output", "media"];

/// The channel, and each of its outputs.
pub const GAUGES: &[Gauge] = &[
    gauge(
        "packager_channel_info",
        &["code", "name", "type", "tier", "codec", "resolution", "fps", "hdr", "template"],
        "1, its labels being what the catalogue says of the channel.",
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
        "1, its labels being how the output is delivered; container is of the segments inspected in this probe.",
        |v, s| {
            for o in &v.outputs {
                let info = &o.output_info;
                s.set(&[o.name, o.protocol, info.container, info.low_latency, info.encrypted], Some(1.0));
            }
        },
    ),
    gauge("packager_renditions", MEDIA, "Number of renditions that the manifest lists.", |v, s| {
        by_media(v, s, |o| o.listed);
    }),
    gauge(
        "packager_renditions_expected",
        MEDIA,
        "Number of renditions that the template or the channel promises; absent where they promise none.",
        |v, s| by_media(v, s, |o| o.renditions_expected),
    ),
    gauge(
        "packager_renditions_available",
        MEDIA,
        "Number of renditions whose playlist and newest segment answered; absent when one couldn't be asked in time.",
        |v, s| by_media(v, s, |o| o.renditions_available),
    ),
    gauge(
        "packager_rendition_skew_seconds",
        OUTPUT,
        "Distance in seconds between the first and the last live edge of the renditions, by program date-time.",
        |v, s| s.outputs(v, |o| o.rendition_skew_seconds),
    ),
    gauge(
        "packager_scte35_splices",
        OUTPUT,
        "Beginnings and ends of ad breaks: those that the playlist's window tells of, or that the segments inspected in this \
         probe carry as SCTE-35 where these are more; of the rendition with the most.",
        |v, s| s.outputs(v, |o| count(o.scte35_splices)),
    ),
    gauge(
        "packager_ad_break",
        OUTPUT,
        "1 while a rendition's live edge is in an ad break by its playlist, also after the tag that began it has left the window.",
        |v, s| s.outputs(v, |o| o.ad_break.map(|within| if within { 1.0 } else { 0.0 })),
    ),
];

fn by_media(view: &View<'_>, series: &mut Series<'_>, counts: impl Fn(&OutputView<'_>) -> MediaCounts) {
    for output in &view.outputs {
        let MediaCounts { video, audio, text } = counts(output);
        series.set(&[output.name, "video"], count(video));
        series.set(&[output.name, "audio"], count(audio));
        series.set(&[output.name, "text"], count(text));
    }
}
