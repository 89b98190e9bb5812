//! Log lines on standard error, as logfmt or JSON, in UTC with milliseconds.

use clap::ValueEnum;
use std::fmt::{self, Write};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Logfmt,
    Json,
}

impl Level {
    /// Returns the log filter of a level. Libraries log warnings and errors only, whatever the level of the exporter.
    fn filter(self) -> &'static str {
        match self {
            Self::Debug => "warn,packager_exporter=debug",
            Self::Info => "warn,packager_exporter=info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Starts writing log lines to standard error. A second call has no effect.
pub(super) fn start(level: Level, format: Format) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(level.filter()))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_timer(Utc);
    let _ = match format {
        Format::Logfmt => builder.event_format(Logfmt).try_init(),
        Format::Json => builder.json().flatten_event(true).try_init(),
    };
}

struct Utc;

impl FormatTime for Utc {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        let now = jiff::Timestamp::now();
        w.write_str(&jiff::fmt::temporal::DateTimePrinter::new().precision(Some(3)).timestamp_to_string(&now))
    }
}

/// Formatter for logfmt lines as Prometheus writes them: `ts=… level=… msg="…" key=value`.
struct Logfmt;

impl<S, N> FormatEvent<S, N> for Logfmt
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        writer.write_str("ts=")?;
        Utc.format_time(&mut writer)?;
        write!(writer, " level={}", event.metadata().level().as_str().to_ascii_lowercase())?;
        let mut fields = Fields::default();
        event.record(&mut fields);
        writeln!(writer, " msg={}{}", quoted(&fields.message), fields.rest)
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    rest: String,
}

impl Fields {
    fn add(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            name => {
                let _ = write!(self.rest, " {name}={}", quoted(value));
            }
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, &format!("{value:?}"));
    }
}

/// Returns a log value as one logfmt word, quoted and escaped where necessary, so that a hostile value can't begin a
/// new line.
fn quoted(value: &str) -> String {
    let bare = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '=' | '\\');
    if !value.is_empty() && value.chars().all(bare) {
        return value.to_owned();
    }
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_has_time_level_message_and_fields_and_stays_one_line() {
        let sink = Sink::default();
        let writer = sink.clone();
        let subscriber = tracing_subscriber::fmt().event_format(Logfmt).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(
                target_code = "CH 1\nlevel=error \"x\"",
                tries = 3,
                ok = true,
                plain = "a/b:c",
                "can't fetch"
            );
        });
        let line = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        let (time, rest) = line.strip_prefix("ts=").unwrap().split_once(' ').unwrap();
        assert!(time.parse::<jiff::Timestamp>().is_ok() && time.len() == "2026-01-01T00:00:00.000Z".len(), "{time}");
        assert_eq!(
            rest,
            "level=warn msg=\"can't fetch\" target_code=\"CH 1\\nlevel=error \\\"x\\\"\" tries=3 ok=true plain=a/b:c\n"
        );
    }

    #[test]
    fn empty_and_control_characters_are_quoted() {
        assert_eq!((quoted("").as_str(), quoted("\u{1b}[0m").as_str()), ("\"\"", "\"\\u001b[0m\""));
    }
}
