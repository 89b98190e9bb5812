//! Channels on the page at `/`: a row for each channel with its state, the worst first. Every text is escaped.

use super::ServerState;
use super::page::escape;
use super::status::{ChannelState, ChannelStatus};
use crate::document::suggestion;
use crate::report::Report;
use packager_media::redact;
use packager_media::units::{Seconds, Timestamp};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Largest number of channels in the table. More would make the page slow.
const MAX_ROWS: usize = 500;
/// Longest message of a finding that is shown, in characters.
const MAX_MESSAGE_CHARS: usize = 200;
/// Every state with its value in the query, its word on the page, and its class of the style sheet.
const STATES: [(ChannelState, &str, &str, &str); 5] = [
    (ChannelState::Down, "down", "failed", "bad"),
    (ChannelState::Degraded, "degraded", "degraded", "poor"),
    (ChannelState::Unknown, "unknown", "not probed", "dim"),
    (ChannelState::Up, "up", "ok", "good"),
    (ChannelState::Disabled, "disabled", "disabled", "dim"),
];

const PARAMETERS: [&str; 4] = ["state", "q", "tier", "packager"];

/// Filter of the channels, from the query of the page.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    /// `None`: channels of every state are shown.
    state: Option<ChannelState>,
    /// Text that is contained in code or name; upper and lower case are the same. Empty: every channel is shown.
    q: String,
    tier: Option<u32>,
    /// Host of the first output. Empty: channels of every packager are shown.
    packager: String,
}

impl Filter {
    /// Reads the filter from a query. A parameter with an empty value counts as missing, because a form sends all of
    /// its fields.
    ///
    /// # Errors
    /// Fails if a parameter is unknown, malformed or given twice.
    pub(super) fn read(query: &str) -> Result<Self, String> {
        let mut filter = Self::default();
        let mut given = BTreeSet::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if !given.insert(name.to_string()) {
                return Err(format!("parameter `{}` is given twice; give it once", redact::escape(&name, 60)));
            }
            if value.is_empty() && PARAMETERS.contains(&name.as_ref()) {
                continue;
            }
            match name.as_ref() {
                "state" => {
                    let known = STATES.iter().find(|(_, text, _, _)| *text == value).map(|(state, ..)| *state);
                    let wrong = "`state` must be down, degraded, unknown, up or disabled";
                    filter.state = Some(known.ok_or(wrong)?);
                }
                "q" => filter.q = value.to_lowercase(),
                "tier" => filter.tier = Some(tier(&value).ok_or("`tier` must be a number from 0")?),
                "packager" => filter.packager = value.into_owned(),
                other => {
                    let hint = suggestion(other, &PARAMETERS);
                    return Err(format!("unknown parameter `{}`{hint}", redact::escape(other, 60)));
                }
            }
        }
        Ok(filter)
    }

    fn fits(&self, status: &ChannelStatus) -> bool {
        let has = |text: &str| text.to_lowercase().contains(&self.q);
        self.state.is_none_or(|state| state == status.state)
            && (has(&status.code) || has(&status.name))
            && self.tier.is_none_or(|tier| status.tier == Some(tier))
            && (self.packager.is_empty() || self.packager == status.packager)
    }
}

/// Makes the section of the page with the channels that the filter selects. `ui` is whether the web page is served
/// beside this one, which the rows then link to.
pub(super) fn section(state: &ServerState, base: &str, filter: &Filter, ui: bool) -> String {
    let config = state.backend.config();
    let now = Timestamp::now();
    let mut all: Vec<ChannelStatus> = {
        let states = state.states();
        config.snapshot.channels.values().map(|channel| states.status(channel, now)).collect()
    };
    let counts = counts(base, &all);
    all.retain(|status| filter.fits(status));
    let rank = |status: &ChannelStatus| STATES.iter().position(|(state, ..)| *state == status.state);
    all.sort_by_key(|status| (rank(status), Reverse(status.severity), Reverse(status.since)));
    let mut rows = String::new();
    for status in all.iter().take(MAX_ROWS) {
        let report = state.last_report(&status.code);
        rows.push_str(&row(base, status, report.as_deref(), now, ui));
    }
    if all.is_empty() {
        rows.push_str("<tr><td colspan=\"6\">None.</td></tr>\n");
    }
    let more = all.len().saturating_sub(MAX_ROWS);
    let more = if more > 0 { format!("<p>{more} more: use the filter.</p>\n") } else { String::new() };
    format!(
        "<h2>Channels</h2>\n<p>{counts}</p>\n{}<table><thead><tr><th>Channel</th><th>State</th><th>Since (UTC)</th>\
<th>Worst finding</th><th>Last probe</th><th>Log</th></tr></thead><tbody>\n{rows}</tbody></table>\n{more}",
        form(base, filter)
    )
}

/// Reads a tier, which the database keeps in 32 bits with a sign.
fn tier(text: &str) -> Option<u32> {
    text.parse::<i32>().ok().and_then(|tier| u32::try_from(tier).ok())
}

fn counts(base: &str, all: &[ChannelStatus]) -> String {
    let count = |state| all.iter().filter(|status| status.state == state).count();
    let link = |(state, value, word, class): &(ChannelState, &str, &str, &str)| {
        format!("<a class=\"{class}\" href=\"{base}/?state={value}\">{} {word}</a>", count(*state))
    };
    let all = format!("<a href=\"{base}/\">{} channels</a>", all.len());
    [all].into_iter().chain(STATES.iter().map(link)).collect::<Vec<_>>().join(" · ")
}

fn form(base: &str, filter: &Filter) -> String {
    let mut options = "<option value=\"\">every state</option>".to_owned();
    for (state, value, word, _) in STATES {
        let selected = if filter.state == Some(state) { " selected" } else { "" };
        let _ = write!(options, "<option value=\"{value}\"{selected}>{word}</option>");
    }
    let tier = filter.tier.map(|tier| tier.to_string()).unwrap_or_default();
    format!(
        "<form action=\"{base}/\" method=\"get\"><label>State <select name=\"state\">{options}</select></label>\
<label>Code or name <input name=\"q\" value=\"{}\"></label><label>Tier <input name=\"tier\" size=\"2\" value=\"{tier}\"></label>\
<label>Packager <input name=\"packager\" value=\"{}\"></label><button>Filter</button></form>\n",
        escape(&filter.q),
        escape(&filter.packager),
    )
}

fn row(base: &str, status: &ChannelStatus, report: Option<&Report>, now: Timestamp, ui: bool) -> String {
    let (_, _, word, class) = STATES.into_iter().find(|(state, ..)| *state == status.state).unwrap_or(STATES[2]);
    let code = escape(&status.code);
    let path: String = url::form_urlencoded::byte_serialize(status.code.as_bytes()).collect();
    let path = path.replace('+', "%20");
    let channel = if ui { format!("<a href=\"{base}/ui/channels/{path}\">{code}</a>") } else { code.clone() };
    let name = if status.name == status.code { String::new() } else { format!(" {}", escape(&status.name)) };
    let since = status.since.map(|at| whole_second(&at)).unwrap_or_default();
    let since = if status.since.is_some() && !status.since_exact { format!("before {since}") } else { since };
    let probed = status.last_probe.as_ref().map_or_else(
        || "never".to_owned(),
        |probe| format!("{} ago, {:.3} s", age(probe.started_at, now), probe.duration_seconds),
    );
    let log = if report.is_some() { format!("<a href=\"{base}/logs?target={path}\">log</a>") } else { String::new() };
    let worst = worst(status, report);
    format!(
        "<tr><td>{channel}{name}</td><td class=\"{class}\">{word}</td><td>{since}</td><td>{worst}</td><td>{probed}</td>\
<td>{log}</td></tr>\n"
    )
}

/// Returns severity, check and message of the worst finding of the last probe. The message is left out if another
/// exporter ran that probe.
fn worst(status: &ChannelStatus, report: Option<&Report>) -> String {
    let Some(failed) = status.failed.first().filter(|_| status.severity.is_some()) else { return String::new() };
    let started = status.last_probe.as_ref().map(|probe| probe.started_at);
    let report = report.filter(|report| Some(report.started_at) == started);
    let outcomes = report.into_iter().flat_map(Report::failed).filter(|outcome| outcome.check.id == failed.check);
    let finding = outcomes.flat_map(|outcome| &outcome.findings).max_by_key(|finding| finding.severity);
    let message = finding.map(|finding| finding.message.chars().take(MAX_MESSAGE_CHARS).collect::<String>());
    let message = message.map(|message| format!(": {}", escape(&message))).unwrap_or_default();
    let more = status.failed.len() - 1;
    let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
    format!("{} {}{message}{more}", failed.severity.as_str(), escape(&failed.check))
}

pub(super) fn whole_second(at: &Timestamp) -> String {
    jiff::fmt::temporal::DateTimePrinter::new().precision(Some(0)).timestamp_to_string(at)
}

fn age(from: Timestamp, now: Timestamp) -> String {
    let seconds = Seconds::between(from, now).0.max(0.0);
    if seconds < 120.0 {
        format!("{seconds:.0} s")
    } else if seconds < 7200.0 {
        format!("{:.0} min", seconds / 60.0)
    } else {
        format!("{:.0} h", seconds / 3600.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_parameter_counts_as_missing_and_a_wrong_one_is_refused() {
        assert_eq!(Filter::read("state=&q=&tier=&packager="), Ok(Filter::default()));
        let filter = Filter::read("state=down&q=SPORT&tier=1&packager=p-1").unwrap();
        let expected = Filter {
            state: Some(ChannelState::Down),
            q: "sport".to_owned(),
            tier: Some(1),
            packager: "p-1".to_owned(),
        };
        assert_eq!(filter, expected);
        for (query, why) in [
            ("state=green", "`state` must be"),
            ("tier=one", "a number"),
            ("tier=2147483648", "a number"),
            ("teir=1", "`tier`"),
            ("teir=", "`tier`"),
            ("q=a&q=", "twice"),
        ] {
            assert!(Filter::read(query).unwrap_err().contains(why), "{query}");
        }
    }
}
