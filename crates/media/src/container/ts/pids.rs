//! What is known of each PID: found without a search, and no larger than the PIDs that a stream uses. With all 8192
//! kept at once, 200 probes of four renditions would hold 150 MB of them.

use super::continuity;

/// What a PID carries.
#[derive(Debug, Clone, Copy, Default)]
pub enum Role {
    #[default]
    Unknown,
    Tables,
    /// Index into the elementary streams.
    Stream(u8),
    /// More streams than are kept.
    Ignored,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Pid {
    pub role: Role,
    pub continuity: continuity::State,
}

/// PIDs have 13 bits (ISO/IEC 13818-1 2.4.3.2): the high ones choose the page, the low ones the place in it.
const PAGE_BITS: u32 = 6;
const PAGE: usize = 1 << PAGE_BITS;
const PAGES: usize = 0x2000 / PAGE;

type Page = Option<Box<[Pid; PAGE]>>;

/// A page is made when the first of its PIDs comes.
#[derive(Debug)]
pub struct Pids([Page; PAGES]);

impl Default for Pids {
    fn default() -> Self {
        Self(std::array::from_fn(|_| None))
    }
}

impl Pids {
    /// `None` for one that never came, nor its neighbours.
    #[must_use]
    pub fn get(&self, pid: u16) -> Option<&Pid> {
        self.0.get(usize::from(pid >> PAGE_BITS))?.as_ref()?.get(place(pid))
    }

    /// `None` only for more than 13 bits.
    pub fn of(&mut self, pid: u16) -> Option<&mut Pid> {
        let page = self.0.get_mut(usize::from(pid >> PAGE_BITS))?;
        page.get_or_insert_with(|| Box::new([Pid::default(); PAGE])).get_mut(place(pid))
    }

    /// In the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &Pid)> {
        let pages = (0..).step_by(PAGE).zip(&self.0);
        pages.flat_map(|(first, page)| page.iter().flat_map(move |page| (first..).zip(page.iter())))
    }
}

fn place(pid: u16) -> usize {
    usize::from(pid) % PAGE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pid_has_its_own_place_and_only_used_pages_are_made() {
        let mut pids = Pids::default();
        for pid in [0x1fff, 0, 0x1000, 0x100, 0x101] {
            pids.of(pid).unwrap().continuity.next((pid % 16) as u8, false, 0);
        }
        let seen: Vec<_> =
            pids.iter().filter_map(|(n, pid)| pid.continuity.counter(n)).map(|c| (c.pid, c.last)).collect();
        assert_eq!(seen, [(0, 0), (0x100, 0), (0x101, 1), (0x1000, 0), (0x1fff, 15)]);
        assert_eq!(pids.0.iter().flatten().count(), 4);
        assert!(pids.get(0x800).is_none() && pids.of(0x2000).is_none());
    }
}
