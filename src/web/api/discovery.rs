//! Endpoint for Prometheus HTTP service discovery, with one target for each channel.

use super::authorization::{Authorized, Scrape};
use super::bodies::{ProblemDocument, Target};
use super::openapi::answers;
use super::problem::Problem;
use super::request::Parameters;
use super::{Answer, Shared, json};
use crate::assignment::{LiveExporter, assigned, hash};
use crate::catalog::Channel;
use axum::extract::State as Extract;
use http::StatusCode;

/// Parameters of service discovery, for the OpenAPI document.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)]
struct Shards {
    #[param(minimum = 1, maximum = 1000)]
    shards: Option<u64>,
    /// Number of the shard whose channels are listed, from 0, below `shards`.
    #[param(minimum = 0, maximum = 999)]
    shard: Option<u64>,
    /// What is divided into shards, and between exporters: `channel`, or `packager` to keep the channels of one packager
    /// together.
    #[param(pattern = "^(|channel|packager)$")]
    by: Option<String>,
    /// Name of a probe (an exporter). Only its channels are listed.
    #[param(max_length = 512)]
    probe: Option<String>,
}

/// Lists targets for Prometheus HTTP service discovery. Disabled channels, and channels of other probes, are left out. If several
/// exporters share the channels, each target names its exporter in `__meta_exporter_address`.
#[utoipa::path(get, path = "/sd", tag = "exporter", operation_id = "discovery", params(Shards), security(()),
    responses((status = 200, description = "The targets", body = Vec<Target>),
        (status = 400, description = "A parameter can't be read", body = ProblemDocument,
            content_type = "application/problem+json"), answers::AccessErrors))]
pub(super) async fn discovery(_: Authorized<Scrape>, Extract(state): Shared, mut parameters: Parameters) -> Answer {
    let shards: u64 = parameters.value("shards", "a number from 1 to 1000")?.unwrap_or(1);
    let shard: Option<u64> = parameters.value("shard", "a number from 0, below `shards`")?;
    let by = parameters.text("by");
    let probe = parameters.text("probe").or_else(|| state.api.probe_name.clone());
    parameters.end()?;
    // Without `shard` a client would take one shard for all targets.
    let shard = shard.or((shards == 1).then_some(0)).filter(|shard| *shard < shards);
    let Some(shard) = shard.filter(|_| (1..=1000).contains(&shards)) else {
        return Err(Problem::bad("`shards` must be 1 to 1000 and `shard` 0 to shards - 1"));
    };
    let by_packager = match by.as_deref() {
        None | Some("channel") => false,
        Some("packager") => true,
        Some(_) => return Err(Problem::bad("`by` must be channel or packager")),
    };
    // Prometheus keeps its targets after an error, and would drop all after an empty list.
    state.refuse_before_catalog()?;
    let exporters = match &state.api.store {
        Some(store) => store.live_exporters().await?,
        None => Vec::new(),
    };
    let config = state.backend.config();
    let key = |channel: &Channel| if by_packager { channel.packager().to_owned() } else { channel.code.clone() };
    let listed = config.snapshot.channels.values().filter(|c| {
        c.enabled && probe.as_ref().is_none_or(|p| c.probe.as_ref() == Some(p)) && hash(&key(c)) % shards == shard
    });
    let targets = listed.map(|c| target(c, assigned(&key(c), c.probe.as_deref(), &exporters)));
    Ok(json(StatusCode::OK, &targets.collect::<Vec<_>>()))
}

fn target(channel: &Channel, exporter: Option<&LiveExporter>) -> Target {
    let outputs: Vec<&str> = channel.outputs.iter().map(|o| o.name.as_str()).collect();
    let labels = [
        ("__param_target", Some(channel.code.clone())),
        ("__param_template", Some(channel.template.clone())),
        ("channel", Some(channel.code.clone())),
        ("packager", Some(channel.packager().to_owned())),
        ("tier", channel.tier.map(|t| t.to_string())),
        ("__meta_channel_name", Some(channel.name.clone())),
        ("__meta_template", Some(channel.template.clone())),
        ("__meta_outputs", Some(outputs.join(","))),
        ("__meta_type", Some(channel.channel_type.clone())),
        ("__meta_resolution", channel.resolution.map(|r| r.to_string())),
        ("__meta_probe", channel.probe.clone()),
        ("__meta_exporter_address", exporter.map(|exporter| exporter.address.clone())),
    ];
    let labels = labels.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    Target { targets: vec![channel.code.clone()], labels }
}
