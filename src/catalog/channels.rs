//! Reads channels.yml: the channels, the URLs of their outputs, and the settings of their requests.

mod sections;

use super::request_keys::{self, RequestKeys, SecretFiles, SecretSource};
use super::{Channel, Output, RequestSettings, Resolve};
use crate::address_class::{AddressClass, classify};
use crate::document::{self, Document, Fault, MAX_REPORTED, Node, NodeIndex, Value};
use crate::expectations::ExpectedLadder;
use icu_normalizer::ComposingNormalizerBorrowed;
use packager_media::redact;
use packager_media::stream::Resolution;
use sections::OutputKeys;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::IpAddr;
use url::{Host, Url};

const MAX_CODE_BYTES: usize = 64;
const MAX_NAME_CHARS: usize = 256;
/// Largest tier: the largest integer of the database's column.
const MAX_TIER: u32 = i32::MAX as u32;

/// The keys of a channel as channels.yml has them, merged over the file's `defaults`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ChannelKeys {
    channel_code: Option<String>,
    channel_name: Option<String>,
    channel_type: Option<String>,
    tier: Option<u32>,
    codec: Option<String>,
    resolution: Option<Resolution>,
    fps: Option<f64>,
    is_4k: bool,
    is_hdr: Option<bool>,
    template: Option<String>,
    probe: Option<String>,
    enabled: Option<bool>,
    /// The key `input_url` of a channel, which is moved into `outputs` before this struct is read. The field is only
    /// here so that the key isn't reported as unknown.
    #[serde(rename = "input_url")]
    _input_url: Option<String>,
    outputs: sections::Outputs,
    ladder: Option<ExpectedLadder>,
    request: RequestKeys,
}

/// A channel of channels.yml, with the place of its template's name in the file, at which an unknown template is
/// reported later.
pub(super) struct ParsedChannel {
    pub channel: Channel,
    pub template_at: NodeIndex,
}

/// Reads the channels of a document in their order, and lists every fault. Secrets come from `source`.
pub(super) fn read_channels(document: &Document, source: SecretSource<'_>) -> (Vec<ParsedChannel>, Vec<Fault>) {
    let (sections, mut faults) = sections::split(&document.root);
    let mut first: BTreeMap<String, NodeIndex> = BTreeMap::new();
    let mut secrets = SecretFiles::new(source);
    let mut found = Vec::new();
    let mut twice = Vec::new();
    for section in sections {
        match parse_channel(&section, &mut secrets) {
            Ok(one) => {
                let code = one.channel.code.clone();
                match first.get(&code) {
                    Some(&at) => twice.push((code, at, section.code_at)),
                    None => drop(first.insert(code, section.code_at)),
                }
                found.push(one);
            }
            Err(more) => faults.extend(more),
        }
    }
    // Each repeated code costs a pass over the file, to find the line of the first.
    for (code, at, again) in twice.into_iter().take(MAX_REPORTED) {
        let line = document.position(at).map_or(0, |(line, _)| line);
        faults.push(Fault::value(again, format!("channel `{code}` is given twice, first in line {line}")));
    }
    (found, faults)
}

/// Returns every fault of the keys of one channel, whose secrets are among `secrets`.
pub(super) fn channel_faults(keys: &Node, secrets: &mut SecretFiles<'_>) -> Vec<Fault> {
    let section = match sections::single_section(keys) {
        Ok(section) => section,
        Err(fault) => return vec![fault],
    };
    parse_channel(&section, secrets).err().unwrap_or_default()
}

fn parse_channel(section: &sections::Section, secrets: &mut SecretFiles<'_>) -> Result<ParsedChannel, Vec<Fault>> {
    let node = &section.node;
    let (written, mut faults) = document::deserialize_partial::<ChannelKeys>(node);
    let Some(written) = written else { return Err(faults) };
    let readable = faults.is_empty();
    let code = written.channel_code.clone().unwrap_or_default();
    if code.is_empty() {
        let reported = faults.iter().any(|fault| fault.at == Some(section.code_at));
        faults.extend((!reported).then(|| Fault::value(section.code_at, "`channel_code` is missing")));
        return Err(faults);
    }
    faults.extend(self::check_code(&code).err().map(|why| Fault::value(section.code_at, why)));
    faults.extend(value_faults(&written, node));
    let (outputs, wrong) = parse_outputs(&written.outputs, node, &code, secrets);
    faults.extend(wrong);
    // What was left out of it would be missed.
    let request = if readable {
        request_keys::request_settings(&written.request, node.get("request").unwrap_or(node), secrets)
    } else {
        Ok(RequestSettings::default())
    };
    let request = request.unwrap_or_else(|more| {
        faults.extend(more);
        RequestSettings::default()
    });
    if !faults.is_empty() {
        return Err(faults);
    }
    let channel = Channel {
        name: written.channel_name.map_or_else(|| code.clone(), |name| normalized(&name)),
        code,
        channel_type: written.channel_type.unwrap_or_else(|| "LIVE".to_owned()),
        tier: written.tier,
        codec: written.codec,
        resolution: written.resolution,
        fps: written.fps,
        is_4k: written.is_4k,
        is_hdr: written.is_hdr,
        template: written.template.unwrap_or_else(|| super::BUILT_IN.to_owned()),
        probe: written.probe,
        enabled: written.enabled.unwrap_or(true),
        outputs,
        ladder: written.ladder,
        request,
    };
    Ok(ParsedChannel { channel, template_at: node.index_of("template") })
}

fn value_faults(written: &ChannelKeys, node: &Node) -> Vec<Fault> {
    let mut faults = Vec::new();
    if let Some(fps) = written.fps.filter(|fps| !(1.0..=300.0).contains(fps)) {
        faults.push(Fault::value(node.index_of("fps"), format!("is {fps}; allowed is 1 to 300 frames per second")));
    }
    if let Some(tier) = written.tier.filter(|tier| *tier > MAX_TIER) {
        faults.push(Fault::value(node.index_of("tier"), format!("is {tier}; allowed is 0 to {MAX_TIER}")));
    }
    let texts = [
        ("channel_name", &written.channel_name),
        ("channel_type", &written.channel_type),
        ("codec", &written.codec),
        ("probe", &written.probe),
    ];
    for (key, text) in texts {
        let Some(text) = text else { continue };
        if text.trim().is_empty() || text.chars().count() > MAX_NAME_CHARS || text.chars().any(char::is_control) {
            let message = format!("must be 1 to {MAX_NAME_CHARS} characters without control characters");
            faults.push(Fault::value(node.index_of(key), message));
        }
    }
    faults
}

fn parse_outputs(
    written: &sections::Outputs,
    node: &Node,
    code: &str,
    secrets: &mut SecretFiles<'_>,
) -> (Vec<Output>, Vec<Fault>) {
    let mut faults = Vec::new();
    let mut outputs = Vec::new();
    let section = node.get("outputs").unwrap_or(node);
    for (name, keys) in written.given() {
        let at = section.index_of(name);
        if let Err(why) = check_output_name(name) {
            faults.push(Fault::value(at, why));
        }
        let parsed = match (keys, section.get(name)) {
            (OutputKeys::Section, Some(keys)) => parse_output(name, keys, code, secrets),
            (keys, _) => {
                output_url(keys.url(), at, code).map(|url| Output::new(name, url)).map_err(|fault| vec![fault])
            }
        };
        match parsed {
            Ok(output) => outputs.push(output),
            Err(more) => faults.extend(more),
        }
    }
    let none = match node.get("outputs").map(|given| &given.value) {
        None | Some(Value::Null) => true,
        Some(Value::Map(entries)) => entries.iter().all(|(_, url)| url.value == Value::Null),
        Some(_) => false,
    };
    if none {
        let message = format!("channel `{code}` has no URL; give it `input_url` or `outputs`");
        faults.push(Fault::value(node.at, message));
    }
    (outputs, faults)
}

/// An output that has settings of its own beside its URL.
fn parse_output(name: &str, keys: &Node, code: &str, secrets: &mut SecretFiles<'_>) -> Result<Output, Vec<Fault>> {
    let url = match keys.get("url").map(|url| (url.at, url.text())) {
        Some((at, Some(text))) => output_url(text, at, code),
        Some((at, None)) => Err(Fault::value(at, "must be a URL, such as http://host/path")),
        None => Err(Fault::value(keys.at, format!("output `{name}` has no `url`"))),
    };
    let resolve = resolve(keys);
    let (written, mut faults) = document::deserialize_partial::<RequestKeys>(&keys.without(&["url", "resolve"]));
    let request = match written.filter(|_| faults.is_empty()) {
        Some(written) => request_keys::request_settings(&written, keys, secrets),
        None => Ok(RequestSettings::default()),
    };
    match (url, resolve, request) {
        (Ok(url), Ok(resolve), Ok(request)) if faults.is_empty() => {
            if resolve == Resolve::Each && request.connection.connect_to.is_some() {
                let why = "is one address, and `resolve: each` asks for all of them; keep one of them";
                return Err(vec![Fault::value(keys.index_of("connect_to"), why)]);
            }
            Ok(Output { name: name.to_owned(), url, resolve, request })
        }
        (url, resolve, request) => {
            faults.extend(url.err().into_iter().chain(resolve.err()).chain(request.err().unwrap_or_default()));
            Err(faults)
        }
    }
}

fn resolve(keys: &Node) -> Result<Resolve, Fault> {
    let Some(node) = keys.get("resolve") else { return Ok(Resolve::Any) };
    match node.text() {
        Some("any") => Ok(Resolve::Any),
        Some("each") => Ok(Resolve::Each),
        _ => Err(Fault::value(node.at, "must be `any` (one address, the default) or `each` (every address by itself)")),
    }
}

fn output_url(text: &str, at: NodeIndex, code: &str) -> Result<Url, Fault> {
    fill_placeholders(text, code).and_then(|text| parse_url(&text)).map_err(|why| Fault::value(at, why))
}

/// Replaces `{code}` in a URL by the channel's code. Any other placeholder is an error.
fn fill_placeholders(text: &str, code: &str) -> Result<String, String> {
    let filled = text.replace("{code}", code);
    match filled.split_once('{').and_then(|(_, rest)| rest.split_once('}')) {
        Some((name, _)) => Err(format!("unknown placeholder `{{{name}}}`; `{{code}}` is the only one")),
        None => Ok(filled),
    }
}

/// Checks a channel's code: 1 to 64 of `A-Z a-z 0-9 _ . -`, with at least one letter or digit, because the code `..`
/// would lead to the parent folder in a URL's path.
pub(super) fn check_code(code: &str) -> Result<(), String> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let good =
        code.len() <= MAX_CODE_BYTES && code.bytes().all(fits) && code.bytes().any(|b| b.is_ascii_alphanumeric());
    if good {
        return Ok(());
    }
    let code = redact::escape(code, MAX_CODE_BYTES + 1);
    Err(format!(
        "`{code}` is not a channel code: 1 to {MAX_CODE_BYTES} letters, digits, `_`, `.`, `-`, with a letter or digit"
    ))
}

fn check_output_name(name: &str) -> Result<(), String> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    let good = (1..=32).contains(&name.len()) && name.bytes().all(fits);
    if good { Ok(()) } else { Err("an output's name is 1 to 32 letters, digits, `_`, `-`".to_owned()) }
}

/// Parses an http or https URL with a host and without credentials. The error says what is wrong and what to write.
pub(super) fn parse_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text)
        .map_err(|e| format!("`{}` is not a URL: {e}; write http://host/path", redact::escape(text, 200)))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("`{}:` can't be probed; the URL must start with http:// or https://", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("credentials don't belong into a URL; set request.basic_auth".to_owned());
    }
    check_reachable(&url)?;
    Ok(url)
}

/// Refuses a URL to which no probe could ever send a request: port 0, a host that is no DNS name (RFC 1035 2.3.4), or a
/// literal address that the address guard refuses whatever the settings say.
fn check_reachable(url: &Url) -> Result<(), String> {
    if url.port() == Some(0) {
        return Err("port 0 can't be connected to".to_owned());
    }
    let address: IpAddr = match url.host() {
        Some(Host::Ipv4(ip)) => ip.into(),
        Some(Host::Ipv6(ip)) => ip.into(),
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            let is_name = name.len() <= 253 && name.split('.').all(|label| (1..=63).contains(&label.len()));
            let shown = redact::escape(name, 100);
            return if is_name { Ok(()) } else { Err(format!("`{shown}` can't be a host name: DNS has no such name")) };
        }
        None => return Err("the URL has no host".to_owned()),
    };
    match classify(address) {
        AddressClass::Never(what) => Err(format!("{address} is {what}, which is never probed")),
        AddressClass::Public | AddressClass::Private => Ok(()),
    }
}

/// Returns the text in Unicode normalization form C, so that a name is found however it was typed: some systems write
/// `ế` as one character, some as three.
#[must_use]
pub(crate) fn normalized(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc().normalize(text).into_owned()
}
