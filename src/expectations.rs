//! What a channel and its template promise viewers: the ladder, and the thresholds that checks compare with.

use packager_media::stream::Resolution;
use packager_media::units::BitsPerSecond;
use serde::{Deserialize, Serialize};

/// Promises of one channel: its own attributes, and a ladder, which is the channel's own or that of its template.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Expectations {
    /// Whether the channel is LIVE: its playlists never end.
    pub live: bool,
    /// Resolution of the highest rung. `None`: the channel promises none.
    pub resolution: Option<Resolution>,
    /// Frame rate of the highest rung, in frames per second. `None`: the channel promises none.
    pub frame_rate: Option<f64>,
    /// Video codec: `h264`, `hevc` or `av1`. `None`: the channel promises none.
    pub codec: Option<String>,
    /// Whether the channel is HDR. `None`: the channel doesn't say.
    pub hdr: Option<bool>,
    pub ladder: ExpectedLadder,
}

/// The renditions that a template promises; a channel may override them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectedLadder {
    /// Promised video rungs, in any order.
    pub video: Vec<ExpectedRung>,
    /// Languages of the promised audio renditions (BCP 47).
    pub audio_languages: Vec<String>,
    /// Languages of the promised subtitle renditions (BCP 47).
    pub text_languages: Vec<String>,
    /// Number of video rungs below which the channel counts as unwatchable (critical). `None`: no such bound.
    pub minimum_video: Option<u32>,
}

/// One video rung of a promised ladder. An attribute that is `None` is not compared.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectedRung {
    pub resolution: Option<Resolution>,
    pub bandwidth: Option<BitsPerSecond>,
    /// Allowed distance of the declared bandwidth from `bandwidth`, as a ratio of `bandwidth`.
    pub bandwidth_tolerance: Option<f64>,
    /// Text that the rung's CODECS value must begin with, such as `avc1` or `hvc1`.
    pub codec: Option<String>,
    /// Frame rate of the rung in frames per second.
    pub frame_rate: Option<f64>,
}

/// Thresholds that are columns of the database table `templates`. Checks read them from here, not from their own
/// parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// Expected duration of a segment in seconds. `None`: segment durations are not compared with a target.
    pub segment_duration_target: Option<f64>,
    /// Allowed distance of a segment's duration from `segment_duration_target`, as a ratio of the target.
    pub segment_duration_tolerance: f64,
    /// Longest allowed download time of a segment, in seconds.
    pub max_download_time: f64,
    /// Lowest allowed estimated mean opinion score (MOS) of the top rung, 1 to 5; `mos_low` fails below it. `None`: the score is not
    /// compared with a fixed bound.
    pub min_mos: Option<f64>,
    /// Target loudness in LUFS. `None`: loudness is not judged.
    pub loudness_target: Option<f64>,
    /// Allowed distance of the loudness from `loudness_target`, in LU. `None`: 2 LU.
    pub loudness_tolerance: Option<f64>,
    /// Highest allowed degree of macroblocking, 0 to 1. `None`: macroblocking is not judged.
    pub macroblocking_threshold: Option<f64>,
    /// Time in milliseconds from which a frozen picture is reported. `None`: 1,000 ms.
    pub freeze_threshold_ms: Option<f64>,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            segment_duration_target: None,
            segment_duration_tolerance: 0.1,
            max_download_time: 2.0,
            min_mos: None,
            loudness_target: None,
            loudness_tolerance: None,
            macroblocking_threshold: None,
            freeze_threshold_ms: None,
        }
    }
}
