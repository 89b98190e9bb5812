//! Changes of single alerts by people: what acknowledging, taking back and resolving an alert do in the database and in Alertmanager.

use super::alerts::person;
use super::authorization::{Authorized, Operate};
use super::problem::Problem;
use crate::alertmanager::Alertmanager;
use crate::store::{AlertRow, AlertStatus, AlertWrite};
use crate::web::ServerState;
use crate::web::server::to_the_end;
use http::StatusCode;
use packager_media::units::Timestamp;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;

const STILL_FIRING: &str = "this alert is still firing in Alertmanager, so it was not resolved: it ends by itself when the \
    fault is gone; acknowledge it to silence its notifications";

/// What a person does to alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AlertAction {
    /// Acknowledges the alerts, and silences them in Alertmanager for this time.
    Acknowledge(Duration),
    Unacknowledge,
    Resolve,
}

/// A request of a person to acknowledge, un-acknowledge or resolve alerts, whose values were checked.
pub(super) struct AlertChange {
    state: Arc<ServerState>,
    caller: Authorized<Operate>,
    action: AlertAction,
    /// Name of the person who acts.
    by: String,
    comment: Option<String>,
    /// Fingerprints of the alerts that fire in Alertmanager, or why it doesn't say. Alertmanager is asked once a request.
    firing: OnceCell<Result<HashSet<String>, String>>,
}

impl AlertChange {
    /// Makes the change that an authorised caller asks for. `by` is the name in the request's body.
    ///
    /// # Errors
    /// Fails if `by` can't be a person's name.
    pub(super) fn new(
        state: Arc<ServerState>,
        caller: Authorized<Operate>,
        action: AlertAction,
        by: Option<String>,
        comment: Option<String>,
    ) -> Result<Arc<Self>, Problem> {
        let by = person(by, &caller.caller)?;
        Ok(Arc::new(Self { state, caller, action, by, comment, firing: OnceCell::new() }))
    }

    /// Changes one alert. The change is completed even if the client disconnects: otherwise a silence would stay in
    /// Alertmanager for an alert that nobody acknowledged. `acknowledged_at` is used by [`AlertAction::Unacknowledge`]
    /// only, which then takes back the acknowledgement of that time and no other one; `None`: it takes back the present
    /// one, whatever its time.
    ///
    /// # Errors
    /// Fails if there is no such alert, if its state doesn't allow the change, if Alertmanager can't be asked or
    /// refuses to set or end the silence, or if the database can't be reached.
    pub(super) async fn apply(
        self: &Arc<Self>,
        id: i64,
        acknowledged_at: Option<Timestamp>,
    ) -> Result<AlertWrite, Problem> {
        let change = Arc::clone(self);
        let work = async move {
            let (done, written) = match change.action {
                AlertAction::Acknowledge(duration) => ("alert acknowledged", change.acknowledge(id, duration).await?),
                AlertAction::Unacknowledge => {
                    ("alert unacknowledged", change.unacknowledge(id, acknowledged_at).await?)
                }
                AlertAction::Resolve => ("alert resolved", change.resolve(id).await?),
            };
            if written.is_changed {
                change.caller.audit(done, &format!("{id} by {}", change.by));
            }
            Ok(written)
        };
        let broken = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the change broke off; read the alert again");
        to_the_end(work).await.map_err(broken)?
    }

    async fn acknowledge(&self, id: i64, duration: Duration) -> Result<AlertWrite, Problem> {
        let store = self.state.store()?;
        let alert = store.alert(id).await?;
        let comment = self.comment.as_deref();
        let silence = match self.alertmanager() {
            Some(alertmanager) if alert.status == AlertStatus::Firing => {
                Some(alertmanager.silence(&alert.labels, &self.by, comment, duration).await.map_err(bad_gateway)?)
            }
            _ => None,
        };
        let written = store.acknowledge(id, &self.by, comment, silence.as_deref()).await;
        let kept = written.as_ref().ok().and_then(|written| written.alert.silence_id.clone());
        if let (Some(alertmanager), Some(silence)) = (self.alertmanager(), silence)
            && kept.as_ref() != Some(&silence)
        {
            // Another caller acknowledged the alert in the meantime, or it ended.
            alertmanager.expire(vec![silence]);
        }
        Ok(written?)
    }

    /// Ends the silence, then takes the acknowledgement back. If the database fails in between, the alert stays acknowledged and
    /// its notifications come: nobody misses them.
    async fn unacknowledge(&self, id: i64, acknowledged_at: Option<Timestamp>) -> Result<AlertWrite, Problem> {
        let store = self.state.store()?;
        let alert = store.alert(id).await?;
        let is_meant =
            |at: &String| acknowledged_at.is_none_or(|meant| at.parse::<Timestamp>().is_ok_and(|at| at == meant));
        let own = alert.acknowledged_at.clone().filter(|_| alert.status == AlertStatus::Acknowledged);
        let Some(own) = own.filter(is_meant) else {
            alert.demand_not_acknowledged()?;
            return Ok(AlertWrite { alert, is_changed: false });
        };
        self.end_silence(&alert).await?;
        Ok(store.unacknowledge(id, &self.by, &own).await?)
    }

    async fn resolve(&self, id: i64) -> Result<AlertWrite, Problem> {
        let store = self.state.store()?;
        let alert = store.alert(id).await?;
        if alert.status != AlertStatus::Resolved && self.is_firing(&alert).await? {
            return Err(Problem::new(StatusCode::CONFLICT, STILL_FIRING));
        }
        if alert.status == AlertStatus::Acknowledged {
            self.end_silence(&alert).await?;
        }
        let written = store.resolve(id, &self.by, self.comment.as_deref()).await?;
        if let (Some(alertmanager), Some(silence)) = (self.alertmanager(), &written.alert.silence_id)
            && written.is_changed
            && alert.silence_id.as_ref() != Some(silence)
        {
            // Another caller acknowledged the alert in the meantime.
            alertmanager.expire(vec![silence.clone()]);
        }
        Ok(written)
    }

    /// Returns whether an alert fires in Alertmanager. Without an Alertmanager it doesn't.
    async fn is_firing(&self, alert: &AlertRow) -> Result<bool, Problem> {
        let Some(alertmanager) = self.alertmanager() else { return Ok(false) };
        match self.firing.get_or_init(|| alertmanager.firing()).await {
            Ok(firing) => Ok(firing.contains(&alert.fingerprint)),
            Err(why) => Err(bad_gateway(why.clone())),
        }
    }

    async fn end_silence(&self, alert: &AlertRow) -> Result<(), Problem> {
        match (self.alertmanager(), &alert.silence_id) {
            (Some(alertmanager), Some(silence)) => alertmanager.end_silence(silence).await.map_err(bad_gateway),
            _ => Ok(()),
        }
    }

    fn alertmanager(&self) -> Option<&Alertmanager> {
        self.state.api.alertmanager.as_ref()
    }
}

/// Makes the problem of a request that Alertmanager did not do or answer.
pub(super) fn bad_gateway(why: String) -> Problem {
    Problem::new(StatusCode::BAD_GATEWAY, why)
}
