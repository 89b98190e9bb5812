//! One request to one server, up to its headers.

use crate::facts::{Failure, FailureKind};
use crate::fetch::headers::Headers;
use crate::fetch::trail::{self, Marks, Trail};
use crate::fetch::{Parts, failure};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};
use url::Url;

/// An answer whose headers are here. The slot is taken until the body is done with.
pub(super) struct Hop {
    pub response: reqwest::Response,
    pub marks: Marks,
    pub began: Instant,
    pub answered: Instant,
    pub slot: OwnedSemaphorePermit,
}

impl Parts {
    pub async fn hop(
        &self,
        url: &Url,
        headers: &Headers,
        ca_file: Option<&Path>,
        deadline: Instant,
    ) -> Result<Hop, Failure> {
        self.guard.url(url)?;
        if Instant::now() >= deadline {
            return Err(Failure::new(FailureKind::Deadline, "no time was left to ask".to_owned()));
        }
        let agent = self.agent(url, ca_file, deadline).await?;
        let asked = Instant::now();
        let slot = self.slot(url, deadline).await?;
        let waited = asked.elapsed();
        let result = self.with_slot(&agent, url, headers, deadline, slot).await;
        result.map_err(|failure| own_fault(failure, waited, asked.elapsed()))
    }

    async fn with_slot(
        &self,
        agent: &reqwest::Client,
        url: &Url,
        headers: &Headers,
        deadline: Instant,
        slot: OwnedSemaphorePermit,
    ) -> Result<Hop, Failure> {
        match attempt(agent, url, headers, deadline).await {
            Ok(answer) => Ok(answer.into_hop(slot)),
            Err(Missed { stale: true, .. }) => {
                // RFC 9112 9.3.1: a server may close a kept-alive connection just when it is used again; a GET may
                // be repeated.
                attempt(agent, url, headers, deadline).await.map(|a| a.into_hop(slot)).map_err(|m| m.failure)
            }
            Err(missed) => Err(missed.failure),
        }
    }

    async fn agent(&self, url: &Url, ca_file: Option<&Path>, deadline: Instant) -> Result<reqwest::Client, Failure> {
        let Some(file) = ca_file.filter(|_| url.scheme() == "https") else { return Ok(self.agents.system().clone()) };
        timeout_at(deadline, self.agents.trusting(file)).await.unwrap_or_else(|_| {
            let message = format!("ca_file {} could not be read in time", file.display());
            Err(Failure::new(FailureKind::Deadline, message))
        })
    }

    async fn slot(&self, url: &Url, deadline: Instant) -> Result<OwnedSemaphorePermit, Failure> {
        let began = Instant::now();
        timeout_at(deadline, self.slots.take(url)).await.ok().flatten().ok_or_else(|| {
            let message = format!(
                "waited {} for one of the {} connections to {}: it answers too slowly, or raise \
                 fetch.max_connections_per_host",
                failure::seconds(began.elapsed()),
                self.slots.each,
                failure::host_port(url)
            );
            Failure::new(FailureKind::Deadline, message)
        })
    }
}

/// A server that had less of the time than the wait for a free connection took isn't to blame.
fn own_fault(failure: Failure, waited: Duration, all: Duration) -> Failure {
    if failure.kind != FailureKind::Timeout || waited * 2 < all {
        return failure;
    }
    let waited = failure::seconds(waited);
    Failure::new(FailureKind::Deadline, format!("{}, after {waited} of waiting for a connection", failure.message))
}

struct Answer {
    response: reqwest::Response,
    marks: Marks,
    began: Instant,
}

impl Answer {
    fn into_hop(self, slot: OwnedSemaphorePermit) -> Hop {
        Hop { response: self.response, marks: self.marks, began: self.began, answered: Instant::now(), slot }
    }
}

struct Missed {
    failure: Failure,
    /// It was tried on a kept-alive connection, whose end may have nothing to do with this request.
    stale: bool,
}

impl From<Failure> for Missed {
    fn from(failure: Failure) -> Self {
        Self { failure, stale: false }
    }
}

async fn attempt(agent: &reqwest::Client, url: &Url, headers: &Headers, deadline: Instant) -> Result<Answer, Missed> {
    let request = headers.request(agent, url)?;
    let trail = Arc::new(Trail::default());
    let began = Instant::now();
    let sent = timeout_at(deadline, trail::followed(&trail, agent.execute(request))).await;
    let marks = trail.marks();
    match sent {
        Ok(Ok(response)) => Ok(Answer { response, marks, began }),
        Ok(Err(error)) => {
            let stale = marks.connecting.is_none();
            Err(Missed { failure: failure::of_request(&error, url, &marks, began), stale })
        }
        Err(_) => Err(failure::out_of_time(url, &marks, began).into()),
    }
}
