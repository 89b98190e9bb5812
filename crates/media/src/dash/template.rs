//! Identifiers of a SegmentTemplate: `$Number%05d$`, `$Time$` … (ISO/IEC 23009-1 5.3.9.4.4).

use crate::redact;
use std::fmt::Write;

/// Characters of a template, and of what it becomes.
const MAX_LENGTH: usize = 8 * 1024;
/// A wider number is no file's name.
const MAX_WIDTH: usize = 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    RepresentationId,
    Bandwidth(usize),
    Number(usize),
    Time(usize),
}

/// What the identifiers stand for.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    pub representation: &'a str,
    pub bandwidth: u64,
    pub number: u64,
    /// In ticks of the timescale.
    pub time: u64,
}

impl Template {
    /// # Errors
    /// Names the identifier that isn't one.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_LENGTH {
            return Err(format!("it has {} bytes; at most {MAX_LENGTH} are read", text.len()));
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            let (identifier, behind) = after.split_once('$').ok_or("a `$` that nothing closes")?;
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(identified(identifier)?);
            rest = behind;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        pieces.retain(|p| !matches!(p, Piece::Text(text) if text.is_empty()));
        Ok(Self(pieces))
    }

    #[must_use]
    pub fn has_number(&self) -> bool {
        self.0.iter().any(|p| matches!(p, Piece::Number(_)))
    }

    #[must_use]
    pub fn has_time(&self) -> bool {
        self.0.iter().any(|p| matches!(p, Piece::Time(_)))
    }

    /// The relative URL.
    #[must_use]
    pub fn fill(&self, values: Values<'_>) -> String {
        let mut filled = String::new();
        for piece in &self.0 {
            // Writing to a string doesn't fail.
            let _ = match piece {
                Piece::Text(text) => filled.write_str(text),
                Piece::RepresentationId => filled.write_str(values.representation),
                Piece::Bandwidth(width) => write!(filled, "{:0width$}", values.bandwidth, width = *width),
                Piece::Number(width) => write!(filled, "{:0width$}", values.number, width = *width),
                Piece::Time(width) => write!(filled, "{:0width$}", values.time, width = *width),
            };
        }
        filled
    }
}

fn identified(identifier: &str) -> Result<Piece, String> {
    let (name, format) = identifier.split_once('%').map_or((identifier, None), |(name, format)| (name, Some(format)));
    let width = || format.map_or(Ok(1), |format| width(format).ok_or_else(|| unknown(identifier)));
    match name {
        "" if format.is_none() => Ok(Piece::Text("$".to_owned())),
        "RepresentationID" if format.is_none() => Ok(Piece::RepresentationId),
        "Bandwidth" => Ok(Piece::Bandwidth(width()?)),
        "Number" => Ok(Piece::Number(width()?)),
        "Time" => Ok(Piece::Time(width()?)),
        _ => Err(unknown(identifier)),
    }
}

fn unknown(identifier: &str) -> String {
    let identifier = redact::sanitize_label(identifier, 40);
    format!("`${identifier}$` is no identifier that can be filled in")
}

/// `05d` → 5.
fn width(format: &str) -> Option<usize> {
    let digits = format.strip_prefix('0')?.strip_suffix('d')?;
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|width| plain && *width <= MAX_WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: Values<'_> = Values { representation: "v1", bandwidth: 800_000, number: 42, time: 90_000 };

    fn filled(text: &str) -> String {
        Template::parse(text).unwrap().fill(VALUES)
    }

    #[test]
    fn identifiers_with_and_without_width() {
        assert_eq!(filled("$RepresentationID$/$Number%05d$.m4s"), "v1/00042.m4s");
        assert_eq!(filled("$Bandwidth$/t$Time$.m4s"), "800000/t90000.m4s");
        assert_eq!(filled("$Time%03d$-$$-$Number$"), "90000-$-42");
        assert_eq!(filled("plain.mp4"), "plain.mp4");
    }

    #[test]
    fn what_is_no_identifier_is_named() {
        for text in [
            "$number$",
            "$Number",
            "$Number%d$",
            "$Number%5d$",
            "$Number%0999d$",
            "$RepresentationID%02d$",
            "$SubNumber$",
        ] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
        assert_eq!(Template::parse("a$Nr$b").unwrap_err(), "`$Nr$` is no identifier that can be filled in");
    }
}
