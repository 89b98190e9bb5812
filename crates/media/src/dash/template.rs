//! URL templates of SegmentTemplate, such as `$RepresentationID$/$Number%05d$.m4s` (ISO/IEC 23009-1 5.3.9.4.4).

use crate::redact;
use std::fmt::Write;

/// Largest size of a URL template in bytes.
const MAX_LENGTH: usize = 8 * 1024;
/// Largest width that a format tag of a URL template may ask for, in digits.
const MAX_WIDTH: usize = 20;

/// A template for relative URLs, with identifiers such as `$Number$`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlTemplate(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    RepresentationId,
    Bandwidth(usize),
    Number(usize),
    SubNumber,
    Time(usize),
}

/// Values that replace the identifiers of a URL template.
#[derive(Debug, Clone, Copy)]
pub struct TemplateValues<'a> {
    pub representation: &'a str,
    pub bandwidth: u64,
    pub number: u64,
    /// Media time of the segment in ticks of the timescale, for `$Time$`.
    pub time: u64,
}

impl UrlTemplate {
    /// Parses the value of a `media` or `initialization` attribute as a URL template.
    ///
    /// # Errors
    /// The error names the first identifier that the standard doesn't define, or says that the text is too long.
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

    /// Returns whether the template has `$SubNumber$`, so that its URLs name parts of a segment sequence, which this
    /// exporter doesn't number.
    #[must_use]
    pub fn has_sub_number(&self) -> bool {
        self.0.iter().any(|p| matches!(p, Piece::SubNumber))
    }

    #[must_use]
    pub fn has_time(&self) -> bool {
        self.0.iter().any(|p| matches!(p, Piece::Time(_)))
    }

    /// Returns the relative URL of one segment, with these values for the identifiers of the template.
    #[must_use]
    pub fn fill(&self, values: TemplateValues<'_>) -> String {
        let mut filled = String::new();
        for piece in &self.0 {
            // Writing to a string doesn't fail.
            let _ = match piece {
                Piece::Text(text) => filled.write_str(text),
                Piece::RepresentationId => filled.write_str(values.representation),
                Piece::Bandwidth(width) => write!(filled, "{:0width$}", values.bandwidth, width = *width),
                Piece::Number(width) => write!(filled, "{:0width$}", values.number, width = *width),
                Piece::SubNumber => Ok(()),
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
        "SubNumber" => width().map(|_| Piece::SubNumber),
        "Time" => Ok(Piece::Time(width()?)),
        _ => Err(unknown(identifier)),
    }
}

fn unknown(identifier: &str) -> String {
    let identifier = redact::sanitize_label(identifier, 40);
    format!("`${identifier}$` is no identifier that can be filled in")
}

/// Returns the width in digits that a format tag gives, such as 5 for `05d`; `None` for a malformed one.
fn width(format: &str) -> Option<usize> {
    let digits = format.strip_prefix('0')?.strip_suffix('d')?;
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|width| plain && *width <= MAX_WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: TemplateValues<'_> =
        TemplateValues { representation: "v1", bandwidth: 800_000, number: 42, time: 90_000 };

    fn filled(text: &str) -> String {
        UrlTemplate::parse(text).unwrap().fill(VALUES)
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
        for text in ["$number$", "$Number", "$Number%d$", "$Number%5d$", "$Number%0999d$", "$RepresentationID%02d$"] {
            assert!(UrlTemplate::parse(text).is_err(), "{text}");
        }
        assert_eq!(UrlTemplate::parse("a$Nr$b").unwrap_err(), "`$Nr$` is no identifier that can be filled in");
    }

    #[test]
    fn widths_and_lengths_are_bounded() {
        assert_eq!(filled("$Number%020d$"), format!("{:020}", 42));
        assert!(UrlTemplate::parse("$Number%021d$").is_err());
        assert!(UrlTemplate::parse(&"a".repeat(MAX_LENGTH)).is_ok());
        let error = UrlTemplate::parse(&"a".repeat(MAX_LENGTH + 1)).unwrap_err();
        assert_eq!(error, "it has 8193 bytes; at most 8192 are read");
    }

    #[test]
    fn a_template_knows_which_identifiers_it_has() {
        let kinds = |text: &str| {
            let template = UrlTemplate::parse(text).unwrap();
            (template.has_number(), template.has_time())
        };
        assert_eq!(kinds("$RepresentationID$/$Bandwidth$"), (false, false));
        assert_eq!(kinds("$Number$"), (true, false));
        assert_eq!(kinds("$Time$"), (false, true));
    }
}
