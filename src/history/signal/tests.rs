use super::*;
use crate::facts::CodedAmount;
use crate::testing;
use packager_signal::NotDecoded;
use packager_signal::Span;
use packager_signal::sound::{Position, Sound};

const FOLLOW_UP: FollowUp = FollowUp {
    freeze: Seconds(1.0),
    recovery: Seconds(10.0),
    critical: Seconds(30.0),
    blocks: Some(0.3),
    clipped: 0.01,
};

fn at(seconds: f64) -> Timestamp {
    Seconds(seconds).after(Timestamp::UNIX_EPOCH)
}

fn frozen() -> Decoded {
    let mut decoded = testing::decoded(2.0, -23.0);
    decoded.pictures.as_mut().unwrap().frozen = vec![Span { start: 0.0, end: 2.0 }];
    decoded
}

fn decoded(pieces: &[(u64, f64)]) -> SignalHistory {
    let mut signal = SignalHistory::default();
    pieces.iter().for_each(|(number, when)| signal.take(&testing::decoded_facts(*number, at(*when), frozen())));
    signal
}

fn freeze(signal: &SignalHistory) -> f64 {
    signal.picture.as_ref().unwrap().frozen.now().0
}

#[test]
fn a_segment_that_is_decoded_twice_counts_once() {
    let signal = decoded(&[(1, 2.0), (2, 4.0), (2, 5.0), (1, 6.0)]);
    assert_eq!(freeze(&signal), 4.0);
    assert!(signal.needs_follow_up(&FOLLOW_UP, at(5.0)));
}

#[test]
fn lower_numbers_after_a_minute_are_another_origin() {
    let mut signal = decoded(&[(100, 200.0), (101, 202.0)]);
    signal.take(&testing::decoded_facts(60, at(261.0), testing::decoded(2.0, -23.0)));
    assert_eq!(freeze(&signal), 4.0, "an edge may be behind by seconds");
    signal.take(&testing::decoded_facts(61, at(263.0), testing::decoded(2.0, -23.0)));
    assert_eq!(freeze(&signal), 0.0);
    assert_eq!(signal.seconds_decoded(at(263.0)), Seconds(2.0));
}

#[test]
fn each_audio_stream_keeps_its_own_state() {
    let piece = |number: u64, streams: &[(u32, bool)]| {
        let mut decoded = testing::decoded(2.0, -23.0);
        let sound = decoded.sounds.remove(0);
        decoded.sounds.extend(streams.iter().map(|(stream, is_silent)| {
            let silent = if *is_silent { vec![Span { start: 0.0, end: 2.0 }] } else { Vec::new() };
            Sound { stream: Some(*stream), silent, ..sound.clone() }
        }));
        testing::decoded_facts(number, at(2.0 * number as f64), decoded)
    };
    let mut signal = SignalHistory::default();
    signal.take(&piece(1, &[(257, false), (258, true)]));
    signal.take(&piece(2, &[(258, true)]));
    assert_eq!(signal.sounds()[0].silent.now(), Seconds(4.0));
    signal.take(&piece(3, &[(257, false), (258, true)]));
    assert_eq!([0, 1].map(|n| signal.sounds()[n].silent.now()), [Seconds(0.0), Seconds(6.0)]);
}

#[test]
fn a_programme_in_fewer_channels_than_its_layout_has_no_dead_channel() {
    let dead_for = |silent: &[Position], short: &[Position]| {
        use Position::{Center, Left, LeftSurround, LowFrequency, Right, RightSurround};
        let mut signal = SignalHistory::default();
        let mut decoded = testing::decoded(2.0, -23.0);
        let channel = decoded.sounds[0].channels[0].clone();
        let layout = [Left, Right, Center, LowFrequency, LeftSurround, RightSurround];
        decoded.sounds[0].channels = layout
            .map(|position| {
                let start = if short.contains(&position) { 1.4 } else { 0.0 };
                let dead = if silent.contains(&position) { vec![Span { start, end: 2.0 }] } else { Vec::new() };
                packager_signal::sound::Channel { position, dead, ..channel.clone() }
            })
            .into();
        signal.take(&testing::decoded_facts(1, at(2.0), decoded));
        signal.sounds()[0].dead_channel(Seconds(10.0)).map(|(position, _)| position)
    };
    let dead = |silent: &[Position]| dead_for(silent, &[]);
    use Position::{Center, Left, LeftSurround, LowFrequency, Right, RightSurround};
    assert_eq!(dead_for(&[Right, Left], &[Left]), Some(Right), "a pause of the other side is no mono");
    assert_eq!(dead_for(&[Center, LeftSurround, RightSurround], &[LeftSurround, RightSurround]), Some(Center));
    assert_eq!(dead(&[Center, LowFrequency, LeftSurround, RightSurround]), None, "stereo");
    assert_eq!(dead(&[Left, Right, LowFrequency, LeftSurround, RightSurround]), None, "mono");
    assert_eq!(dead(&[LowFrequency, LeftSurround, RightSurround]), None);
    assert_eq!(dead(&[Center]), Some(Center));
    assert_eq!(dead(&[Center, LeftSurround]), Some(Center));
    assert_eq!(dead(&[Right, LeftSurround, RightSurround]), Some(Right));
}

#[test]
fn the_same_still_picture_a_minute_later_is_one_freeze() {
    let gap = 66.0 - 2.0 - 2.0;
    assert_eq!(freeze(&decoded(&[(1, 2.0), (2, 4.0), (35, 70.0)])), 4.0 + gap + 2.0);
    assert_eq!(freeze(&decoded(&[(1, 2.0), (2, 4.0), (95, 190.0)])), 2.0, "after too long a time it is another one");
}

#[test]
fn only_numbers_that_begin_again_end_the_state() {
    let mut signal = decoded(&[(100, 200.0)]);
    assert!(!signal.is_behind(95, 99) && !signal.is_behind(90, 95), "an edge that is behind");
    assert!(!signal.is_behind(99, 99), "an edge that lists one segment");
    assert!(signal.is_behind(1, 5));
    signal.begin_again();
    assert!(signal.picture.is_none() && signal.thumbnail.is_some());
}

#[test]
fn a_picture_that_is_not_decoded_does_not_count_and_is_not_contiguous() {
    let mut signal = decoded(&[(1, 2.0)]);
    let failed = Decoded {
        pictures: None,
        pictures_failed: Some(NotDecoded::Deadline),
        thumbnail: None,
        ..testing::decoded(2.0, -23.0)
    };
    signal.take(&testing::decoded_facts(2, at(4.0), failed));
    assert!(signal.picture().is_none() && signal.sounds().len() == 1);
    assert_eq!((signal.picture_failed(), signal.sound_failed()), (Some(Undecoded::TooSlow), None));
    let mut end = frozen();
    end.pictures.as_mut().unwrap().frozen = vec![Span { start: 0.0, end: 1.0 }];
    signal.take(&testing::decoded_facts(3, at(6.0), end));
    let longest = signal.picture().unwrap().frozen.longest(Seconds(10.0)).unwrap();
    assert!(longest.at_least, "nobody saw the second piece");
    assert_eq!(longest.duration, Seconds(2.0));
}

#[test]
fn sound_that_is_not_decoded_does_not_count() {
    let mut signal = decoded(&[(1, 2.0)]);
    let failed = Decoded {
        sounds: Vec::new(),
        sound_failed: Some(NotDecoded::Stopped(String::new())),
        ..testing::decoded(2.0, -23.0)
    };
    signal.take(&testing::decoded_facts(2, at(4.0), failed));
    assert!(signal.picture().is_some() && signal.sounds().is_empty());
    assert_eq!(signal.sound_failed(), Some(Undecoded::Failed));
}

#[test]
fn a_fault_is_followed_up_as_the_template_reports_it() {
    let mut short = frozen();
    short.pictures.as_mut().unwrap().frozen = vec![Span { start: 0.5, end: 1.1 }];
    let mut signal = SignalHistory::default();
    signal.take(&testing::decoded_facts(1, at(2.0), short));
    assert!(!signal.needs_follow_up(&FOLLOW_UP, at(10.0)));
    assert!(signal.needs_follow_up(&FollowUp { freeze: Seconds(0.5), ..FOLLOW_UP }, at(10.0)));
    let mut ended = decoded(&[(1, 2.0)]);
    (2..=11).for_each(|n| ended.take(&testing::decoded_facts(n, at(n as f64 * 2.0), testing::decoded(2.0, -23.0))));
    assert!(!ended.needs_follow_up(&FOLLOW_UP, at(24.0)));
    assert!(ended.needs_follow_up(&FollowUp { recovery: Seconds(60.0), ..FOLLOW_UP }, at(24.0)));
}

#[test]
fn a_fault_that_stays_leaves_turns_to_others() {
    let pieces: Vec<_> = (1..=20).map(|n| (n, n as f64 * 2.0)).collect();
    let signal = decoded(&pieces);
    let follow_up = |seconds| signal.needs_follow_up(&FOLLOW_UP, at(40.0 + seconds));
    assert!(!follow_up(15.0) && follow_up(45.0), "it is critical already");
    assert!(!follow_up(200.0), "its rendition may not be chosen any more");
}

#[test]
fn blocks_and_clipping_are_followed_up_once_a_minute() {
    let mut blocks = testing::decoded(2.0, -23.0);
    blocks.pictures.as_mut().unwrap().visible_blocks = vec![0.1; 10];
    let mut clipped = testing::decoded(2.0, -23.0);
    clipped.sounds[0].clipped = 0.2;
    for piece in [blocks, clipped] {
        let mut signal = SignalHistory::default();
        signal.take(&testing::decoded_facts(1, at(0.0), piece));
        assert!(!signal.needs_follow_up(&FOLLOW_UP, at(15.0)) && signal.needs_follow_up(&FOLLOW_UP, at(45.0)));
        signal.take(&testing::decoded_facts(9, at(46.0), testing::decoded(2.0, -23.0)));
        assert!(!signal.needs_follow_up(&FOLLOW_UP, at(95.0)), "it is settled");
    }
}

#[test]
fn another_layout_keeps_silence_and_loudness() {
    let mut signal = SignalHistory::default();
    for n in 1..=2 {
        let mut piece = testing::decoded(2.0, -23.0);
        piece.sounds[0].silent = vec![Span { start: 0.0, end: 2.0 }];
        piece.sounds[0].channels.truncate(n);
        signal.take(&testing::decoded_facts(n as u64, at(n as f64 * 60.0), piece));
    }
    let sound = &signal.sounds()[0];
    assert_eq!((sound.silent.now(), sound.channels.len()), (Seconds(4.0), 2));
    assert!(sound.loudness.integrated(at(120.0), 2, Seconds(4.0)).is_some());
}

#[test]
fn a_piece_without_sound_does_not_end_a_dead_channel() {
    let mut signal = SignalHistory::default();
    for n in 1..=3 {
        let mut piece = testing::decoded(2.0, -23.0);
        piece.sounds[0].sounding = if n == 2 { 0.0 } else { 2.0 };
        piece.sounds[0].channels[1].dead = if n == 2 { Vec::new() } else { vec![Span { start: 0.0, end: 2.0 }] };
        signal.take(&testing::decoded_facts(n, at(n as f64 * 2.0), piece));
    }
    assert_eq!(signal.sounds()[0].channels[1].dead.now(), Seconds(4.0));
}

#[test]
fn loudness_takes_one_sample_a_minute() {
    let signal = decoded(&[(1, 0.0), (2, 2.0), (3, 15.0), (4, 60.0)]);
    let loudness = &signal.sounds()[0].loudness;
    assert!(loudness.integrated(at(60.0), 2, Seconds(4.0)).is_some());
    assert_eq!(loudness.integrated(at(60.0), 3, Seconds(0.0)), None);
    assert_eq!(loudness.integrated(at(60.0), 2, Seconds(5.0)), None);
}

#[test]
fn media_of_which_a_decoder_gets_nothing_are_decoded_again_at_once_and_then_rarely() {
    let nothing = || Decoded {
        pictures: None,
        pictures_failed: Some(NotDecoded::Nothing("no frame!".to_owned())),
        ..testing::decoded(2.0, -23.0)
    };
    let coded = CodedAmount { pictures: Some(50), sound: Some(Seconds(2.0)) };
    let facts = |n, signal| DecodedFacts { coded, ..testing::decoded_facts(n, at(2.0 * n as f64), signal) };
    let mut signal = SignalHistory::default();
    signal.take(&facts(1, nothing()));
    assert_eq!(signal.undecodable_picture(), Undecodable { pieces: 1, share: Some(0.0) });
    assert_eq!(signal.undecodable_sound(), Undecodable { pieces: 0, share: Some(1.0) });
    assert!(signal.needs_follow_up(&FOLLOW_UP, at(4.0)));
    signal.take(&facts(2, nothing()));
    assert!(!signal.needs_follow_up(&FOLLOW_UP, at(10.0)) && signal.needs_follow_up(&FOLLOW_UP, at(60.0)));
    signal.take(&facts(3, testing::decoded(2.0, -23.0)));
    assert_eq!(signal.undecodable_picture().pieces, 0);
    assert!(!signal.needs_follow_up(&FOLLOW_UP, at(60.0)));
    signal.take(&facts(4, Decoded { cut: true, ..nothing() }));
    assert_eq!(signal.undecodable_picture().pieces, 1);
    let mut cut = Decoded { cut: true, ..testing::decoded(2.0, -23.0) };
    cut.pictures.as_mut().unwrap().count = 5;
    signal.take(&facts(5, cut));
    assert_eq!(
        signal.undecodable_picture(),
        Undecodable::default(),
        "a decode that was stopped shows less than it could"
    );
}

#[test]
fn pictures_of_which_all_is_concealed_were_not_decoded() {
    let concealed = |share: f64| {
        let mut decoded = testing::decoded(2.0, -23.0);
        decoded.pictures.as_mut().unwrap().concealed = Some(share);
        let coded = CodedAmount { pictures: Some(50), sound: None };
        let mut signal = SignalHistory::default();
        signal.take(&DecodedFacts { coded, ..testing::decoded_facts(1, at(2.0), decoded) });
        signal.undecodable_picture().share
    };
    assert_eq!([concealed(0.94), concealed(0.95)], [Some(1.0), Some(0.0)]);
}
