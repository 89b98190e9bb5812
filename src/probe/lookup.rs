//! Lookup of channel and template by the names in a request.

use super::{ProbeError, ProbeRequest};
use crate::catalog::{Channel, Template};
use crate::config::Config;
use std::sync::Arc;

/// Subject of a probe: a channel, reduced to the requested output, and the template by which it is judged.
#[derive(Debug)]
pub(crate) struct ProbeSubject {
    pub(crate) channel: Arc<Channel>,
    pub(crate) template: Arc<Template>,
}

/// Finds channel and template that `request` names. An unknown name is an error of the caller; its text suggests the
/// nearest known name.
pub(crate) fn lookup(loaded: &Config, request: &ProbeRequest) -> Result<ProbeSubject, ProbeError> {
    let found = loaded.find(&request.target, request.template.as_deref());
    let (channel, template) = found.map_err(|unknown| ProbeError::BadRequest(unknown.to_string()))?;
    Ok(ProbeSubject { channel: only_output(channel, request.output.as_deref())?, template })
}

fn only_output(channel: Arc<Channel>, output: Option<&str>) -> Result<Arc<Channel>, ProbeError> {
    let Some(name) = output else { return Ok(channel) };
    let Some(found) = channel.outputs.iter().find(|o| o.name == name) else {
        let known: Vec<_> = channel.outputs.iter().map(|o| o.name.as_str()).collect();
        let known = known.join(", ");
        return Err(ProbeError::BadRequest(format!(
            "channel {} has no output `{name}`; it has: {known}",
            channel.code
        )));
    };
    Ok(Arc::new(Channel { outputs: vec![found.clone()], ..(*channel).clone() }))
}
