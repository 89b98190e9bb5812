//! Channels and thresholds from environment variables: PACKAGER_URL, CHANNELS and the thresholds of the built-in
//! template.

use super::{Channel, Output, RequestSettings};
use crate::document::Problem;
use std::collections::BTreeMap;
use url::Url;

/// The part of the catalogue that environment variables define.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    pub packager: Option<Url>,
    pub codes: Vec<String>,
    /// Thresholds of the built-in template that environment variables set: the key of each with its value.
    pub thresholds: Vec<(&'static str, f64)>,
}

const THRESHOLDS: [(&str, &str); 3] = [
    ("SEGMENT_DURATION_TARGET", "segment_duration_target"),
    ("SEGMENT_DURATION_TOLERANCE", "segment_duration_tolerance"),
    ("MAX_DOWNLOAD_TIME", "max_download_time"),
];

impl Environment {
    /// Reads `PACKAGER_URL`, `CHANNELS` and the thresholds from `variables`, and lists every bad value. An empty
    /// variable counts as unset.
    pub(crate) fn read(variables: &BTreeMap<String, String>) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut environment = Self::default();
        match value(variables, "PACKAGER_URL").map(packager).transpose() {
            Ok(url) => environment.packager = url,
            Err(message) => problems.push(Problem::of("PACKAGER_URL", message)),
        }
        match value(variables, "CHANNELS").map(codes).transpose() {
            Ok(codes) => environment.codes = codes.unwrap_or_default(),
            Err(message) => problems.push(Problem::of("CHANNELS", message)),
        }
        for (variable, key) in THRESHOLDS {
            match value(variables, variable).map(|text| threshold(key, text)).transpose() {
                Ok(number) => environment.thresholds.extend(number.map(|n| (key, n))),
                Err(message) => problems.push(Problem::of(variable, message)),
            }
        }
        (environment, problems)
    }

    /// Makes one channel for each code in `CHANNELS`, with the URL `<PACKAGER_URL>/live/<code>/master.m3u8`.
    pub(crate) fn channels(&self) -> Result<Vec<Channel>, Problem> {
        let Some(packager) = &self.packager else {
            let why = "is set without PACKAGER_URL; set PACKAGER_URL=http://packager-01.internal";
            return if self.codes.is_empty() { Ok(Vec::new()) } else { Err(Problem::of("CHANNELS", why)) };
        };
        let base = packager.as_str().trim_end_matches('/');
        self.codes.iter().map(|code| channel(base, code)).collect()
    }
}

fn channel(base: &str, code: &str) -> Result<Channel, Problem> {
    let url = format!("{base}/live/{code}/master.m3u8");
    let url = Url::parse(&url).map_err(|e| Problem::of("PACKAGER_URL", format!("{url} is not a URL: {e}")))?;
    Ok(Channel {
        code: code.to_owned(),
        name: code.to_owned(),
        outputs: vec![Output::new("hls", url.clone())],
        request: RequestSettings::default(),
        ..Channel::of_url(url, super::BUILT_IN)
    })
}

/// Returns the value of an environment variable without a comment at its end, because `docker run --env-file` passes a
/// comment behind a value as a part of the value. `None`: the variable is unset or empty.
fn value<'a>(variables: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    let text = variables.get(name)?;
    let text = text.split_once(" #").map_or(text.as_str(), |(value, _)| value).trim();
    (!text.is_empty()).then_some(text)
}

fn packager(text: &str) -> Result<Url, String> {
    let url = super::channels::parse_url(text)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must end before `?`: the channel's path is put behind it".to_owned());
    }
    Ok(url)
}

fn codes(text: &str) -> Result<Vec<String>, String> {
    let mut codes: Vec<String> = Vec::new();
    for code in text.split(',').map(str::trim).filter(|c| !c.is_empty()) {
        super::channels::check_code(code)?;
        if codes.iter().any(|c| c == code) {
            return Err(format!("names `{code}` twice"));
        }
        codes.push(code.to_owned());
    }
    Ok(codes)
}

fn threshold(key: &str, text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| format!("`{text}` is not a number"))?;
    match super::templates::range_message(key, number) {
        Some(allowed) => Err(format!("is {text}; {allowed}")),
        None => Ok(number),
    }
}
