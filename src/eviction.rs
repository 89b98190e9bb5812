//! Bounds on memories that are keyed by what others name: the entry that was unused for longest goes first.

use std::collections::HashMap;
use std::hash::Hash;

/// Removes the entries that were used longest ago until `most` are left. `used` returns when an entry was last used; the entry of
/// `kept` stays.
pub(crate) fn evict<K: Clone + Eq + Hash, V, T: Ord>(
    entries: &mut HashMap<K, V>,
    most: usize,
    kept: Option<&K>,
    used: impl Fn(&V) -> T,
) {
    while entries.len() > most {
        let others = entries.iter().filter(|(key, _)| Some(*key) != kept);
        let Some(oldest) = others.min_by_key(|(_, entry)| used(entry)).map(|(key, _)| key.clone()) else { return };
        entries.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entries_that_were_unused_for_longest_go_and_the_kept_one_stays() {
        let mut entries = HashMap::from([("a", 1), ("b", 2), ("c", 3), ("d", 4)]);
        evict(&mut entries, 2, Some(&"a"), |used| *used);
        assert_eq!(entries, HashMap::from([("a", 1), ("d", 4)]));
        evict(&mut entries, 0, Some(&"a"), |used| *used);
        assert_eq!(entries, HashMap::from([("a", 1)]));
    }
}
