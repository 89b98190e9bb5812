//! Record of when a service that the exporter asks, such as Alertmanager, last gave a usable answer, so that the web page can say
//! that it is away.

use crate::rfc3339;
use packager_media::units::Timestamp;
use serde::Serialize;
use std::sync::{Arc, Mutex, PoisonError};
use utoipa::ToSchema;

/// Contact of the exporter with another service, since the exporter's start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ServiceContact {
    /// Time of the last usable answer; `null` if there was none since the exporter's start.
    #[serde(serialize_with = "rfc3339::optional::serialize")]
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub(crate) answered_at: Option<Timestamp>,
    /// Time of the first failed request since then; `null` if the last request was answered, or if none was sent.
    #[serde(serialize_with = "rfc3339::optional::serialize")]
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub(crate) failing_since: Option<Timestamp>,
}

/// Recorder of the contact with one service. Clones share the record.
#[derive(Debug, Clone, Default)]
pub(crate) struct ContactRecord(Arc<Mutex<ServiceContact>>);

impl ContactRecord {
    /// Records the result of a request that ended at `now`.
    pub(crate) fn record<T, E>(&self, result: &Result<T, E>, now: Timestamp) {
        let mut contact = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if result.is_ok() {
            *contact = ServiceContact { answered_at: Some(now), failing_since: None };
        } else {
            contact.failing_since.get_or_insert(now);
        }
    }

    /// Returns the contact as recorded so far.
    pub(crate) fn contact(&self) -> ServiceContact {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_fails_since_the_first_failure_after_the_last_answer() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let record = ContactRecord::default();
        let after = |result: Result<(), ()>, second| {
            record.clone().record(&result, at(second));
            let contact = record.contact();
            (contact.answered_at, contact.failing_since)
        };
        assert_eq!(record.contact(), ServiceContact::default());
        assert_eq!(after(Err(()), 1), (None, Some(at(1))));
        assert_eq!(after(Err(()), 2), (None, Some(at(1))));
        assert_eq!(after(Ok(()), 3), (Some(at(3)), None));
        assert_eq!(after(Err(()), 4), (Some(at(3)), Some(at(4))));
    }
}
