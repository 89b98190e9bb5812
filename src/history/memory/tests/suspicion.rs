//! Suspicions that a picture stands still, and the decodes that confirm or refute them.

use super::*;
use crate::facts::SignalFacts;
use crate::history::{FollowUp, SignalTurn};
use packager_media::codec::still::StillPictures;
use packager_media::container::Container;
use packager_signal::{Decoded, Span};

const FOLLOW_UP: FollowUp =
    FollowUp { freeze: Seconds(1.0), recovery: Seconds(10.0), critical: Seconds(30.0), blocks: None, clipped: 0.01 };
/// The rotation's turn comes once in five minutes, for the first time after ten minutes.
const INTERVAL: Seconds = Seconds(300.0);

/// Picture of a probe: how much of the coded picture is still, and what a decode shows.
struct Probe {
    still: u32,
    decoded: Option<Decoded>,
}

const MOVING: Probe = Probe { still: 3, decoded: None };
const STILL: Probe = Probe { still: 48, decoded: None };

fn frozen() -> Decoded {
    let mut decoded = testing::decoded(2.0, -23.0);
    decoded.pictures.as_mut().unwrap().frozen = vec![Span { start: 0.0, end: 2.0 }];
    decoded
}

/// Probes an output at this second, after the rotation was asked for its turn. Returns the turn.
fn probe(history: &History, second: i64, probe: Probe) -> Option<SignalTurn> {
    let delay = Seconds(600.0);
    let turn = history.signal_turn(&key(), at(second), RETENTION, INTERVAL, delay, &FOLLOW_UP);
    let number = 100 + second as u64 / 2;
    let mut inspected = testing::segment_facts(segment(number, ""), at(second));
    let mut inspection = testing::inspection(Container::MpegTs, 1);
    inspection.tracks = vec![testing::track(256, Media::Video)];
    inspection.tracks[0].still_pictures = Some(StillPictures { judged: 48, still: probe.still });
    inspected.inspection = Some(inspection);
    inspected.fetched = answered_after(Seconds::ZERO);
    let mut facts = facts(timeline(number - 2, 3, ""), second, vec![Arc::new(inspected)]);
    facts.signal = SignalFacts { attempted: probe.decoded.is_some(), ..SignalFacts::default() };
    let decoded = probe.decoded.map(|decoded| testing::decoded_facts(number, at(second), decoded));
    facts.renditions[0].decoded = decoded.map(Arc::new);
    history.record(&key(), &facts, at(second), RETENTION);
    turn
}

#[test]
fn a_suspicion_is_decoded_in_the_next_probe() {
    let history = History::new(10);
    assert_eq!([probe(&history, 0, MOVING), probe(&history, 10, STILL)], [None, None]);
    assert_eq!(probe(&history, 20, STILL), Some(SignalTurn::Suspected));
    assert_eq!(probe(&history, 30, MOVING), Some(SignalTurn::Suspected), "no decode had a turn");
    assert_eq!(probe(&history, 40, MOVING), None);
}

#[test]
fn a_refuted_suspicion_is_decoded_again_after_an_interval() {
    let history = History::new(10);
    probe(&history, 0, STILL);
    let moving = Probe { decoded: Some(testing::decoded(2.0, -23.0)), ..STILL };
    assert_eq!(probe(&history, 10, moving), Some(SignalTurn::Suspected));
    assert_eq!([20, 100, 300].map(|second| probe(&history, second, STILL)), [None; 3]);
    assert_eq!(probe(&history, 310, STILL), Some(SignalTurn::Suspected));
}

#[test]
fn a_confirmed_suspicion_and_a_decode_before_it_put_nothing_off() {
    let history = History::new(10);
    probe(&history, 0, Probe { decoded: Some(testing::decoded(2.0, -23.0)), ..MOVING });
    probe(&history, 10, STILL);
    assert_eq!(probe(&history, 20, Probe { decoded: Some(frozen()), ..STILL }), Some(SignalTurn::Suspected));
    assert_eq!(probe(&history, 30, STILL), Some(SignalTurn::Unsettled));
    let later = [probe(&history, 190, STILL), probe(&history, 200, MOVING)];
    assert_eq!(later, [None, Some(SignalTurn::Suspected)], "nothing was decoded for 150 s");
}

#[test]
fn a_suspicion_that_nothing_new_supports_ends() {
    let history = History::new(10);
    probe(&history, 0, STILL);
    let turn = |second| history.signal_turn(&key(), at(second), RETENTION, INTERVAL, Seconds(600.0), &FOLLOW_UP);
    assert_eq!([turn(119), turn(120)], [Some(SignalTurn::Suspected), None]);
}
