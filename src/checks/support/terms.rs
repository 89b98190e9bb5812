//! Terms of HLS and of DASH for the same things, so that a finding uses the words that are in the manifest.

use packager_media::stream::Protocol;

/// Terms of one protocol, HLS or DASH.
#[derive(Debug, Clone, Copy)]
pub(in crate::checks) struct Terms {
    /// Tag or element that declares a video rendition.
    pub variant: &'static str,
    pub bandwidth: &'static str,
    pub codecs: &'static str,
    pub resolution: &'static str,
    pub frame_rate: &'static str,
    pub channels: &'static str,
    pub supplemental_codecs: &'static str,
    pub video_range: &'static str,
    /// Tag or attribute with the declared duration of a segment.
    pub segment_duration: &'static str,
    /// Tag or element that names an initialization segment.
    pub initialization: &'static str,
    /// Tag or element that announces that the next segment doesn't continue the previous one.
    pub discontinuity: &'static str,
}

const HLS: Terms = Terms {
    variant: "EXT-X-STREAM-INF",
    bandwidth: "BANDWIDTH",
    codecs: "CODECS",
    resolution: "RESOLUTION",
    frame_rate: "FRAME-RATE",
    channels: "CHANNELS",
    supplemental_codecs: "SUPPLEMENTAL-CODECS",
    video_range: "VIDEO-RANGE",
    segment_duration: "EXTINF",
    initialization: "EXT-X-MAP",
    discontinuity: "EXT-X-DISCONTINUITY",
};

const DASH: Terms = Terms {
    variant: "the Representation",
    bandwidth: "@bandwidth",
    codecs: "@codecs",
    resolution: "@width and @height",
    frame_rate: "@frameRate",
    channels: "AudioChannelConfiguration",
    supplemental_codecs: "@scte214:supplementalCodecs",
    video_range: "TransferCharacteristics",
    segment_duration: "its duration in the MPD",
    initialization: "Initialization",
    discontinuity: "a new Period",
};

/// Returns the terms of the protocol `protocol`, as messages use them.
pub(in crate::checks) const fn terms(protocol: Protocol) -> &'static Terms {
    match protocol {
        Protocol::Hls => &HLS,
        Protocol::Dash => &DASH,
    }
}
