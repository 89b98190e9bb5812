//! All checks, and their runner. A check is one file: its metadata, parameters, function and tests; the list below has
//! its name. A check is a pure function from facts, history and template to violations: it never fetches, never reads a
//! clock, never logs.

#[macro_use]
mod macros;
mod alternatives;
mod context;
pub mod dash;
pub mod delivery;
pub mod hls;
pub mod ladder;
mod meta;
mod missing;
pub mod outputs;
pub mod over_time;
mod passed_segments;
mod runner;
pub mod segments;
pub(crate) mod support;
#[cfg(test)]
mod testing;
pub mod timeline;
mod verdict;

pub use context::CheckContext;
pub use meta::{CheckDescription, CheckGroup, CheckMeta, CheckParameter, CheckScope};
pub use missing::MissingInput;
pub use runner::run;
use verdict::RawOutcome;
pub use verdict::{CheckOutcome, CheckResult, CheckVerdict, Violation};

check_list! {
    delivery::manifest_unavailable,
    delivery::playable_renditions_missing,
    delivery::rendition_unavailable,
    delivery::segment_unavailable,
    delivery::byte_range_wrong,
    delivery::manifest_slow,
    delivery::segment_download_slow,
    delivery::content_type_wrong,
    delivery::cache_headers_wrong,
    delivery::cors_missing,
    delivery::manifest_uncompressed,
    delivery::certificate_expiring,
    delivery::content_steering_failed,
    delivery::live_ended,
    ladder::ladder_incomplete,
    ladder::ladder_attributes_invalid,
    ladder::ladder_groups_invalid,
    ladder::ladder_spacing_uneven,
    ladder::bandwidth_exceeded,
    ladder::bitrate_collapsed,
    ladder::ladder_changed,
    ladder::hdr_mismatch,
    dash::dash_syntax_error,
    dash::dash_mpd_stale,
    dash::dash_mpd_regressed,
    dash::dash_period_id_wrong,
    dash::dash_update_failed,
    dash::dash_event_stream_invalid,
    dash::dash_timeline_gap,
    dash::dash_time_mismatch,
    dash::dash_live_edge_unavailable,
    dash::dash_clock_wrong,
    dash::dash_buffer_depth_short,
    dash::dash_max_segment_duration_exceeded,
    dash::ll_dash_segment_unavailable,
    dash::ll_dash_chunks_late,
    dash::ll_dash_resync_wrong,
    dash::ll_dash_service_description_wrong,
    hls::hls_syntax_error,
    hls::hls_version_too_low,
    hls::hls_target_duration_exceeded,
    timeline::segment_duration_off_target,
    hls::hls_playlist_stale,
    hls::hls_media_sequence_regressed,
    hls::hls_media_sequence_jump,
    timeline::segment_rewritten,
    hls::hls_discontinuity_sequence_wrong,
    hls::hls_window_too_short,
    hls::hls_program_date_time_wrong,
    timeline::live_latency_high,
    timeline::live_edge_slow,
    timeline::discontinuity_excess,
    hls::hls_gap,
    timeline::rendition_skew,
    hls::hls_playlists_disagree,
    hls::hls_i_frame_playlist_broken,
    hls::hls_authoring_wrong,
    hls::ll_hls_part_duration_wrong,
    hls::ll_hls_parts_sum_mismatch,
    hls::ll_hls_hold_back_short,
    hls::ll_hls_preload_hint_wrong,
    hls::ll_hls_rendition_report_wrong,
    hls::ll_hls_blocking_reload_failed,
    hls::ll_hls_delta_update_wrong,
    segments::encryption_mismatch,
    segments::decryption_failed,
    segments::key_unavailable,
    segments::key_rotation_late,
    segments::drm_system_missing,
    segments::container_invalid,
    segments::ts_continuity_error,
    segments::ts_tables_invalid,
    segments::ts_pcr_wrong,
    segments::init_segment_invalid,
    segments::keyframe_missing,
    segments::parameter_sets_missing,
    segments::media_undecodable,
    hls::ll_hls_part_invalid,
    segments::timestamp_discontinuity,
    segments::segment_duration_mismatch,
    hls::hls_bitrate_mismatch,
    segments::av_out_of_sync,
    segments::tracks_missing,
    segments::captions_missing,
    segments::codec_mismatch,
    segments::dolby_vision_mismatch,
    segments::resolution_mismatch,
    segments::frame_rate_mismatch,
    segments::audio_channels_mismatch,
    segments::stream_parameters_changed,
    segments::renditions_misaligned,
    segments::picture_frozen,
    segments::picture_black,
    segments::picture_single_color,
    segments::macroblocking_high,
    segments::mos_low,
    segments::sound_silent,
    segments::sound_channel_silent,
    segments::sound_clipped,
    segments::loudness_off_target,
    segments::ad_marker_invalid,
    segments::ad_markers_mismatch,
    segments::hls_ad_breaks_overlap,
    segments::hls_ad_markers_differ,
    over_time::packager_restarted,
    over_time::origins_out_of_step,
    over_time::origin_switched,
    over_time::ad_break_stuck,
    outputs::output_skew,
    outputs::edges_out_of_step,
    outputs::output_ladders_differ,
}

#[cfg(test)]
mod tests {
    use super::testing::*;
    use super::*;
    use crate::finding::Severity;
    use packager_media::stream::{Protocol, RenditionReport, Resolution};
    use packager_media::units::BitsPerSecond;
    use std::collections::BTreeSet;

    #[test]
    fn the_folders_of_the_groups_equal_the_list() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/checks");
        let groups = ["dash", "delivery", "hls", "ladder", "outputs", "over_time", "segments", "timeline"];
        let files: BTreeSet<String> = groups
            .iter()
            .flat_map(|group| std::fs::read_dir(folder.join(group)).unwrap())
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .filter(|name| name != "mod")
            .collect();
        let listed: BTreeSet<String> = list().iter().map(|l| l.meta.id.to_owned()).collect();
        assert_eq!(files, listed);
        assert_eq!(listed.len(), list().len(), "an id stands twice");
    }

    #[test]
    fn an_id_is_the_name_of_its_file_and_of_its_setting() {
        let settings = serde_json::to_value(CheckSettings::default()).unwrap();
        let names: Vec<_> = settings.as_object().unwrap().keys().cloned().collect();
        assert_eq!(names, list().iter().map(|l| l.meta.id.to_owned()).collect::<Vec<_>>());
    }

    #[test]
    fn every_check_and_parameter_is_documented() {
        for CheckDescription { meta, parameters } in list() {
            assert!(meta.help.starts_with("fails when ") && !meta.help.contains("  "), "{}: {}", meta.id, meta.help);
            assert!(!meta.reference.is_empty(), "{}", meta.id);
            assert!(parameters.iter().all(|p| !p.help.is_empty()), "{}", meta.id);
        }
    }

    /// Makes a test input: a healthy channel with two rungs that were probed twice. Every check has all its input.
    fn healthy() -> Scene {
        let mut scene = Scene::low_latency();
        let report = |name: &str| {
            let uri = Some(url(&format!("{name}/index.m3u8")));
            RenditionReport { uri, last_segment: Some(16), last_part: Some(1), line: 31 }
        };
        scene.timeline().low_latency.reports = vec![report("720p"), report("second")];
        scene.thresholds.segment_duration_target = Some(2.0);
        scene.expected.resolution = Some(Resolution { width: 1280, height: 720 });
        scene.output.manifest.result.as_mut().unwrap().certificate_expiry = Some(time(1e7));
        scene.observe([dated(observation(-3, 9, 14), -15.0), dated(observation(-1, 10, 15), -13.0)]);
        scene.past().edge_since = Some(time(-1.0));
        let back = packager_media::stream::ads::Marker {
            kind: packager_media::stream::ads::MarkerKind::In,
            number: 10,
            line: 7,
        };
        scene.timeline().markers.push(back);
        for (n, segment) in scene.timeline().segments.iter_mut().enumerate() {
            segment.program_date_time = Some(time(-13.0 + 2.0 * n as f64));
        }
        scene.thresholds.loudness_target = Some(-23.0);
        (scene.thresholds.macroblocking_threshold, scene.thresholds.min_mos) = (Some(0.15), Some(3.5));
        scene.inspect_quantizers(&[22, 22]);
        let whole = || Decode { picture_share: Some(1.0), sound_share: Some(1.0), ..Decode::moving() };
        scene.decode_at((0..=10).rev().map(|minute| (-60.0 * f64::from(minute), whole())));
        scene.remember((10..16).map(|n| clocked(ts_segment(n, 2.0 * n as f64, 2.0))));
        let map = packager_media::stream::Map { uri: url("init.ts"), byte_range: None, key: None };
        let inspection = ts_segment(1, 0.0, 2.0).inspection;
        let init = crate::facts::InitFacts {
            map,
            fetched: answered("init.ts", "video/mp4"),
            inspection,
            decryption: None,
            digest: None,
            kept: None,
        };
        scene.rendition().inits = vec![std::sync::Arc::new(init)];
        scene.rendition().rendition.bandwidth = Some(BitsPerSecond(4000));
        let mut second = scene.rendition().clone();
        second.rendition.name = "second".to_owned();
        second.playlist = Some(answered("second/index.m3u8", "application/vnd.apple.mpegurl"));
        second.rendition.bandwidth = Some(BitsPerSecond(8000));
        scene.output.renditions.push(second);
        let past = scene.past().clone();
        scene.history.renditions.insert("second".to_owned(), past);
        scene.output.i_frames = vec![i_frames(scene.timeline().clone())];
        let rungs = [("video".to_owned(), 2)].into();
        let ladder = crate::history::LadderState {
            first_seen: time(-3.0),
            rungs,
            representations: None,
            has_sound: true,
            has_picture: true,
        };
        scene.history.ladders = vec![std::sync::Arc::new(ladder)];
        let inputs = crate::history::InputState { first_seen: time(-3.0), inputs: ["1".to_owned()].into() };
        scene.history.inputs = vec![std::sync::Arc::new(inputs)];
        scene
    }

    fn i_frames(timeline: packager_media::stream::Timeline) -> crate::facts::IFrameFacts {
        crate::facts::IFrameFacts {
            rendition: rendition("iframe-720p").rendition,
            playlist: Some(answered("720p/iframes.m3u8", "application/vnd.apple.mpegurl")),
            playlist_at: Some(time(0.0)),
            timeline: Some(packager_media::stream::Timeline { i_frames_only: true, ..timeline }),
            defects: Vec::new(),
            newest: None,
        }
    }

    fn clocked(mut segment: crate::facts::SegmentFacts) -> crate::facts::SegmentFacts {
        segment.segment.bit_rate = Some(BitsPerSecond(4000));
        segment.inspection.as_mut().unwrap().ts.as_mut().unwrap().pcr_count = 50;
        segment
    }

    #[test]
    fn a_healthy_channel_violates_nothing() {
        let outcomes = run(&healthy().context(), &CheckSettings::default());
        let wrong: Vec<_> = outcomes.iter().filter(|o| o.result != CheckResult::Ok).collect();
        // Browsers are expected only where a template says so; there are no subtitles, no byte ranges, no steering server and no
        // other output, and the history has two seconds.
        let not_run = |o: &&CheckOutcome| {
            o.result == CheckResult::NotRun
                && matches!(
                    o.check.id,
                    "cors_missing"
                        | "content_steering_failed"
                        | "byte_range_wrong"
                        | "live_edge_slow"
                        | "captions_missing"
                        | "decryption_failed"
                        | "key_unavailable"
                        | "key_rotation_late"
                        | "drm_system_missing"
                        | "dolby_vision_mismatch"
                        | "audio_channels_mismatch"
                        | "loudness_off_target"
                        | "output_skew"
                        | "edges_out_of_step"
                        | "output_ladders_differ"
                )
        };
        assert!(wrong.iter().all(not_run), "{wrong:#?}");
        let of_hls = list().iter().filter(|l| l.meta.scope.judges(Protocol::Hls)).count();
        assert_eq!(outcomes.len(), of_hls - 1, "all but hls_authoring_wrong, which is off by default");
    }

    #[test]
    fn checks_of_the_other_protocol_are_not_asked() {
        let mut scene = healthy();
        scene.become_dash();
        let asked: Vec<_> = run(&scene.context(), &CheckSettings::default()).iter().map(|o| o.check.id).collect();
        assert!(
            asked.contains(&"dash_syntax_error")
                && asked.contains(&"dash_mpd_stale")
                && !asked.contains(&"hls_syntax_error")
        );
    }

    #[test]
    fn a_hung_origin_fails_the_manifest_and_nothing_else_runs() {
        let mut scene = Scene::unreadable();
        scene.output.manifest = failed("master.m3u8", crate::facts::FailureKind::Timeout);
        let outcomes = run(&scene.context(), &CheckSettings::default());
        let ran: Vec<_> = outcomes.iter().filter(|o| o.result != CheckResult::NotRun).map(|o| o.check.id).collect();
        assert_eq!(ran, ["manifest_unavailable"]);
    }

    #[test]
    fn one_rendition_of_two_without_segments_is_no_outage() {
        let mut scene = healthy();
        let gone = |scene: &mut Scene, name: &str| {
            let past = scene.history.renditions.get_mut(name).unwrap();
            let newest = (**past.segments.last().unwrap()).clone();
            past.segments = vec![std::sync::Arc::new(with_status(newest, 404))];
        };
        let severity = |scene: &Scene| {
            let outcomes = run(&scene.context(), &CheckSettings::default());
            outcomes.iter().find(|o| o.check.id == "segment_unavailable").unwrap().severity
        };
        gone(&mut scene, "second");
        assert_eq!(severity(&scene), Severity::Major);
        gone(&mut scene, NAME);
        assert_eq!(severity(&scene), Severity::Critical);
    }

    #[test]
    fn a_template_switches_checks_off_and_sets_severities() {
        let yaml = "live_ended: { severity: minor }\nlive_latency_high: { enabled: false }\n";
        let settings: CheckSettings = serde_yaml::from_str(yaml).unwrap();
        let mut scene = Scene::live();
        scene.timeline().ended = true;
        let outcomes = run(&scene.context(), &settings);
        assert!(outcomes.iter().all(|o| o.check.id != "live_latency_high"));
        let ended = outcomes.iter().find(|o| o.check.id == "live_ended").unwrap();
        assert_eq!((ended.severity, ended.findings[0].severity), (Severity::Minor, Severity::Minor));
        assert!(serde_yaml::from_str::<CheckSettings>("live_ended: { max: 1 }").is_err());
        assert!(serde_yaml::from_str::<CheckSettings>("live_endet: {}").is_err());
    }
}
