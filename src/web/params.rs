//! Parameters and scrape timeout of `/probe`. An unknown or repeated parameter is refused, so that a typing error does
//! not probe another target than intended.

use crate::probe::ProbeRequest;
use http::HeaderMap;
use packager_media::redact;
use std::time::Duration;

const KNOWN: [&str; 4] = ["target", "template", "output", "debug"];
/// Longest value of a parameter in bytes. A URL with a token fits.
const MAX_VALUE_BYTES: usize = 4096;
/// Scrape timeout that is assumed if the request has no timeout header: the default of Prometheus.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest accepted scrape timeout in seconds, which every clock can represent.
const MAX_TIMEOUT: f64 = 3600.0;
/// Longest part of a parameter that an error message repeats, in characters.
const MAX_SHOWN_CHARS: usize = 60;
/// Shortest timeout in seconds after the offset was subtracted from Prometheus's scrape timeout. For scrape timeouts
/// below 0.2 s it is half of the scrape timeout.
const MIN_TIMEOUT: f64 = 0.1;
/// Header in which Prometheus sends its scrape timeout in seconds.
pub(crate) const TIMEOUT_HEADER: &str = "x-prometheus-scrape-timeout-seconds";

/// Parameters of `/probe`, for the OpenAPI document.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)]
pub(crate) struct ProbeParameters {
    /// Code of the channel to probe, or URL of a manifest.
    #[param(max_length = 4096, example = "CH_TV_HD_001")]
    target: String,
    /// Name of the template. Without the parameter the channel's own template is used.
    #[param(max_length = 4096, example = "TPL_LIVE_HD")]
    template: Option<String>,
    /// Name of the only output to probe. Without the parameter all outputs are probed.
    #[param(max_length = 4096)]
    output: Option<String>,
    /// Adds the log of the probe and the template to the answer.
    debug: Option<bool>,
}

/// Parsed query string of `/probe`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ProbeQuery {
    pub(crate) ask: ProbeRequest,
    pub(crate) debug: bool,
}

/// Parses the query string of `/probe`.
///
/// # Errors
/// Fails if a parameter is unknown, repeated or too long, if the target is missing, or if `debug` is neither true nor
/// false.
pub(crate) fn query(raw: &str) -> Result<ProbeQuery, String> {
    let mut values: [Option<String>; 4] = [const { None }; 4];
    for (name, value) in url::form_urlencoded::parse(raw.as_bytes()) {
        let known = KNOWN.iter().position(|k| *k == name).and_then(|i| values.get_mut(i));
        let slot = known.ok_or_else(|| unknown(&name))?;
        if value.len() > MAX_VALUE_BYTES {
            return Err(format!("parameter `{name}` has {} bytes; at most {MAX_VALUE_BYTES} are allowed", value.len()));
        }
        if slot.replace(value.into_owned()).is_some() {
            return Err(format!("parameter `{name}` is given twice; give it once"));
        }
    }
    let [target, template, output, debug] = values.map(|v| v.filter(|v| !v.is_empty()));
    let target = target.ok_or("parameter `target` is missing; ask for /probe?target=CHANNEL_CODE")?;
    Ok(ProbeQuery { ask: ProbeRequest { target, template, output }, debug: flag(debug.as_deref())? })
}

fn flag(value: Option<&str>) -> Result<bool, String> {
    match value {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1") => Ok(true),
        Some(other) => {
            Err(format!("parameter `debug` is `{}`; write true or false", redact::escape(other, MAX_SHOWN_CHARS)))
        }
    }
}

fn unknown(name: &str) -> String {
    let near = KNOWN.iter().find(|k| strsim::damerau_levenshtein(k, name) <= 2);
    let hint = near.map(|k| format!(" (did you mean `{k}`?)")).unwrap_or_default();
    format!("unknown parameter `{}`{hint}; /probe knows {}", redact::escape(name, MAX_SHOWN_CHARS), KNOWN.join(", "))
}

/// Returns the longest time of the probe: the scrape timeout minus `offset`. It is always above zero.
///
/// # Errors
/// Fails if the header is not a finite positive number of seconds.
pub(crate) fn timeout(headers: &HeaderMap, offset: Duration) -> Result<Duration, String> {
    let Some(value) = headers.get(TIMEOUT_HEADER) else { return Ok(DEFAULT_TIMEOUT) };
    let seconds = value.to_str().ok().and_then(|v| v.trim().parse::<f64>().ok());
    let seconds = seconds.filter(|s| s.is_finite() && *s > 0.0).ok_or_else(|| {
        let value = redact::escape(&String::from_utf8_lossy(value.as_bytes()), MAX_SHOWN_CHARS);
        format!("header X-Prometheus-Scrape-Timeout-Seconds is `{value}`; it must be a positive number of seconds")
    })?;
    let seconds = seconds.min(MAX_TIMEOUT);
    let left = (seconds - offset.as_secs_f64()).max(MIN_TIMEOUT.min(seconds / 2.0));
    Ok(Duration::from_secs_f64(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(header: &str, offset: f64) -> Result<f64, String> {
        let headers = [(TIMEOUT_HEADER.parse().unwrap(), header.parse().unwrap())].into_iter().collect();
        timeout(&headers, Duration::from_secs_f64(offset)).map(|d| d.as_secs_f64())
    }

    #[test]
    fn the_offset_comes_off_the_scrape_timeout() {
        assert_eq!(of("15", 0.5), Ok(14.5));
        assert_eq!(of(" 9.75 ", 0.5), Ok(9.25));
        assert_eq!(timeout(&HeaderMap::new(), Duration::from_millis(500)), Ok(DEFAULT_TIMEOUT));
    }

    #[test]
    fn a_timeout_shorter_than_the_offset_leaves_a_little_and_less_than_the_scrape() {
        assert_eq!(of("0.5", 0.5), Ok(0.1));
        assert_eq!(of("0.1", 0.5), Ok(0.05));
        assert!(of("1e-300", 0.5).unwrap() < 1e-9);
        assert_eq!(of("1e300", 0.0), Ok(MAX_TIMEOUT));
    }

    #[test]
    fn a_bad_timeout_header_is_an_error_that_shows_it() {
        for bad in ["", "ten", "0", "-1", "NaN", "inf", "10s"] {
            let error = of(bad, 0.5).unwrap_err();
            assert!(error.contains(&format!("`{bad}`")), "{error}");
        }
    }

    #[test]
    fn parameters_become_an_ask() {
        let q = query("target=CH%201&template=&output=hls&debug=true").unwrap();
        assert_eq!(q.ask, ProbeRequest { target: "CH 1".into(), template: None, output: Some("hls".into()) });
        assert!(q.debug);
    }

    #[test]
    fn a_parameter_that_is_unknown_repeated_empty_or_huge_is_refused_by_name() {
        let cases = [
            ("", "`target` is missing"),
            ("target=", "`target` is missing"),
            ("target=A&tempalte=B", "did you mean `template`?"),
            ("target=A&module=http_2xx", "unknown parameter `module`; /probe knows target"),
            ("target=A&target=B", "`target` is given twice"),
            ("target=A&debug=yes", "`debug` is `yes`"),
            ("target=A&x%0a=1", "`x\\n`"),
        ];
        for (raw, expected) in cases {
            let error = query(raw).unwrap_err();
            assert!(error.contains(expected), "{raw}: {error}");
        }
        assert!(query(&format!("target={}", "x".repeat(4096))).is_ok());
        assert!(query(&format!("target={}", "x".repeat(4097))).unwrap_err().contains("4097 bytes"));
        for (text, debug) in [("true", true), ("1", true), ("false", false), ("0", false), ("", false)] {
            assert_eq!(query(&format!("target=A&debug={text}")).unwrap().debug, debug, "{text}");
        }
    }
}
