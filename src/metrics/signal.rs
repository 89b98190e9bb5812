//! Gauges of picture and sound, for `/probe`.

use super::series::flag;
use super::{Gauge, OUTPUT, RENDITION, gauge};

/// Gauges of the picture and sound of each output and rendition. Which renditions are decoded, and how often, docs/signal.md says.
pub(crate) const GAUGES: &[Gauge] = &[
    gauge(
        "packager_signal_seconds_inspected",
        RENDITION,
        "Seconds of media that were decoded within the last 30 minutes. Picture and sound are decoded in samples, \
         as the template's `signal` says. Absent if nothing was decoded, or too long ago.",
        |v, s| s.renditions(v, |r| r.signal.signal_seconds_inspected),
    ),
    gauge(
        "packager_signal_still_suspected",
        OUTPUT,
        "1 while the picture looks as if it stood still, were black or one flat picture: in the newest inspected segment of each \
         H.264 or HEVC rendition, three quarters of the P and B pictures are as small as repetitions. It is a suspicion without \
         decoding and no verdict: slides, test cards and a talk with hardly any movement have 1 too. A decode in the same probe or \
         the next one confirms or refutes it if ffmpeg is there. Absent if a rendition doesn't look so, and if no segment with such \
         pictures was inspected whole.",
        |v, s| s.outputs(v, |o| o.signal_still_suspected.filter(|suspected| *suspected).and_then(flag)),
    ),
    gauge(
        "packager_signal_freeze_seconds",
        RENDITION,
        "Seconds for which the picture hasn't changed, up to the end of the newest decoded media; 0 if it moves \
         there. In samples it is a lower bound. Absent without decoded pictures.",
        |v, s| s.renditions(v, |r| r.signal.signal_freeze_seconds),
    ),
    gauge(
        "packager_signal_black_seconds",
        RENDITION,
        "Seconds for which the picture has been black, up to the end of the newest decoded media; 0 if it isn't \
         there. In samples it is a lower bound. Absent without decoded pictures.",
        |v, s| s.renditions(v, |r| r.signal.signal_black_seconds),
    ),
    gauge(
        "packager_signal_single_color_seconds",
        RENDITION,
        "Seconds for which the picture has had one colour other than black, or has been colour bars, up to the \
         end of the newest decoded media; 0 if it isn't so there. In samples it is a lower bound. Absent without \
         decoded pictures.",
        |v, s| s.renditions(v, |r| r.signal.signal_single_color_seconds),
    ),
    gauge(
        "packager_signal_silence_seconds",
        RENDITION,
        "Seconds of silence in all channels of the sound: digital silence in AAC frames up to the end of the \
         newest inspected segment, or decoded sound below -60 dBFS, whichever is longer. 0 if the sound isn't \
         silent. With several audio tracks it is that of the longest silence. Absent without AAC sound and \
         without decoded sound.",
        |v, s| s.renditions(v, |r| r.signal.signal_silence_seconds),
    ),
    gauge(
        "packager_signal_channel_silence_seconds",
        RENDITION,
        "Seconds of decoded media for which a front channel (left, right or centre) has been silent beside \
         channels with sound, up to the end of the newest decoded media. It is that of the longest silence. \
         Absent without decoded sound of several channels.",
        |v, s| s.renditions(v, |r| r.signal.signal_channel_silence_seconds),
    ),
    gauge(
        "packager_signal_loudness_lufs",
        RENDITION,
        "Programme loudness of the first audio stream in LUFS (ITU-R BS.1770-4), pooled from all decodes of the \
         last 3 hours, one a minute at most. Absent before there are 20 with 180 s of sound.",
        |v, s| s.renditions(v, |r| r.signal.signal_loudness_lufs),
    ),
    gauge(
        "packager_signal_loudness_short_term_lufs",
        RENDITION,
        "Loudest 3 s of the first audio stream in the newest decode, in LUFS (EBU Tech 3341). Absent without 3 s \
         of decoded sound.",
        |v, s| s.renditions(v, |r| r.signal.signal_loudness_short_term_lufs),
    ),
    gauge(
        "packager_signal_true_peak_dbtp",
        RENDITION,
        "Highest true peak of the sound in the newest decode, in dBTP (ITU-R BS.1770-4). Absent without decoded \
         sound, and for digital silence.",
        |v, s| s.renditions(v, |r| r.signal.signal_true_peak_dbtp),
    ),
    gauge(
        "packager_signal_clipped_ratio",
        RENDITION,
        "Share of the samples in the newest decode that are clipped: 0 to 1. Absent without decoded sound.",
        |v, s| s.renditions(v, |r| r.signal.signal_clipped_ratio),
    ),
    gauge(
        "packager_signal_macroblocking_ratio",
        RENDITION,
        "Degree of visible block edges in the newest decode: 0 to 1. docs/signal.md says how it is measured. \
         Absent without decoded pictures.",
        |v, s| s.renditions(v, |r| r.signal.signal_macroblocking_ratio),
    ),
    gauge(
        "packager_signal_spatial_information",
        RENDITION,
        "Spatial information of the pictures in the newest decode (ITU-T P.910), in units of 8-bit luma. Absent \
         without decoded pictures.",
        |v, s| s.renditions(v, |r| r.signal.signal_spatial_information),
    ),
    gauge(
        "packager_signal_temporal_information",
        RENDITION,
        "Temporal information of the pictures in the newest decode (ITU-T P.910), in units of 8-bit luma. Absent \
         without two decoded pictures.",
        |v, s| s.renditions(v, |r| r.signal.signal_temporal_information),
    ),
    gauge(
        "packager_video_quantizer",
        RENDITION,
        "Mean quantizer (QP) of the P and B slices in the newest inspected segment of an H.264 or HEVC rendition, by the slice \
         headers: a larger one is coarser. Encoders use the scale in different ways, so compare a rendition with itself. Absent \
         for other codecs, and if no slice header can be read.",
        |v, s| s.renditions(v, |r| r.video.video_quantizer),
    ),
    gauge(
        "packager_video_mos",
        &["output", "rendition", "method"],
        "Estimated mean opinion score of the picture, 1 (bad) to 5 (excellent), calibrated on VMAF (1 + VMAF / 25); it is not \
         ITU-T P.1203. Method qp+si: quantizer, spatial and temporal information of the newest decode, for the rendition that \
         is decoded. Method qp: quantizer of the newest inspected segment, for the top rung; mos_low judges all. It shows a \
         fall against the rendition's own past; docs/signal.md has its errors. Absent where packager_video_quantizer is.",
        |v, s| s.kinds(v, |r| [("qp", r.video_mos.qp.filter(|_| r.is_top)), ("qp+si", r.video_mos.qp_si)]),
    ),
    gauge(
        "packager_signal_thumbnail_age_seconds",
        RENDITION,
        "Age in seconds of the rendition's thumbnail. Absent without a thumbnail.",
        |v, s| s.renditions(v, |r| r.signal.signal_thumbnail_age_seconds),
    ),
];
