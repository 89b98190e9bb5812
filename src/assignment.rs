//! Assignment of channels to the exporters that share a database, by weighted rendezvous hashing.
//!
//! The assignment is a pure function of the channel and the live exporters, so that every exporter gives the same answer. An
//! exporter that goes away moves only its own channels; one that comes back gets back the same ones, spread over a minute.

use packager_media::units::Seconds;
use ring::digest::{SHA256, digest};

/// Time over which the channels of an exporter that joins move to it.
const RETURN_OVER: f64 = 60.0;
/// Exporters that joined within this time in seconds after the oldest one started together with it: their channels wait
/// for nothing.
const START_TOGETHER: f64 = 30.0;

/// An exporter that takes channels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LiveExporter {
    /// Host and port under which Prometheus reaches the exporter.
    pub address: String,
    /// The exporter's `--probe.name`: it takes only the channels of that probe. `None`: it takes channels of every probe.
    pub probe: Option<String>,
    /// Share of the channels that it takes, relative to the shares of the others. It is above 0.
    pub weight: f64,
    /// Time since the exporter joined.
    pub age: Seconds,
}

/// Returns the exporter that probes the channels with the key `key`: the code of one channel, or the packager of several
/// that stay together. `probe` is the name of the probe that the channels belong to, if they belong to one. `None`: no
/// exporter takes channels of that probe.
#[must_use]
pub(crate) fn assigned<'a>(key: &str, probe: Option<&str>, exporters: &'a [LiveExporter]) -> Option<&'a LiveExporter> {
    let takes = |exporter: &&LiveExporter| exporter.probe.as_deref().is_none_or(|own| Some(own) == probe);
    let candidates = || exporters.iter().filter(takes).map(|exporter| Candidate::new(key, exporter));
    let oldest = candidates().map(|candidate| candidate.exporter.age.0).fold(0.0, f64::max);
    let best = |a: &Candidate<'_>, b: &Candidate<'_>| a.score.total_cmp(&b.score);
    candidates().filter(|candidate| candidate.may_take(oldest)).max_by(best).map(|candidate| candidate.exporter)
}

/// An exporter as a candidate for one key.
struct Candidate<'a> {
    exporter: &'a LiveExporter,
    score: f64,
    /// Time in seconds after which the exporter, once it has joined, takes the key.
    waits: f64,
}

impl<'a> Candidate<'a> {
    fn new(key: &str, exporter: &'a LiveExporter) -> Self {
        let digest = digest(&SHA256, format!("{}\n{key}", exporter.address).as_bytes());
        let (place, wait) = digest.as_ref().split_at(8);
        // Weighted rendezvous hashing: each exporter wins its weight's share of all keys.
        let score = exporter.weight / -unit(number(place)).ln();
        Self { exporter, score, waits: unit(number(wait)) * RETURN_OVER }
    }

    /// Returns whether the exporter takes the key now. `oldest` is the longest time in seconds since an exporter joined.
    fn may_take(&self, oldest: f64) -> bool {
        let age = self.exporter.age.0;
        age >= self.waits || oldest - age <= START_TOGETHER
    }
}

/// Returns a hash that is the same on every machine and in every version, so that all exporters make the same shards.
pub(crate) fn hash(text: &str) -> u64 {
    number(digest(&SHA256, text.as_bytes()).as_ref())
}

/// Returns the number that the first eight bytes are in big-endian order.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Maps a hash to a number between 0 and 1, which is neither.
fn unit(hash: u64) -> f64 {
    ((hash >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const CHANNELS: usize = 5000;

    fn exporter(name: &str, weight: f64, age: f64) -> LiveExporter {
        LiveExporter { address: format!("{name}:10115"), probe: None, weight, age: Seconds(age) }
    }

    fn settled(names: &[&str]) -> Vec<LiveExporter> {
        names.iter().map(|name| exporter(name, 1.0, 3600.0)).collect()
    }

    /// Returns the address of each channel's exporter.
    fn spread(exporters: &[LiveExporter]) -> Vec<&str> {
        let codes = (0..CHANNELS).map(|n| format!("CH_{n:04}"));
        codes.map(|code| assigned(&code, None, exporters).unwrap().address.as_str()).collect()
    }

    fn shares<'a>(spread: &[&'a str]) -> BTreeMap<&'a str, f64> {
        let mut shares = BTreeMap::new();
        spread.iter().for_each(|address| *shares.entry(*address).or_default() += 1.0 / CHANNELS as f64);
        shares
    }

    #[test]
    fn a_hash_is_the_first_eight_bytes_of_sha_256() {
        assert_eq!(hash("abc"), 0xba78_16bf_8f01_cfea);
        assert!(unit(0) > 0.0 && unit(u64::MAX) < 1.0);
    }

    #[test]
    fn exporters_take_shares_by_their_weights() {
        let equal = settled(&["a", "b", "c"]);
        let spread_equally = spread(&equal);
        assert!(shares(&spread_equally).values().all(|share| (share - 1.0 / 3.0).abs() < 0.02), "{spread_equally:?}");
        let weighted = [exporter("a", 1.0, 3600.0), exporter("b", 2.0, 3600.0), exporter("c", 5.0, 3600.0)];
        let spread_by_weight = spread(&weighted);
        for (address, share) in shares(&spread_by_weight) {
            let weight = weighted.iter().find(|exporter| exporter.address == address).unwrap().weight;
            assert!((share - weight / 8.0).abs() < 0.02, "{address}: {share}");
        }
    }

    #[test]
    fn only_the_channels_of_an_exporter_that_went_away_move() {
        let (three, two) = (settled(&["a", "b", "c"]), settled(&["a", "c"]));
        let (before, after) = (spread(&three), spread(&two));
        for (before, after) in before.iter().zip(&after) {
            assert!(before == after || *before == "b:10115", "{before} → {after}");
        }
        let moved = before.iter().zip(&after).filter(|(before, _)| **before == "b:10115");
        let to_a = moved.clone().filter(|(_, after)| **after == "a:10115").count();
        let share = to_a as f64 / moved.count() as f64;
        assert!((0.45..0.55).contains(&share), "both others take over: {share}");
    }

    #[test]
    fn the_order_of_the_exporters_does_not_matter() {
        assert_eq!(spread(&settled(&["a", "b", "c"])), spread(&settled(&["c", "a", "b"])));
    }

    #[test]
    fn channels_come_back_over_a_minute_and_each_moves_once() {
        let all = settled(&["a", "b", "c"]);
        let end = spread(&all);
        let of_b = end.iter().filter(|address| **address == "b:10115").count();
        let mut before = vec!["b:10115"; 0];
        let mut largest = 0;
        let returning: Vec<Vec<LiveExporter>> = (0..=60)
            .step_by(10)
            .map(|age| vec![exporter("a", 1.0, 3600.0), exporter("b", 1.0, f64::from(age)), exporter("c", 1.0, 3600.0)])
            .collect();
        for exporters in &returning {
            let now = spread(exporters);
            let came = |after: &[&str]| after.iter().filter(|address| **address == "b:10115").count();
            if !before.is_empty() {
                largest = largest.max(came(&now) - came(&before));
                for (before, now) in before.iter().zip(&now) {
                    assert!(before == now || *now == "b:10115", "{before} → {now}");
                }
            }
            before = now;
        }
        assert_eq!(before, end, "after a minute all are back");
        assert!(largest < of_b / 4, "at most a quarter of {of_b} in ten seconds: {largest}");
    }

    #[test]
    fn exporters_that_start_together_wait_for_nothing() {
        let young = [exporter("a", 1.0, 25.0), exporter("b", 1.0, 0.0)];
        let old = [exporter("a", 1.0, 3600.0), exporter("b", 1.0, 3600.0)];
        assert_eq!(spread(&young), spread(&old));
        let alone = [exporter("a", 1.0, 0.0)];
        assert!(spread(&alone).iter().all(|address| *address == "a:10115"));
    }

    #[test]
    fn an_exporter_with_a_probes_name_takes_channels_of_that_probe_alone() {
        let edge = LiveExporter { probe: Some("EDGE".to_owned()), ..exporter("edge", 1.0, 3600.0) };
        let named = [edge];
        fn address(probe: Option<&str>, exporters: &[LiveExporter]) -> Option<String> {
            assigned("CH_1", probe, exporters).map(|exporter| exporter.address.clone())
        }
        assert_eq!(address(Some("EDGE"), &named), Some("edge:10115".to_owned()));
        assert_eq!((address(Some("OTHER"), &named), address(None, &named)), (None, None));
        assert_eq!(address(Some("OTHER"), &settled(&["any"])), Some("any:10115".to_owned()));
        assert_eq!(address(None, &[]), None);
    }
}
