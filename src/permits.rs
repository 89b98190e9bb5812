//! Permits for a bounded number of things at once, granted in a fair order to the groups that ask for them.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// A bounded number of permits. Each request for one belongs to a group, such as a packager or a channel.
#[derive(Debug)]
pub(crate) struct Permits<G: Eq + Hash + Clone>(Arc<Shared<G>>);

/// Order in which waiting requests get the permits that become free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GrantOrder {
    /// The request with the first deadline comes first. While other groups ask too, one group may hold at most three
    /// quarters of the permits, so that a slow group never holds all of them.
    Deadline,
    /// A request of the group that holds the fewest permits comes first; among equals, the one that waits for longest.
    Turns,
}

/// Time for which a group that asked for a permit counts as another group beside those that hold permits.
const REMEMBER_GROUP: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Shared<G: Eq + Hash + Clone> {
    order: GrantOrder,
    state: Mutex<State<G>>,
}

#[derive(Debug)]
struct State<G: Eq + Hash + Clone> {
    size: usize,
    /// Number of permits that each group holds. A group without permits is absent.
    held: HashMap<G, usize>,
    held_in_all: usize,
    /// Time of the last request of each group within [`REMEMBER_GROUP`]; only filled for [`GrantOrder::Deadline`].
    asked: HashMap<G, Instant>,
    /// Requests that wait, by deadline and then by the order in which they came.
    waiting: BTreeMap<(Instant, u64), Waiting<G>>,
    next_request: u64,
}

#[derive(Debug)]
struct Waiting<G: Eq + Hash + Clone> {
    group: G,
    grant: oneshot::Sender<Permit<G>>,
}

/// A permit, which is given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit<G: Eq + Hash + Clone> {
    shared: Arc<Shared<G>>,
    group: G,
}

impl<G: Eq + Hash + Clone> Permits<G> {
    pub(crate) fn new(size: usize, order: GrantOrder) -> Self {
        let state = State {
            size,
            held: HashMap::new(),
            held_in_all: 0,
            asked: HashMap::new(),
            waiting: BTreeMap::new(),
            next_request: 0,
        };
        Self(Arc::new(Shared { order, state: Mutex::new(state) }))
    }

    /// Returns the largest number of permits that may be held at once.
    pub(crate) fn size(&self) -> usize {
        self.0.lock().size
    }

    /// Changes the number of permits. A lower number takes effect as permits are given back.
    pub(crate) fn resize(&self, size: usize) {
        let before = std::mem::replace(&mut self.0.lock().size, size);
        if size > before {
            self.0.grant();
        }
    }

    /// Returns whether a permit is held or a request waits for one.
    pub(crate) fn is_in_use(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Waits until a permit can be granted to the group. `deadline` decides the order for [`GrantOrder::Deadline`]; it
    /// doesn't end the wait. A request that is dropped while it waits is forgotten. `None` never happens, because a
    /// waiting request is removed only with a permit.
    pub(crate) async fn acquire(&self, group: G, deadline: Instant) -> Option<Permit<G>> {
        let shared = Arc::clone(&self.0);
        let (grant, granted) = oneshot::channel();
        shared.enqueue(Waiting { group, grant }, deadline);
        shared.grant();
        granted.await.ok()
    }
}

impl<G: Eq + Hash + Clone> Shared<G> {
    fn lock(&self) -> MutexGuard<'_, State<G>> {
        // The state is valid after every statement below, so a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enqueue(&self, request: Waiting<G>, deadline: Instant) {
        let mut state = self.lock();
        if self.order == GrantOrder::Deadline {
            let now = Instant::now();
            state.asked.retain(|_, at| now.saturating_duration_since(*at) < REMEMBER_GROUP);
            state.asked.insert(request.group.clone(), now);
        }
        let number = state.next_request;
        state.next_request = number.wrapping_add(1);
        let deadline = if self.order == GrantOrder::Deadline { deadline } else { Instant::now() };
        state.waiting.insert((deadline, number), request);
    }

    /// Grants free permits to waiting requests until no permit is free or no request may have one.
    fn grant(self: &Arc<Self>) {
        loop {
            let chosen = self.lock().choose(self.order);
            let Some(Waiting { group, grant }) = chosen else { return };
            // A request that ended at this very moment gives its permit back at once.
            let _ = grant.send(Permit { shared: Arc::clone(self), group });
        }
    }
}

impl<G: Eq + Hash + Clone> State<G> {
    /// Removes the next request from those that wait and counts its permit as held. `None`: no permit is free, or no
    /// waiting request may have one.
    fn choose(&mut self, order: GrantOrder) -> Option<Waiting<G>> {
        if self.held_in_all >= self.size || self.waiting.is_empty() {
            return None;
        }
        self.waiting.retain(|_, request| !request.grant.is_closed());
        let held = |group: &G| self.held.get(group).copied().unwrap_or_default();
        let share = if self.asked.len() > 1 { self.size - self.size / 4 } else { self.size };
        let mut requests = self.waiting.iter();
        let key = match order {
            GrantOrder::Deadline => requests.find(|(_, request)| held(&request.group) < share),
            GrantOrder::Turns => requests.min_by_key(|(_, request)| held(&request.group)),
        };
        let request = key.map(|(key, _)| *key).and_then(|key| self.waiting.remove(&key))?;
        *self.held.entry(request.group.clone()).or_default() += 1;
        self.held_in_all += 1;
        Some(request)
    }
}

impl<G: Eq + Hash + Clone> Drop for Permit<G> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.held_in_all = state.held_in_all.saturating_sub(1);
        if let Some(held) = state.held.get_mut(&self.group) {
            *held -= 1;
            if *held == 0 {
                state.held.remove(&self.group);
            }
        }
        drop(state);
        self.shared.grant();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::pin::Pin;
    use tokio::task::JoinHandle;

    type Names = Permits<&'static str>;

    fn in_seconds(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    /// Requests a permit, and returns it if it is granted without a wait.
    fn at_once(permits: &Names, group: &'static str) -> Option<Permit<&'static str>> {
        permits.acquire(group, in_seconds(1)).now_or_never().flatten()
    }

    async fn until_so_many_wait(permits: &Names, count: usize) {
        while permits.0.lock().waiting.len() < count {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn five_thousand_requests_of_one_moment_are_granted_in_the_order_of_their_deadlines() {
        let permits = Arc::new(Names::new(1, GrantOrder::Deadline));
        let held = at_once(&permits, "busy");
        let order = Arc::new(Mutex::new(Vec::new()));
        let began = Instant::now();
        let requests: Vec<JoinHandle<()>> = (0..5_000u64)
            .map(|n| {
                let (permits, order) = (Arc::clone(&permits), Arc::clone(&order));
                // Each deadline once, in an order that isn't that of the requests.
                let deadline = began + Duration::from_millis(n * 1_237 % 5_000);
                tokio::spawn(async move {
                    let _permit = permits.acquire("a", deadline).await;
                    order.lock().unwrap().push(deadline);
                })
            })
            .collect();
        until_so_many_wait(&permits, 5_000).await;
        drop(held);
        for request in requests {
            request.await.unwrap();
        }
        let order = order.lock().unwrap();
        assert!(order.len() == 5_000 && order.is_sorted(), "{:?}", &order[..10]);
    }

    #[tokio::test]
    async fn a_slow_group_leaves_a_quarter_to_others_while_others_ask() {
        let permits = Names::new(8, GrantOrder::Deadline);
        let mut slow: Vec<_> = (0..8).filter_map(|_| at_once(&permits, "slow")).collect();
        assert_eq!(slow.len(), 8, "alone it may have all");
        assert!(at_once(&permits, "other").is_none());
        slow.truncate(6);
        assert!(at_once(&permits, "slow").is_none(), "another group asked");
        assert!(at_once(&permits, "other").is_some());
        let long_ago = Instant::now().checked_sub(REMEMBER_GROUP).unwrap();
        permits.0.lock().asked.insert("other", long_ago);
        assert!(at_once(&permits, "slow").is_some(), "nobody else asked for a minute");
    }

    #[tokio::test]
    async fn a_group_with_one_request_waits_for_one_permit_and_not_for_a_queue() {
        let permits = Names::new(2, GrantOrder::Turns);
        let mut held: Vec<_> = (0..2).filter_map(|_| at_once(&permits, "many")).collect();
        let wait = |group| {
            let mut request: Pin<Box<_>> = Box::pin(permits.acquire(group, Instant::now()));
            assert!((&mut request).now_or_never().is_none(), "no permit is free");
            request
        };
        let many: Vec<_> = (0..100).map(|_| wait("many")).collect();
        let mut one = wait("one");
        held.pop();
        assert!((&mut one).now_or_never().is_some(), "it came last and has none");
        drop(many);
    }

    #[tokio::test]
    async fn a_request_that_is_dropped_takes_no_permit() {
        let permits = Names::new(1, GrantOrder::Deadline);
        let held = at_once(&permits, "a");
        for _ in 0..10_000 {
            assert!(at_once(&permits, "a").is_none());
        }
        drop(held);
        assert!(at_once(&permits, "a").is_some());
        assert!(!permits.is_in_use(), "nothing is left over");
    }

    #[tokio::test]
    async fn a_new_number_of_permits_counts_for_those_who_wait_and_as_others_end() {
        let permits = Names::new(1, GrantOrder::Deadline);
        let first = at_once(&permits, "a");
        let mut second = Box::pin(permits.acquire("a", in_seconds(1)));
        assert!((&mut second).now_or_never().is_none());
        permits.resize(2);
        let second = second.await;
        permits.resize(1);
        drop(first);
        assert!(at_once(&permits, "a").is_none(), "one is held, and there is one");
        drop(second);
        assert!(at_once(&permits, "a").is_some());
        assert_eq!(permits.size(), 1);
    }
}
