use super::{Ask, Refused};
use crate::catalog::{Channel, Template};
use crate::config::Loaded;
use std::sync::Arc;

/// What a request names: a channel (with only the output asked for) and the template that judges it.
#[derive(Debug)]
pub struct Subject {
    pub channel: Arc<Channel>,
    pub template: Arc<Template>,
}

/// A name that isn't known is the asker's error; it comes back with the nearest known one.
pub fn lookup(loaded: &Loaded, ask: &Ask) -> Result<Subject, Refused> {
    let found = loaded.find(&ask.target, ask.template.as_deref());
    let (channel, template) = found.map_err(|unknown| Refused::BadRequest(unknown.to_string()))?;
    Ok(Subject { channel: only_output(channel, ask.output.as_deref())?, template })
}

fn only_output(channel: Arc<Channel>, output: Option<&str>) -> Result<Arc<Channel>, Refused> {
    let Some(name) = output else { return Ok(channel) };
    let Some(found) = channel.outputs.iter().find(|o| o.name == name) else {
        let known: Vec<_> = channel.outputs.iter().map(|o| o.name.as_str()).collect();
        let known = known.join(", ");
        return Err(Refused::BadRequest(format!("channel {} has no output `{name}`; it has: {known}", channel.code)));
    };
    Ok(Arc::new(Channel { outputs: vec![found.clone()], ..(*channel).clone() }))
}
