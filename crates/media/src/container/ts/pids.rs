//! Table with the state of each PID, indexed by the PID. Its memory grows with the PIDs that a stream uses: all 8192 at
//! once would take 150 MB in 200 probes of four renditions.

use super::continuity;

/// Kind of data that the packets of a PID carry.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum PidRole {
    #[default]
    Unknown,
    Tables,
    /// The PID carries an elementary stream; the number is its index in the list of streams.
    Stream(u8),
    /// The PID carries an elementary stream that isn't read, because the list of streams is full.
    Ignored,
}

/// Role and continuity counter of one PID.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PidState {
    pub(super) role: PidRole,
    pub(super) continuity: continuity::ContinuityState,
}

/// Number of low bits of a 13-bit PID (ISO/IEC 13818-1 2.4.3.2) that are the index inside of a page of the table; the
/// high bits choose the page.
const PAGE_BITS: u32 = 6;
const PAGE_SIZE: usize = 1 << PAGE_BITS;
const PAGES: usize = 0x2000 / PAGE_SIZE;

type PidPage = Option<Box<[PidState; PAGE_SIZE]>>;

/// Pages with the states of PIDs; a page is allocated when the first of its PIDs is seen.
#[derive(Debug)]
pub(super) struct PidTable([PidPage; PAGES]);

impl Default for PidTable {
    fn default() -> Self {
        Self(std::array::from_fn(|_| None))
    }
}

impl PidTable {
    /// Returns the state of a PID; `None` when no PID of its table page was seen.
    #[must_use]
    pub(super) fn get(&self, pid: u16) -> Option<&PidState> {
        self.0.get(usize::from(pid >> PAGE_BITS))?.as_ref()?.get(index_in_page(pid))
    }

    /// Returns the state of a PID and allocates its table page; `None` for a number of more than 13 bits.
    #[inline]
    pub(super) fn entry(&mut self, pid: u16) -> Option<&mut PidState> {
        let page = self.0.get_mut(usize::from(pid >> PAGE_BITS))?;
        page.get_or_insert_with(new_page).get_mut(index_in_page(pid))
    }

    /// Iterates over the PIDs of allocated table pages and their states, in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, &PidState)> {
        let pages = (0..).step_by(PAGE_SIZE).zip(&self.0);
        pages.flat_map(|(first, page)| page.iter().flat_map(move |page| (first..).zip(page.iter())))
    }
}

/// Makes a table page. It isn't inlined: each packet passes the place that calls it, and nearly none needs it.
#[cold]
#[inline(never)]
fn new_page() -> Box<[PidState; PAGE_SIZE]> {
    Box::new([PidState::default(); PAGE_SIZE])
}

fn index_in_page(pid: u16) -> usize {
    usize::from(pid) % PAGE_SIZE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pid_has_its_own_state_and_only_used_pages_are_allocated() {
        let mut pids = PidTable::default();
        for pid in [0x1fff, 0, 0x1000, 0x100, 0x101] {
            pids.entry(pid).unwrap().continuity.check((pid % 16) as u8, false, 0);
        }
        let seen: Vec<_> =
            pids.iter().filter_map(|(n, pid)| pid.continuity.counter(n)).map(|c| (c.pid, c.last)).collect();
        assert_eq!(seen, [(0, 0), (0x100, 0), (0x101, 1), (0x1000, 0), (0x1fff, 15)]);
        assert_eq!(pids.0.iter().flatten().count(), 4);
        assert!(pids.get(0x800).is_none() && pids.entry(0x2000).is_none());
    }
}
