//! Places for connections: one address can't take those of all others. When a place is needed, an idle connection of
//! the address with the most connections is closed.

use crate::web::access::network;
use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::sync::Notify;

#[derive(Debug)]
struct Entry {
    network: IpAddr,
    /// Number of requests whose answers are not complete.
    in_flight: u32,
    idle_since: Instant,
    close: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    open: HashMap<u64, Entry>,
}

/// All connections of a server.
#[derive(Debug)]
pub(crate) struct Connections {
    /// Number of places for requests of any kind. One address may have half of them.
    places: usize,
    /// Number of further places, for probes and for the exporter's health alone.
    reserved: usize,
    table: Mutex<Table>,
    /// Wakes the acceptors when a place may be free.
    freed: Notify,
}

/// The place of one connection, which is free again when the value is dropped.
#[derive(Debug)]
pub(crate) struct ConnectionPermit {
    connections: Arc<Connections>,
    id: u64,
    close: Arc<Notify>,
    /// Whether the connection has a reserved place.
    is_reserved: bool,
}

impl Connections {
    pub(crate) fn new(places: usize, reserved: usize) -> Arc<Self> {
        Arc::new(Self { places, reserved, table: Mutex::default(), freed: Notify::new() })
    }

    /// Waits until a further connection has a place, or an idle one can give its place.
    pub(crate) async fn room(&self) {
        loop {
            let freed = self.freed.notified();
            let has_room = {
                let table = self.table();
                table.open.len() < self.places + self.reserved || table.open.values().any(|entry| entry.in_flight == 0)
            };
            if has_room {
                return;
            }
            freed.await;
        }
    }

    /// Returns whether the next connection may find no place without closing another.
    pub(crate) fn is_full(&self) -> bool {
        self.table().open.len() >= self.places
    }

    /// Gives a new connection a place. `None`: its address has half of all places with requests in flight, or every
    /// place is taken by a connection with a request in flight.
    pub(crate) fn admit(self: &Arc<Self>, client: IpAddr) -> Option<ConnectionPermit> {
        let network = network(client);
        let mut table = self.table();
        let own = table.open.values().filter(|entry| entry.network == network).count();
        let mut is_reserved = false;
        if own >= self.places.div_ceil(2) {
            let victim = table.oldest_idle(|entry| entry.network == network)?;
            table.close(victim);
        } else if table.open.len() >= self.places {
            match table.idle_of_most_connected() {
                Some(victim) => table.close(victim),
                None if table.open.len() < self.places + self.reserved => is_reserved = true,
                None => return None,
            }
        }
        let (id, close) = (table.next, Arc::new(Notify::new()));
        table.next += 1;
        let entry = Entry { network, in_flight: 0, idle_since: Instant::now(), close: Arc::clone(&close) };
        table.open.insert(id, entry);
        Some(ConnectionPermit { connections: Arc::clone(self), id, close, is_reserved })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn oldest_idle(&self, of: impl Fn(&Entry) -> bool) -> Option<u64> {
        let idle = self.open.iter().filter(|(_, entry)| entry.in_flight == 0 && of(entry));
        idle.min_by_key(|(_, entry)| entry.idle_since).map(|(id, _)| *id)
    }

    /// Returns the connection that is idle for the longest time among those of the address that has the most connections
    /// of all addresses with an idle one.
    fn idle_of_most_connected(&self) -> Option<u64> {
        let mut counts: HashMap<IpAddr, (usize, bool)> = HashMap::new();
        for entry in self.open.values() {
            let (count, has_idle) = counts.entry(entry.network).or_default();
            *count += 1;
            *has_idle |= entry.in_flight == 0;
        }
        let most = counts.values().filter(|(_, has_idle)| *has_idle).map(|(count, _)| *count).max()?;
        self.oldest_idle(|entry| counts.get(&entry.network).is_some_and(|(count, _)| *count == most))
    }

    fn close(&mut self, id: u64) {
        if let Some(entry) = self.open.remove(&id) {
            // The connection may wait for it only later.
            entry.close.notify_one();
        }
    }
}

impl ConnectionPermit {
    /// Waits until another connection needs this place. The connection is idle then.
    pub(crate) async fn taken(&self) {
        self.close.notified().await;
    }

    /// Returns whether only probes and requests for the exporter's health are answered on the connection.
    pub(crate) fn is_reserved(&self) -> bool {
        self.is_reserved
    }

    /// Marks the connection as busy until the returned value is dropped. `None`: the connection is being closed.
    pub(crate) fn begin(&self) -> Option<InFlight> {
        let mut table = self.connections.table();
        table.open.get_mut(&self.id)?.in_flight += 1;
        Some(InFlight { connections: Arc::clone(&self.connections), id: self.id })
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.connections.table().open.remove(&self.id);
        self.connections.freed.notify_waiters();
    }
}

/// One request in flight: its answer is not complete.
#[derive(Debug)]
pub(crate) struct InFlight {
    connections: Arc<Connections>,
    id: u64,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(entry) = self.connections.table().open.get_mut(&self.id) {
            entry.in_flight = entry.in_flight.saturating_sub(1);
            entry.idle_since = Instant::now();
        }
        self.connections.freed.notify_waiters();
    }
}

/// Body of an answer, which keeps its connection busy until it was sent.
pub(crate) struct BusyBody {
    inner: Body,
    in_flight: Option<InFlight>,
}

impl BusyBody {
    pub(crate) fn new(inner: Body, in_flight: Option<InFlight>) -> Self {
        Self { inner, in_flight }
    }
}

impl HttpBody for BusyBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let poll = Pin::new(&mut self.inner).poll_frame(cx);
        if matches!(poll, Poll::Ready(None)) {
            self.in_flight = None;
        }
        poll
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: [u8; 4] = [10, 0, 0, 1];
    const B: [u8; 4] = [10, 0, 0, 2];

    async fn is_taken(permit: &ConnectionPermit) -> bool {
        tokio::time::timeout(std::time::Duration::ZERO, permit.taken()).await.is_ok()
    }

    #[tokio::test]
    async fn an_address_has_half_of_the_places_and_its_oldest_idle_connection_goes_first() {
        let connections = Connections::new(4, 1);
        let first = connections.admit(A.into()).unwrap();
        let second = connections.admit(A.into()).unwrap();
        let busy = first.begin().unwrap();
        let third = connections.admit(A.into()).unwrap();
        assert_eq!((is_taken(&first).await, is_taken(&second).await), (false, true));
        assert!(second.begin().is_none(), "it is being closed");
        let _busy = third.begin();
        assert!(connections.admit(A.into()).is_none(), "both of its places are busy");
        let others = [connections.admit(B.into()).unwrap(), connections.admit([10, 0, 0, 3].into()).unwrap()];
        assert!(others.iter().all(|permit| !permit.is_reserved()));
        drop(busy);
        let _fifth = connections.admit([10, 0, 0, 4].into()).unwrap();
        assert!(is_taken(&first).await, "of the address with the most connections");
    }

    #[tokio::test]
    async fn when_all_are_busy_a_reserved_place_is_left_and_then_a_connection_waits() {
        let connections = Connections::new(2, 1);
        let [a, b] = [A, B].map(|address| connections.admit(address.into()).unwrap());
        let (busy_a, _busy_b) = (a.begin(), b.begin());
        let reserved = connections.admit([10, 0, 0, 3].into()).unwrap();
        assert!(reserved.is_reserved() && !a.is_reserved());
        let _busy = reserved.begin();
        assert!(connections.admit([10, 0, 0, 4].into()).is_none());
        let waiting = {
            let connections = Arc::clone(&connections);
            tokio::spawn(async move { connections.room().await })
        };
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(busy_a);
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn a_connection_is_busy_until_its_body_has_ended() {
        let connections = Connections::new(2, 0);
        let permit = connections.admit(A.into()).unwrap();
        let body = BusyBody::new(Body::from("text"), permit.begin());
        assert_eq!(body.size_hint().exact(), Some(4));
        assert!(connections.admit(A.into()).is_none());
        let bytes = axum::body::to_bytes(Body::new(body), 100).await.unwrap();
        assert_eq!(bytes, "text");
        assert!(connections.admit(A.into()).is_some());
    }
}
