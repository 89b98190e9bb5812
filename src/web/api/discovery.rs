//! Prometheus HTTP service discovery: one target a channel.

use super::openapi::{answers, schema};
use super::problem::Problem;
use super::request::Parameters;
use super::{Answer, Shared, json};
use crate::catalog::Channel;
use axum::extract::State as Extract;
use http::StatusCode;
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json as value};

/// A part of the channels, for the document.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)]
struct Shards {
    #[param(minimum = 1, maximum = 1000)]
    shards: Option<u64>,
    /// Below `shards`.
    #[param(minimum = 0, maximum = 999)]
    shard: Option<u64>,
    /// `channel`, or `packager`: a packager's channels stay together.
    #[param(pattern = "^(|channel|packager)$")]
    by: Option<String>,
    /// The channels of this probe alone.
    #[param(max_length = 512)]
    probe: Option<String>,
}

/// Prometheus HTTP service discovery. Disabled channels, and those of another probe, are left out.
#[utoipa::path(get, path = "/sd", tag = "exporter", operation_id = "discovery", params(Shards), security(()),
    responses((status = 200, description = "The targets", body = Vec<schema::Target>), (status = 400, description = "A parameter doesn't read", body = schema::Problem, content_type = "application/problem+json"), answers::Guarded))]
pub async fn discovery(Extract(state): Shared, mut parameters: Parameters) -> Answer {
    let shards: u64 = parameters.value("shards", "a number from 1 to 1000")?.unwrap_or(1);
    let shard: Option<u64> = parameters.value("shard", "a number from 0, below `shards`")?;
    let by = parameters.text("by");
    let probe = parameters.text("probe").or_else(|| state.api.probe_name.clone());
    parameters.end()?;
    // Without `shard` a part would pass for all of them.
    let shard = shard.or((shards == 1).then_some(0)).filter(|shard| *shard < shards);
    let Some(shard) = shard.filter(|_| (1..=1000).contains(&shards)) else {
        return Err(Problem::bad("`shards` must be 1 to 1000 and `shard` 0 to shards - 1"));
    };
    let by_packager = match by.as_deref() {
        None | Some("channel") => false,
        Some("packager") => true,
        Some(_) => return Err(Problem::bad("`by` must be channel or packager")),
    };
    let loaded = state.backend.config();
    let own = loaded.snapshot.channels.values().filter(|c| {
        let key = if by_packager { packager(c) } else { c.code.clone() };
        c.enabled && probe.as_ref().is_none_or(|p| c.probe.as_ref() == Some(p)) && hash(&key) % shards == shard
    });
    Ok(json(StatusCode::OK, &own.map(|channel| target(channel)).collect()))
}

fn target(channel: &Channel) -> Value {
    let outputs: Vec<&str> = channel.outputs.iter().map(|o| o.name.as_str()).collect();
    let labels = [
        ("__param_target", Some(channel.code.clone())),
        ("__param_template", Some(channel.template.clone())),
        ("channel", Some(channel.code.clone())),
        ("packager", Some(packager(channel))),
        ("tier", channel.tier.map(|t| t.to_string())),
        ("__meta_channel_name", Some(channel.name.clone())),
        ("__meta_template", Some(channel.template.clone())),
        ("__meta_outputs", Some(outputs.join(","))),
        ("__meta_type", Some(channel.channel_type.clone())),
        ("__meta_resolution", channel.resolution.map(|r| r.to_string())),
        ("__meta_probe", channel.probe.clone()),
    ];
    let labels: Map<String, Value> =
        labels.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))).collect();
    value!({"targets": [channel.code], "labels": labels})
}

/// The host of the first output.
fn packager(channel: &Channel) -> String {
    channel.outputs.first().and_then(|o| o.url.host_str()).unwrap_or_default().to_owned()
}

/// The same on every machine and in every version.
fn hash(text: &str) -> u64 {
    let digest = digest(&SHA256, text.as_bytes());
    digest.as_ref().iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}
