//! Endpoints for maintenance: a silence in Alertmanager for all alerts of a channel, or of its packager.

use super::alert_changes::bad_gateway;
use super::alerts::{demand_short, person, silence_duration};
use super::authorization::{Authorized, Operate, Read};
use super::openapi::answers;
use super::problem::Problem;
use super::request::{Key, NoParameters, typed_json};
use super::{Answer, Shared, json};
use crate::alertmanager::{Alertmanager, Maintenance, MaintenanceLabel};
use crate::catalog::Channel;
use crate::web::ServerState;
use axum::extract::{FromRequest, Request, State as Extract};
use http::StatusCode;
use packager_media::units::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Alerts that a maintenance silences: those of one channel, or those of all channels of a packager.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum MaintenanceScope {
    #[default]
    Channel,
    Packager,
}

impl From<MaintenanceLabel> for MaintenanceScope {
    fn from(label: MaintenanceLabel) -> Self {
        match label {
            MaintenanceLabel::Channel => Self::Channel,
            MaintenanceLabel::Packager => Self::Packager,
        }
    }
}

/// Body of a request that begins a maintenance.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"by": "lan", "comment": "new encoder", "for": "2h"}))]
pub(super) struct MaintenanceRequest {
    /// Name of the person who acts. Without the field it is the token's name.
    #[schema(min_length = 1, max_length = 128)]
    by: Option<String>,
    #[schema(max_length = 4096)]
    comment: Option<String>,
    /// Duration, such as `30m` or `8h`, at most 30 days. Without the field it is 1 h.
    #[serde(rename = "for")]
    #[schema(max_length = 64)]
    duration: Option<String>,
    /// Whether all channels of the channel's packager are in maintenance too. Without the field it is the channel alone.
    scope: MaintenanceScope,
}

impl<S: Send + Sync> FromRequest<S> for MaintenanceRequest {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let request: Self = typed_json(request).await?;
        demand_short(request.comment.as_deref())?;
        Ok(request)
    }
}

/// A maintenance that is in force or will be.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Maintenance)]
pub(super) struct MaintenanceEntry {
    /// Id of the silence in Alertmanager.
    id: String,
    scope: MaintenanceScope,
    /// Code of the channel; `null` if the maintenance is that of a packager.
    #[schema(required)]
    channel: Option<String>,
    /// Host of the packager; `null` if the maintenance is that of a channel.
    #[schema(required)]
    packager: Option<String>,
    /// Whether the maintenance is in force now; `false` if it is planned for later.
    in_force: bool,
    #[schema(format = DateTime)]
    starts_at: String,
    #[schema(format = DateTime)]
    ends_at: String,
    created_by: String,
    comment: String,
}

impl From<Maintenance> for MaintenanceEntry {
    fn from(maintenance: Maintenance) -> Self {
        let Maintenance { id, label, is_active: in_force, value, starts_at, ends_at, created_by, comment } =
            maintenance;
        let (channel, packager) = match label {
            MaintenanceLabel::Channel => (Some(value), None),
            MaintenanceLabel::Packager => (None, Some(value)),
        };
        Self { id, scope: label.into(), channel, packager, in_force, starts_at, ends_at, created_by, comment }
    }
}

/// Maintenances, the first to end first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Maintenances)]
pub(super) struct MaintenanceList {
    maintenances: Vec<MaintenanceEntry>,
}

impl MaintenanceList {
    fn new(maintenances: impl IntoIterator<Item = Maintenance>) -> Self {
        Self { maintenances: maintenances.into_iter().map(MaintenanceEntry::from).collect() }
    }
}

/// Lists the maintenances of all channels and packagers: the silences in Alertmanager that match all alerts of one of them. Without an
/// Alertmanager there are none.
#[utoipa::path(get, path = "/maintenance", tag = "channels", operation_id = "maintenances",
    responses((status = 200, description = "The maintenances", body = MaintenanceList), answers::ReadErrors,
        answers::SilenceErrors))]
pub(super) async fn list_all(_: Authorized<Read>, Extract(state): Shared, _: NoParameters) -> Answer {
    Ok(json(StatusCode::OK, &MaintenanceList::new(all_known(&state).await?)))
}

/// Lists the maintenances of a channel and of its packager.
#[utoipa::path(get, path = "/channels/{key}/maintenance", tag = "channels", operation_id = "channel_maintenance",
    params(("key" = String, Path, description = "Id or code")),
    responses((status = 200, description = "The maintenances", body = MaintenanceList), answers::ReadErrors,
        answers::EntryErrors, answers::SilenceErrors))]
pub(super) async fn list(_: Authorized<Read>, Extract(state): Shared, Key(key): Key) -> Answer {
    let channel = state.known_channel(&key).await?;
    let all = all(state.alertmanager()?).await?;
    Ok(json(StatusCode::OK, &MaintenanceList::new(all.into_iter().filter(|one| is_of(&channel, one)))))
}

/// Begins a maintenance: Alertmanager notifies nobody of the alerts of this channel, or of its packager's channels. The state of
/// the channel and the list of alerts still show everything. A maintenance of the same scope that is in force is replaced; one that is
/// planned for later stays.
#[utoipa::path(post, path = "/channels/{key}/maintenance", tag = "channels", operation_id = "begin_maintenance",
    params(("key" = String, Path, description = "Id or code")), request_body = MaintenanceRequest,
    responses((status = 200, description = "The maintenance", body = MaintenanceEntry), answers::WriteErrors,
        answers::EntryErrors, answers::SilenceErrors))]
pub(super) async fn begin(
    caller: Authorized<Operate>,
    Extract(state): Shared,
    Key(key): Key,
    request: MaintenanceRequest,
) -> Answer {
    let duration = silence_duration(request.duration.as_deref())?;
    let by = person(request.by, &caller.caller)?;
    let channel = state.known_channel(&key).await?;
    let subject = match request.scope {
        MaintenanceScope::Channel => (MaintenanceLabel::Channel, channel.code.as_str()),
        MaintenanceScope::Packager => (MaintenanceLabel::Packager, channel.packager()),
    };
    let alertmanager = state.alertmanager()?;
    let made = alertmanager.maintain(subject, &by, request.comment.as_deref(), Timestamp::now(), duration).await;
    let made = made.map_err(bad_gateway)?;
    caller.audit("maintenance begun", &format!("{}={} by {by}", subject.0.name(), subject.1));
    Ok(json(StatusCode::OK, &MaintenanceEntry::from(made)))
}

/// Ends the maintenance of a channel that is in force. That of its packager stays, and so does one that is planned for later: these
/// are ended by their ids.
#[utoipa::path(delete, path = "/channels/{key}/maintenance", tag = "channels", operation_id = "end_channel_maintenance",
    params(("key" = String, Path, description = "Id or code")),
    responses((status = 200, description = "The maintenances that were ended", body = MaintenanceList), answers::DeleteErrors,
        answers::EntryErrors, answers::SilenceErrors))]
pub(super) async fn end_of_channel(caller: Authorized<Operate>, Extract(state): Shared, Key(key): Key) -> Answer {
    let channel = state.known_channel(&key).await?;
    let alertmanager = state.alertmanager()?;
    let is_own = |one: &Maintenance| one.label == MaintenanceLabel::Channel && is_of(&channel, one) && one.is_active;
    let mut ended = Vec::new();
    for maintenance in all(alertmanager).await?.into_iter().filter(is_own) {
        end_one(alertmanager, &caller, &maintenance).await?;
        ended.push(maintenance);
    }
    Ok(json(StatusCode::OK, &MaintenanceList::new(ended)))
}

/// Ends one maintenance, also one that is planned for later.
#[utoipa::path(delete, path = "/maintenance/{id}", tag = "channels", operation_id = "end_maintenance",
    params(("id" = String, Path, description = "Id of the maintenance")),
    responses((status = 200, description = "The maintenance that was ended", body = MaintenanceEntry), answers::DeleteErrors,
        answers::EntryErrors, answers::SilenceErrors))]
pub(super) async fn end(caller: Authorized<Operate>, Extract(state): Shared, Key(id): Key) -> Answer {
    // No other silence may be ended here.
    let maintenance = all_known(&state).await?.into_iter().find(|one| one.id == id).ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, "there is no such maintenance, or it has ended; read the list again")
    })?;
    end_one(state.alertmanager()?, &caller, &maintenance).await?;
    Ok(json(StatusCode::OK, &MaintenanceEntry::from(maintenance)))
}

async fn end_one(
    alertmanager: &Alertmanager,
    caller: &Authorized<Operate>,
    maintenance: &Maintenance,
) -> Result<(), Problem> {
    alertmanager.end_silence(&maintenance.id).await.map_err(bad_gateway)?;
    let Maintenance { id, label, value, .. } = maintenance;
    caller.audit("maintenance ended", &format!("{}={value} {id}", label.name()));
    Ok(())
}

fn is_of(channel: &Channel, maintenance: &Maintenance) -> bool {
    match maintenance.label {
        MaintenanceLabel::Channel => maintenance.value == channel.code,
        MaintenanceLabel::Packager => maintenance.value == channel.packager(),
    }
}

/// Returns all maintenances. Without an Alertmanager there are none.
async fn all_known(state: &ServerState) -> Result<Vec<Maintenance>, Problem> {
    match state.alertmanager() {
        Ok(alertmanager) => all(alertmanager).await,
        Err(_) => Ok(Vec::new()),
    }
}

async fn all(alertmanager: &Alertmanager) -> Result<Vec<Maintenance>, Problem> {
    alertmanager.maintenances().await.map_err(bad_gateway)
}

impl ServerState {
    fn alertmanager(&self) -> Result<&Alertmanager, Problem> {
        let missing =
            "Alertmanager is not connected; start the exporter with --alertmanager.url=http://ALERTMANAGER:9093";
        self.api.alertmanager.as_ref().ok_or_else(|| Problem::new(StatusCode::SERVICE_UNAVAILABLE, missing))
    }
}
