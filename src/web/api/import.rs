//! Many channels at once: CSV with the guide's header, or a JSON object a line.

use super::authorization::{Admin, Authorized, Read};
use super::openapi::{answers, schema};
use super::problem::Problem;
use super::request::{self, NoParameters, Parameters};
use super::{Answer, Shared, json};
use crate::document::{Document, Errors, Problem as Wrong};
use crate::store::{Row, StoreError};
use axum::extract::{Request, State as Extract};
use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use packager_media::redact;
use serde_json::{Map, Value, json as value};

const MAX_BODY: usize = 32 << 20;
const MAX_ROWS: usize = 50_000;
const CSV: &str = "text/csv";
const LINES: &str = "application/x-ndjson";
const EXAMPLE: &str = "channel_code,channel_name,tier,input_url,template_id\n\
    CH_TV_HD_001,FPT Channel 1 HD,1,http://packager-01/live/CH_TV_HD_001/master.m3u8,1\n";
const COLUMNS: [&str; 14] = [
    "channel_code",
    "channel_name",
    "channel_type",
    "tier",
    "codec",
    "resolution",
    "fps",
    "is_4k",
    "is_hdr",
    "probe_id",
    "input_url",
    "template_id",
    "enabled",
    "outputs",
];

/// Creates and changes channels by their codes, all or none.
#[utoipa::path(post, path = "/channels/import", tag = "channels", operation_id = "import_channels",
    params(("dry_run" = Option<bool>, Query, description = "Checks and counts; writes nothing")),
    request_body(description = "A header and a channel a line, or a JSON object a line", content((String = "text/csv", example = json!(EXAMPLE)), (String = "application/x-ndjson"))),
    responses((status = 200, description = "What was done", body = schema::Imported), answers::Writing))]
pub async fn import(
    caller: Authorized<Admin>,
    Extract(state): Shared,
    mut parameters: Parameters,
    request: Request,
) -> Answer {
    let dry_run = parameters.value("dry_run", "true or false")?.unwrap_or(false);
    parameters.end()?;
    let store = state.store()?;
    let (kind, text) = request::text(request, &[CSV, LINES], MAX_BODY).await?;
    let rows = rows_of(&text, kind == LINES).map_err(|errors| Problem::lines(&errors))?;
    if rows.len() > MAX_ROWS {
        return Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("more than {MAX_ROWS} rows; send them in parts"),
        ));
    }
    let done = store.import_channels(rows, dry_run, |_| {}).await.map_err(|error| match error {
        StoreError::Invalid(errors) => Problem::lines(&errors),
        other => other.into(),
    })?;
    if !dry_run {
        caller.audit("channels imported", &format!("{} created, {} updated", done.created, done.updated));
    }
    let answer = value!({
        "status": "ok", "dry_run": dry_run, "created": done.created, "updated": done.updated,
        "unchanged": done.unchanged,
    });
    Ok(json(StatusCode::OK, &answer))
}

/// CSV that imports again unchanged.
#[utoipa::path(get, path = "/channels/export", tag = "channels", operation_id = "export_channels",
    responses((status = 200, description = "All channels", body = String, content_type = "text/csv"), answers::Reading))]
pub async fn export(_: Authorized<Read>, Extract(state): Shared, _: NoParameters) -> Answer {
    let channels = state.store()?.all_channels().await?;
    let text = csv_of(&channels).map_err(|e| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))?;
    let kind = (CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    Ok((StatusCode::OK, [kind], text).into_response())
}

/// Rows of CSV, or of JSON `lines`; what can't be read of a row is told with it.
///
/// # Errors
/// Every unknown column of the header.
pub fn rows_of(text: &str, lines: bool) -> Result<Vec<Row>, Errors> {
    if lines { Ok(of_lines(text)) } else { of_csv(text) }
}

fn wrong(line: usize, message: impl Into<String>) -> Wrong {
    Wrong { source: "line".to_owned(), position: Some((line, 1)), message: message.into() }
}

fn of_lines(text: &str) -> Vec<Row> {
    let bad = |line, why| Row { line, wrong: vec![why], columns: Map::new() };
    let lines = (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty());
    lines
        .map(|(line, text)| match strict(text) {
            Ok(Value::Object(columns)) => Row { line, wrong: Vec::new(), columns },
            Ok(_) => bad(line, "expected a channel's keys".to_owned()),
            Err(why) => bad(line, why),
        })
        .collect()
}

/// An empty cell says nothing: the channel keeps what it has, or gets the default.
fn of_csv(text: &str) -> Result<Vec<Row>, Errors> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|e| Errors::from(wrong(1, e.to_string())))?.clone();
    let unknown: Vec<Wrong> = header
        .iter()
        .filter(|name| !COLUMNS.contains(name))
        .map(|name| wrong(1, format!("unknown column `{}`; known: {}", name.escape_debug(), COLUMNS.join(", "))))
        .collect();
    Errors(unknown).or(())?;
    let line_of = |at: Option<&csv::Position>| at.map_or(0, |at| usize::try_from(at.line()).unwrap_or(0));
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(e) => {
                rows.push(Row { line: line_of(e.position()), wrong: vec![e.to_string()], columns: Map::new() });
                continue;
            }
        };
        let (mut columns, mut wrong) = (Map::new(), Vec::new());
        for (name, cell) in header.iter().zip(&record).filter(|(_, cell)| !cell.is_empty()) {
            match parsed(name, cell) {
                Ok(value) => drop(columns.insert(name.to_owned(), value)),
                Err(why) => wrong.push(format!("{name}: {why}")),
            }
        }
        rows.push(Row { line: line_of(record.position()), wrong, columns });
    }
    Ok(rows)
}

fn parsed(name: &str, cell: &str) -> Result<Value, String> {
    let escaped = || redact::escape(cell, 60);
    match name {
        "tier" | "probe_id" | "template_id" => {
            cell.parse::<u32>().map(Value::from).map_err(|_| format!("`{}` is not a whole number", escaped()))
        }
        "fps" => {
            let fps = cell.parse::<f64>().ok().filter(|fps| fps.is_finite());
            fps.map(Value::from).ok_or_else(|| format!("`{}` is not a number", escaped()))
        }
        "is_4k" | "is_hdr" | "enabled" => match cell.to_ascii_lowercase().as_str() {
            "true" | "t" | "1" | "yes" => Ok(true.into()),
            "false" | "f" | "0" | "no" => Ok(false.into()),
            _ => Err(format!("`{}` is neither true nor false", escaped())),
        },
        "outputs" => strict(cell),
        _ => Ok(cell.into()),
    }
}

/// JSON in which no key is given twice, nor nested without end.
fn strict(text: &str) -> Result<Value, String> {
    Document::parse_json("json".to_owned(), text.to_owned())
        .map_err(|errors| errors.0.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("; "))?;
    serde_json::from_str(text).map_err(|e| e.to_string())
}

/// The columns that [`of_csv`] reads. A ladder doesn't fit into a cell: it stays as it is on import.
///
/// # Errors
/// None that memory wouldn't have first.
pub fn csv_of(channels: &[Value]) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for channel in channels {
        let cells = COLUMNS.iter().map(|name| match channel.get(*name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(Value::Object(map)) if map.is_empty() => String::new(),
            Some(other) => other.to_string(),
        });
        writer.write_record(cells)?;
    }
    let bytes = writer.into_inner().map_err(|e| csv::Error::from(e.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guides_csv_is_read_with_types() {
        let text = "channel_code,channel_name,tier,fps,is_4k,input_url,outputs\n\
                    A,FPT Channel 1,1,25,false,http://p/a.m3u8,\"{\"\"dash\"\": \"\"http://p/a.mpd\"\"}\"\nB,,,,TRUE,http://p/b.m3u8,\n";
        let rows = of_csv(text).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(
            Value::Object(rows[0].columns.clone()),
            value!({"channel_code": "A", "channel_name": "FPT Channel 1",
            "tier": 1, "fps": 25.0, "is_4k": false, "input_url": "http://p/a.m3u8", "outputs": {"dash": "http://p/a.mpd"}})
        );
        assert_eq!(rows[1].line, 3);
        assert_eq!(rows[1].columns.len(), 3, "an empty cell is no value");
    }

    #[test]
    fn each_bad_cell_is_named_by_line_and_column() {
        let rows = of_csv("channel_code,tier,fps,is_4k\nA,one,x,maybe\nB,1\n").unwrap();
        let told: Vec<(usize, String)> = rows.iter().map(|row| (row.line, row.wrong.join("; "))).collect();
        let cells =
            "tier: `one` is not a whole number; fps: `x` is not a number; is_4k: `maybe` is neither true nor false";
        assert_eq!(told[0], (2, cells.to_owned()));
        assert!(told[1].0 == 3 && told[1].1.contains("2 fields"), "{told:?}");
        assert!(of_csv("channel_code,fsp\n").unwrap_err().to_string().contains("unknown column `fsp`"));
    }
}
