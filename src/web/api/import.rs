//! Import and export of many channels: CSV with a header line, or one JSON object on each line.

use super::authorization::{Admin, Authorized, Read};
use super::bodies::Imported;
use super::openapi::answers;
use super::problem::Problem;
use super::request::{self, NoParameters, Parameters};
use super::{Answer, Shared, json};
use crate::catalog::{ChannelRow, JsonObject, TableRow as _};
use crate::document::{Document, DocumentErrors, Problem as Wrong};
use crate::store::{ImportRow, StoreError};
use axum::extract::{Request, State as Extract};
use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use packager_media::redact;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::LazyLock;
use utoipa::openapi::schema::Type;

const MAX_BODY_BYTES: usize = 32 << 20;
const MAX_ROWS: usize = 50_000;
const CSV: &str = "text/csv";
const LINES: &str = "application/x-ndjson";
const EXAMPLE: &str = "channel_code,channel_name,tier,input_url,template_id\n\
    CH_TV_HD_001,FPT Channel 1 HD,1,http://packager-01/live/CH_TV_HD_001/master.m3u8,1\n";
/// Names of the CSV columns: all of them, and those with integers, numbers, booleans and objects. They are derived from
/// the fields of [`ChannelRow`]. The columns `ladder` and `request` aren't among them, because they are too large for a
/// cell.
static CELLS: LazyLock<Cells> = LazyLock::new(|| Cells {
    columns: ChannelRow::writable().filter(|name| !matches!(*name, "ladder" | "request")).collect(),
    integers: ChannelRow::columns_of(&Type::Integer),
    numbers: ChannelRow::columns_of(&Type::Number),
    booleans: ChannelRow::columns_of(&Type::Boolean),
    objects: ChannelRow::columns_of(&Type::Object),
});

struct Cells {
    columns: Vec<&'static str>,
    integers: BTreeSet<String>,
    numbers: BTreeSet<String>,
    booleans: BTreeSet<String>,
    objects: BTreeSet<String>,
}

/// Imports channels: creates and changes them by their codes, all or none.
#[utoipa::path(post, path = "/channels/import", tag = "channels", operation_id = "import_channels",
    params(("dry_run" = Option<bool>, Query, description = "Checks and counts; writes nothing")),
    request_body(description = "A header and a channel a line, or a JSON object a line", content((String = "text/csv", example = json!(EXAMPLE)), (String = "application/x-ndjson"))),
    responses((status = 200, description = "What was done", body = Imported), answers::WriteErrors))]
pub(super) async fn import(
    caller: Authorized<Admin>,
    Extract(state): Shared,
    mut parameters: Parameters,
    request: Request,
) -> Answer {
    // Without a value it could be meant as true.
    let dry_run = parameters.given("dry_run", "true or false")?.unwrap_or(false);
    parameters.end()?;
    let store = state.store()?;
    let (kind, text) = request::text(request, &[CSV, LINES], MAX_BODY_BYTES).await?;
    // A body of 32 MB takes seconds, in which the thread would answer nothing else.
    let read = tokio::task::spawn_blocking(move || rows_of(&text, kind == LINES)).await;
    let read = read.map_err(|e| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))?;
    let rows = read.map_err(|errors| Problem::lines(&errors))?;
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
    Ok(json(StatusCode::OK, &Imported::new(done, dry_run)))
}

/// Exports all channels as CSV. Importing the result changes nothing.
#[utoipa::path(get, path = "/channels/export", tag = "channels", operation_id = "export_channels",
    responses((status = 200, description = "All channels", body = String, content_type = "text/csv"), answers::ReadErrors))]
pub(super) async fn export(_: Authorized<Read>, Extract(state): Shared, _: NoParameters) -> Answer {
    let channels = state.store()?.all_channels().await?;
    let text = csv_of(&channels).map_err(|e| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))?;
    let kind = (CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    Ok((StatusCode::OK, [kind], text).into_response())
}

/// Parses the rows of an import: CSV, or one JSON object on each line if `lines` is true. Faults of single cells are in
/// the row's problems.
///
/// # Errors
/// Fails with every unknown column of the CSV header.
pub(crate) fn rows_of(text: &str, lines: bool) -> Result<Vec<ImportRow>, DocumentErrors> {
    if lines { Ok(of_lines(text)) } else { of_csv(text) }
}

fn problem(line: usize, message: impl Into<String>) -> Wrong {
    Wrong { source: "line".to_owned(), position: Some((line, 1)), message: message.into() }
}

fn of_lines(text: &str) -> Vec<ImportRow> {
    let bad = |line, why| ImportRow { line, problems: vec![why], columns: JsonObject::new() };
    let lines = (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty());
    lines
        .map(|(line, text)| match strict(text) {
            Ok(Value::Object(columns)) => ImportRow { line, problems: Vec::new(), columns },
            Ok(_) => bad(line, "expected a channel's keys".to_owned()),
            Err(why) => bad(line, why),
        })
        .collect()
}

/// Parses the rows of CSV text. An empty cell counts as missing: the channel keeps its value, or gets the default.
fn of_csv(text: &str) -> Result<Vec<ImportRow>, DocumentErrors> {
    // The reader counts the lines of a text with CR LF from the line before.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let Table { text, first_line, delimiter } = Table::of(&text);
    if let Some(line) = unclosed_quote(text, delimiter) {
        let why = "the quotation mark that opens here is never closed: the file is cut, or a mark is missing";
        return Err(problem(first_line + line, why).into());
    }
    let mut builder = csv::ReaderBuilder::new();
    let mut reader = builder.delimiter(delimiter).trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|e| DocumentErrors::from(problem(1, e.to_string())))?.clone();
    let mut seen = BTreeSet::new();
    let unknown: Vec<Wrong> = header
        .iter()
        // Spreadsheet programs write columns that once had a cell.
        .filter(|name| !name.is_empty())
        .filter_map(|name| {
            let name_shown = name.escape_debug();
            let why = match (CELLS.columns.contains(&name), seen.insert(name)) {
                (false, _) => format!("unknown column `{name_shown}`; known: {}", CELLS.columns.join(", ")),
                (true, false) => format!("the column `{name_shown}` stands here twice"),
                (true, true) => return None,
            };
            Some(problem(first_line + 1, why))
        })
        .collect();
    DocumentErrors(unknown).or(())?;
    let line_of = |at: Option<&csv::Position>| first_line + at.map_or(0, |at| usize::try_from(at.line()).unwrap_or(0));
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(e) => {
                rows.push(ImportRow {
                    line: line_of(e.position()),
                    problems: vec![e.to_string()],
                    columns: JsonObject::new(),
                });
                continue;
            }
        };
        let (mut columns, mut problems) = (JsonObject::new(), Vec::new());
        let mut cells = header.iter().zip(&record).filter(|(_, cell)| !cell.is_empty()).peekable();
        if cells.peek().is_none() {
            continue;
        }
        for (name, cell) in cells {
            if name.is_empty() {
                problems.push(format!("`{}` stands in a column without a name", redact::escape(cell, 60)));
                continue;
            }
            match parsed(name, cell, delimiter) {
                Ok(value) => drop(columns.insert(name.to_owned(), value)),
                Err(why) => problems.push(format!("{name}: {why}")),
            }
        }
        rows.push(ImportRow { line: line_of(record.position()), problems, columns });
    }
    Ok(rows)
}

/// Whether a line of CSV text has only delimiters.
fn is_empty_row(line: &str) -> bool {
    line.trim_matches([',', ';', '\t', ' ', '\r', '\n']).is_empty()
}

/// CSV text as spreadsheet programs save it, with its delimiter.
struct Table<'a> {
    text: &'a str,
    /// Number of lines of the file that come before `text`.
    first_line: usize,
    delimiter: u8,
}

impl<'a> Table<'a> {
    /// Finds the delimiter of a CSV text: it is given in a line `sep=;` before the header; otherwise it is the
    /// semicolon or tab of a header without commas; otherwise the comma.
    fn of(whole: &'a str) -> Self {
        let blank: usize = whole.split_inclusive('\n').take_while(|line| is_empty_row(line)).map(str::len).sum();
        let (before, text) = whole.split_at(blank);
        let first_line = before.lines().count();
        let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
        if let Some(&[delimiter @ (b',' | b';' | b'\t')]) = first.trim_end().strip_prefix("sep=").map(str::as_bytes) {
            return Self { text: rest, first_line: first_line + 1, delimiter };
        }
        let only = |delimiter: char| first.contains(delimiter) && !first.contains(',');
        let delimiter = if only(';') {
            b';'
        } else if only('\t') {
            b'\t'
        } else {
            b','
        };
        Self { text, first_line, delimiter }
    }
}

/// Returns the line, from 1, of a quotation mark that opens a cell of CSV text and is never closed. The CSV reader
/// would read the rest of the text as this cell.
fn unclosed_quote(text: &str, delimiter: u8) -> Option<usize> {
    #[derive(Clone, Copy)]
    enum At {
        CellStart,
        Plain,
        /// The byte is inside quotation marks that opened on this line.
        Quoted(usize),
        /// The previous byte was a quotation mark inside a quoted cell: another one is an escaped mark, any other byte
        /// ends the quotation.
        Mark(usize),
    }
    let (mut line, mut at) = (1, At::CellStart);
    for byte in text.bytes() {
        at = match (at, byte) {
            (At::CellStart, b'"') => At::Quoted(line),
            (At::Quoted(opened), b'"') => At::Mark(opened),
            (At::Mark(opened), b'"') => At::Quoted(opened),
            (At::Quoted(opened), _) => At::Quoted(opened),
            (_, b'\n' | b'\r') => At::CellStart,
            (_, byte) if byte == delimiter => At::CellStart,
            _ => At::Plain,
        };
        line += usize::from(byte == b'\n');
    }
    if let At::Quoted(opened) = at { Some(opened) } else { None }
}

/// First characters of a cell that make a spreadsheet program read the cell as a formula.
const FORMULA: [char; 4] = ['=', '+', '-', '@'];

fn is_formula(cell: &str) -> bool {
    cell.trim_start_matches('\'').starts_with(FORMULA)
}

/// Returns the text for a CSV cell that no spreadsheet program reads as a formula. [`text_of_cell`] is the inverse.
fn cell_of_text(text: &str) -> String {
    if is_formula(text) { format!("'{text}") } else { text.to_owned() }
}

fn text_of_cell(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|_| is_formula(cell)).unwrap_or(cell)
}

/// Parses a CSV cell by the kind of its column. If the delimiter is not a comma, numbers may have a decimal comma.
fn parsed(name: &str, cell: &str, delimiter: u8) -> Result<Value, String> {
    let escaped = || redact::escape(cell, 60);
    match name {
        _ if CELLS.integers.contains(name) => {
            cell.parse::<u32>().map(Value::from).map_err(|_| format!("`{}` is not a whole number", escaped()))
        }
        _ if CELLS.numbers.contains(name) => {
            let point = if delimiter == b',' { cell.to_owned() } else { cell.replace(',', ".") };
            let number = point.parse::<f64>().ok().filter(|number| number.is_finite());
            number.map(Value::from).ok_or_else(|| format!("`{}` is not a number", escaped()))
        }
        _ if CELLS.booleans.contains(name) => match cell.to_ascii_lowercase().as_str() {
            "true" | "t" | "1" | "yes" => Ok(true.into()),
            "false" | "f" | "0" | "no" => Ok(false.into()),
            _ => Err(format!("`{}` is neither true nor false", escaped())),
        },
        _ if CELLS.objects.contains(name) => strict(cell),
        _ => Ok(text_of_cell(cell).into()),
    }
}

/// Parses a JSON text, and refuses repeated keys, deep nesting and the character NUL.
fn strict(text: &str) -> Result<Value, String> {
    let document = Document::parse_json("json".to_owned(), text.to_owned())
        .map_err(|errors| errors.0.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("; "))?;
    if document.root.has_nul() {
        return Err(request::NUL.to_owned());
    }
    serde_json::from_str(text).map_err(|e| e.to_string())
}

/// CSV of channels, with the columns that an import reads. An import without ladders and settings of requests keeps those
/// of the channels.
///
/// # Errors
/// Fails if the CSV writer fails, which it doesn't when it writes into memory.
pub(crate) fn csv_of(channels: &[ChannelRow]) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&CELLS.columns)?;
    for channel in channels {
        let values = channel.public_values();
        let cells = CELLS.columns.iter().map(|name| match values.get(*name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => cell_of_text(text),
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
    fn empty_columns_and_rows_of_a_spreadsheet_are_passed_over() {
        let rows = of_csv("\n;;\nchannel_code;tier;;\nA;2;;\n;;;\nB;x;;\nC;1;;lost\n").unwrap();
        let seen: Vec<_> = rows.iter().map(|row| (row.line, row.problems.len())).collect();
        assert_eq!(seen, [(4, 0), (6, 1), (7, 1)]);
        assert_eq!(rows[2].problems, ["`lost` stands in a column without a name"]);
    }

    #[test]
    fn csv_is_read_with_the_types_of_its_columns() {
        let text = "channel_code,channel_name,tier,fps,is_4k,input_url,outputs\n\
                    A,FPT Channel 1,1,25,false,http://p/a.m3u8,\"{\"\"dash\"\": \"\"http://p/a.mpd\"\"}\"\nB,,,,TRUE,http://p/b.m3u8,\n";
        let rows = of_csv(text).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(
            Value::Object(rows[0].columns.clone()),
            serde_json::json!({"channel_code": "A", "channel_name": "FPT Channel 1",
            "tier": 1, "fps": 25.0, "is_4k": false, "input_url": "http://p/a.m3u8", "outputs": {"dash": "http://p/a.mpd"}})
        );
        assert_eq!(rows[1].line, 3);
        assert_eq!(rows[1].columns.len(), 3, "an empty cell is no value");
    }

    #[test]
    fn semicolons_tabs_and_a_line_that_names_the_delimiter_are_read_as_spreadsheets_write_them() {
        let of = |text: &str| {
            let rows = of_csv(text).unwrap();
            assert!(rows.iter().all(|row| row.problems.is_empty()), "{rows:?}");
            (rows[0].line, Value::Object(rows[0].columns.clone()))
        };
        let expected = serde_json::json!({"channel_code": "A", "channel_name": "Kênh ; 1", "fps": 29.97});
        assert_eq!(of("\u{feff}channel_code;channel_name;fps\r\nA;\"Kênh ; 1\";29,97\r\n"), (2, expected.clone()));
        assert_eq!(of("sep=;\r\nchannel_code;channel_name;fps\r\nA;\"Kênh ; 1\";29.97\r\n"), (3, expected.clone()));
        assert_eq!(of("channel_code\tchannel_name\tfps\nA\tKênh ; 1\t29,97\n"), (2, expected));
        let error = of_csv("sep=;\nchannel_code;fsp\n").unwrap_err().to_string();
        assert!(error.starts_with("line:2:1: unknown column `fsp`"), "{error}");
    }

    #[test]
    fn a_file_cut_inside_of_quotation_marks_and_a_column_that_comes_twice_are_refused() {
        let error = |text: &str| of_csv(text).unwrap_err().to_string();
        let cut = "channel_code,channel_name\nA,\"one\"\"s\"\nB,\"two\nC,three\n";
        assert!(
            error(cut).starts_with("line:3:1: the quotation mark that opens here is never closed"),
            "{}",
            error(cut)
        );
        assert_eq!(of_csv("channel_code,channel_name\nA,\"one\"\"s\"\nB,5\"\" two\n").unwrap().len(), 2);
        assert_eq!(of_csv("channel_code,channel_name\nA,\"\"\nB,\"\"\"x\"\"\"\n").unwrap().len(), 2);
        assert!(error("channel_code,tier,tier\n").contains("the column `tier` stands here twice"));
    }

    #[test]
    fn no_exported_cell_is_a_formula_and_its_import_is_the_text() {
        for text in ["=HYPERLINK(\"http://x\")", "+1", "-2 dB", "@x", "'=1", "''=1"] {
            let cell = cell_of_text(text);
            assert!(!cell.starts_with(FORMULA) && text_of_cell(&cell) == text, "{text}: {cell}");
        }
        for text in ["'quoted'", "VTV 1", "", "'"] {
            assert_eq!((cell_of_text(text).as_str(), text_of_cell(text)), (text, text));
        }
    }

    #[test]
    fn each_bad_cell_is_named_by_line_and_column() {
        let rows = of_csv("channel_code,tier,fps,is_4k\nA,one,x,maybe\nB,1\n").unwrap();
        let problems: Vec<(usize, String)> = rows.iter().map(|row| (row.line, row.problems.join("; "))).collect();
        let cells =
            "tier: `one` is not a whole number; fps: `x` is not a number; is_4k: `maybe` is neither true nor false";
        assert_eq!(problems[0], (2, cells.to_owned()));
        assert!(problems[1].0 == 3 && problems[1].1.contains("2 fields"), "{problems:?}");
        assert!(of_csv("channel_code,fsp\n").unwrap_err().to_string().contains("unknown column `fsp`"));
    }

    #[test]
    fn the_header_of_an_export_is_that_of_an_import_and_stays() {
        let header = "channel_code,channel_name,channel_type,tier,codec,resolution,fps,is_4k,is_hdr,probe_id,input_url,\
                      template_id,enabled,outputs\n";
        assert_eq!(csv_of(&[]).unwrap(), header);
        assert!(of_csv(header).unwrap().is_empty());
    }

    #[test]
    fn every_spelling_of_true_and_false_is_read_and_a_number_is_finite() {
        for (cells, expected) in [(["true", "T", "1", "Yes"], true), (["false", "F", "0", "No"], false)] {
            assert!(cells.iter().all(|cell| parsed("enabled", cell, b',') == Ok(expected.into())), "{cells:?}");
        }
        assert_eq!(parsed("tier", "4294967295", b','), Ok(4_294_967_295_u32.into()));
        assert!(parsed("tier", "-1", b',').is_err() && parsed("tier", "4294967296", b',').is_err());
        assert!(parsed("fps", "inf", b',').is_err() && parsed("fps", "NaN", b',').is_err());
        assert_eq!(parsed("fps", "29.97", b','), Ok(29.97.into()));
        assert!(parsed("outputs", "{\"a\": 1, \"a\": 2}", b',').is_err());
    }

    #[test]
    fn lines_of_json_are_numbered_with_the_empty_ones() {
        let rows = rows_of("{\"channel_code\": \"A\"}\n\n[1]\n{\n", true).unwrap();
        let lines: Vec<(usize, bool)> = rows.iter().map(|row| (row.line, row.problems.is_empty())).collect();
        assert_eq!(lines, [(1, true), (3, false), (4, false)]);
        assert_eq!(rows[1].problems, ["expected a channel's keys"]);
        let rows = rows_of("{\"channel_name\": \"a\\u0000\"}\n{\"channel_name\": \"a\\\\u0000\"}\n", true).unwrap();
        assert_eq!((rows[0].problems.as_slice(), rows[1].problems.len()), (&[request::NUL.to_owned()][..], 0));
    }
}
