//! Maintenance of a channel or a packager: a silence in Alertmanager for all its alerts, whoever made it.

use super::{Alertmanager, SilenceCreated, answer};
use packager_media::units::{Seconds, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Comment of a silence without a comment, because Alertmanager refuses an empty comment.
const DEFAULT_COMMENT: &str = "maintenance";

/// Label whose value says which alerts a maintenance silences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum MaintenanceLabel {
    Channel,
    Packager,
}

impl MaintenanceLabel {
    /// Returns the name of the label in alerts.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Packager => "packager",
        }
    }
}

/// A silence for all alerts of one channel or one packager, which is in force or will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Maintenance {
    /// Id of the silence in Alertmanager.
    pub(crate) id: String,
    pub(crate) label: MaintenanceLabel,
    /// Whether the maintenance is in force now, as Alertmanager says. `false`: it is planned for later.
    pub(crate) is_active: bool,
    /// Code of the channel, or name of the packager.
    pub(crate) value: String,
    /// Start of the silence, RFC 3339.
    pub(crate) starts_at: String,
    /// End of the silence, RFC 3339.
    pub(crate) ends_at: String,
    pub(crate) created_by: String,
    pub(crate) comment: String,
}

/// One silence in the answer to Alertmanager's `GET /api/v2/silences`, and the body of `POST /api/v2/silences`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Silence {
    /// Id of the silence that is replaced. `None`: the silence is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    matchers: Vec<OwnedMatcher>,
    starts_at: String,
    ends_at: String,
    created_by: String,
    comment: String,
    #[serde(default, skip_serializing)]
    status: SilenceStatus,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnedMatcher {
    name: String,
    value: String,
    is_regex: bool,
    /// Versions of Alertmanager before 0.22 have no such member, and know no other matchers.
    #[serde(default = "yes")]
    is_equal: bool,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SilenceStatus {
    state: String,
}

impl Silence {
    pub(super) fn has_ended(&self) -> bool {
        self.status.state == "expired"
    }

    /// Returns the maintenance that the silence is. `None`: the silence has ended, or it doesn't match exactly all alerts of one
    /// channel or packager.
    fn maintenance(self) -> Option<Maintenance> {
        let (has_ended, is_active) = (self.has_ended(), self.status.state == "active");
        let [matcher] = <[OwnedMatcher; 1]>::try_from(self.matchers).ok()?;
        let labels = [MaintenanceLabel::Channel, MaintenanceLabel::Packager];
        let label = labels.into_iter().find(|label| label.name() == matcher.name)?;
        if matcher.is_regex || !matcher.is_equal || has_ended {
            return None;
        }
        let Self { id, starts_at, ends_at, created_by, comment, .. } = self;
        Some(Maintenance { id: id?, label, is_active, value: matcher.value, starts_at, ends_at, created_by, comment })
    }
}

impl Alertmanager {
    /// Returns every maintenance that is in force or will be, the first to end first.
    ///
    /// # Errors
    /// Returns a text that says why Alertmanager gave no usable answer.
    pub(crate) async fn maintenances(&self) -> Result<Vec<Maintenance>, String> {
        let silences: Vec<Silence> = answer(self.client.get(format!("{}/api/v2/silences", self.base)))
            .await
            .map_err(|e| format!("Alertmanager at {} does not list its silences: {e}", self.redacted_url))?;
        let mut found: Vec<Maintenance> = silences.into_iter().filter_map(Silence::maintenance).collect();
        let ends_at = |maintenance: &Maintenance| maintenance.ends_at.parse::<Timestamp>().ok();
        found.sort_by_key(ends_at);
        Ok(found)
    }

    /// Silences all alerts of a channel or a packager from `now` on for `duration`. A maintenance of the same channel or packager
    /// that is in force is replaced; one that is planned for later stays.
    ///
    /// # Errors
    /// Returns a text that says why Alertmanager didn't set the silence, and that nothing was changed.
    pub(crate) async fn maintain(
        &self,
        (label, value): (MaintenanceLabel, &str),
        created_by: &str,
        comment: Option<&str>,
        now: Timestamp,
        duration: Duration,
    ) -> Result<Maintenance, String> {
        let why = |e: &dyn std::fmt::Display| {
            format!("Alertmanager at {} took no silence, so nothing was changed: {e}", self.redacted_url)
        };
        let before = self.maintenances().await.map_err(|e| why(&e))?;
        let before = before.into_iter().find(|other| other.is_active && other.label == label && other.value == value);
        let matcher =
            OwnedMatcher { name: label.name().to_owned(), value: value.to_owned(), is_regex: false, is_equal: true };
        let silence = Silence {
            id: before.map(|before| before.id),
            matchers: vec![matcher],
            starts_at: now.to_string(),
            ends_at: Seconds::from(duration).after(now).to_string(),
            created_by: created_by.to_owned(),
            comment: comment.filter(|text| !text.trim().is_empty()).unwrap_or(DEFAULT_COMMENT).to_owned(),
            status: SilenceStatus { state: "active".to_owned() },
        };
        let body = serde_json::to_string(&silence).map_err(|e| why(&e))?;
        let request = self.client.post(format!("{}/api/v2/silences", self.base));
        let request = request.header("content-type", "application/json").body(body);
        let created: SilenceCreated = answer(request).await.map_err(|e| why(&e))?;
        let made = Silence { id: Some(created.id), ..silence };
        made.maintenance().ok_or_else(|| why(&"the silence has no usable form"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(silence: Value) -> Option<Maintenance> {
        serde_json::from_value::<Silence>(silence).unwrap().maintenance()
    }

    fn silence(matchers: Value, state: &str) -> Value {
        json!({"id": "a-1", "matchers": matchers, "startsAt": "2026-01-31T18:00:00Z", "endsAt": "2026-01-31T20:00:00Z",
            "updatedAt": "2026-01-31T18:00:00Z", "createdBy": "lan", "comment": "encoder", "status": {"state": state}})
    }

    #[test]
    fn only_a_silence_of_all_alerts_of_one_channel_or_packager_is_a_maintenance() {
        let equal = |name: &str| json!({"name": name, "value": "CH_1", "isRegex": false, "isEqual": true});
        let found = read(silence(json!([equal("channel")]), "active")).unwrap();
        assert_eq!((found.label, found.value.as_str(), found.id.as_str()), (MaintenanceLabel::Channel, "CH_1", "a-1"));
        let planned = read(silence(json!([equal("packager")]), "pending")).unwrap();
        assert_eq!((found.is_active, planned.is_active), (true, false));
        assert!(read(silence(json!([equal("channel")]), "expired")).is_none());
        assert!(read(silence(json!([equal("alertname")]), "active")).is_none());
        assert!(read(silence(json!([equal("channel"), equal("alertname")]), "active")).is_none());
        assert!(read(silence(json!([]), "active")).is_none());
        for odd in [
            json!({"name": "channel", "value": "CH_.*", "isRegex": true, "isEqual": true}),
            json!({"name": "channel", "value": "CH_1", "isRegex": false, "isEqual": false}),
        ] {
            assert!(read(silence(json!([odd]), "active")).is_none());
        }
    }
}
