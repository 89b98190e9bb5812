//! TTML documents (W3C TTML2, IMSC 1.1) in samples of `stpp` tracks: number and times of their cues.
//!
//! Styles and regions aren't read.

use crate::redact;
use crate::units::Seconds;
use crate::xml;
use roxmltree::Node;

const NAMESPACE: &str = "http://www.w3.org/ns/ttml";
const PARAMETERS: &str = "http://www.w3.org/ns/ttml#parameter";
/// Frame rate in frames per second of a TTML document that doesn't give one (TTML2 6.2.4).
const FRAME_RATE: f64 = 30.0;

/// Number and times of the cues of one TTML document.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TtmlCues {
    /// Number of paragraphs of the document with text or a picture.
    pub cues: u64,
    /// Earliest start and latest end of the cues, on the time line of the document; an end may be infinite. `None`
    /// without a cue.
    pub span: Option<(Seconds, Seconds)>,
}

/// Parses a TTML document. Bytes behind `</tt>` are ignored: pictures of an image profile stand there (ISO/IEC 14496-30
/// 5.7).
///
/// # Errors
/// The error says why the bytes hold no TTML document, or which attribute has a time that can't be read.
pub fn parse(bytes: &[u8]) -> Result<TtmlCues, String> {
    let bytes = bytes.get(..document_end(bytes)).unwrap_or(bytes);
    let refused =
        |((line, column), what): xml::XmlError| format!("{what} (line {line}, column {column} of the document)");
    let text = xml::utf8(bytes).map_err(refused)?;
    let tree = xml::parse(text).map_err(refused)?;
    let root = tree.root_element();
    let namespace = root.tag_name().namespace();
    if root.tag_name().name() != "tt" || namespace != Some(NAMESPACE) {
        let name = redact::sanitize_label(root.tag_name().name(), 60);
        let namespace = redact::sanitize_label(namespace.unwrap_or_default(), 60);
        return Err(format!("its root is `{name}` of the namespace `{namespace}`, not `tt` of {NAMESPACE}"));
    }
    let clock = TtmlClock::from_root(root);
    let mut found = TtmlCues::default();
    for paragraph in root.descendants().filter(|n| is_element(*n, "p") && has_content(*n)) {
        let (from, to) = clock.interval(paragraph)?;
        found.cues += 1;
        let (first, last) = found.span.unwrap_or((from, to));
        found.span = Some((Seconds(first.0.min(from.0)), Seconds(last.0.max(to.0))));
    }
    Ok(found)
}

fn document_end(bytes: &[u8]) -> usize {
    memchr::memmem::rfind(bytes, b"tt>").filter(|at| *at > 1).map_or(bytes.len(), |at| at + 3)
}

fn is_element(node: Node<'_, '_>, name: &str) -> bool {
    node.is_element() && node.tag_name().name() == name && node.tag_name().namespace() == Some(NAMESPACE)
}

/// Returns whether a TTML paragraph has text or a picture. A picture is an element inside of the paragraph, or an
/// attribute that names one.
fn has_content(paragraph: Node<'_, '_>) -> bool {
    let text = |n: Node<'_, '_>| n.is_text() && n.text().is_some_and(|t| !t.trim().is_empty());
    let picture = |n: Node<'_, '_>| {
        n.is_element() && (n.tag_name().name() == "image" || n.attributes().any(|a| a.name() == "backgroundImage"))
    };
    paragraph.descendants().any(|n| text(n) || picture(n)) || paragraph.parent().is_some_and(picture)
}

/// Frame rate and tick rate of a TTML document, in whose units its times may be written.
struct TtmlClock {
    frames: f64,
    ticks: f64,
}

impl TtmlClock {
    fn from_root(root: Node<'_, '_>) -> Self {
        let parameter = |name| root.attribute((PARAMETERS, name));
        let positive = |text: &str| text.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n > 0.0);
        let rate = parameter("frameRate").and_then(positive);
        let multiplier = parameter("frameRateMultiplier").and_then(|text| {
            let mut parts = text.split_whitespace().map(positive);
            let (above, below) = (parts.next()??, parts.next()??);
            Some(above / below)
        });
        let frames = rate.unwrap_or(FRAME_RATE) * multiplier.unwrap_or(1.0);
        let ticks = parameter("tickRate").and_then(positive).or(rate.map(|_| frames)).unwrap_or(1.0);
        Self { frames, ticks }
    }

    /// Returns start and end of a TTML paragraph, relative to the times of the elements around it. A paragraph without
    /// times of its own takes those of its spans; the end is infinite when no element gives one.
    fn interval(&self, paragraph: Node<'_, '_>) -> Result<(Seconds, Seconds), String> {
        let mut offset = 0.0;
        let mut bound = f64::INFINITY;
        let outer: Vec<Node<'_, '_>> = paragraph.ancestors().skip(1).filter(Node::is_element).collect();
        for node in outer.into_iter().rev() {
            let (from, to) = self.own_interval(node)?;
            bound = bound.min(offset + to.unwrap_or(f64::INFINITY));
            offset += from.unwrap_or(0.0);
        }
        let (from, to) = self.own_interval(paragraph)?;
        let (mut begin, mut end) = (from.unwrap_or(0.0), to.unwrap_or(f64::INFINITY));
        if from.is_none() && to.is_none() {
            let mut spans: Option<(f64, f64)> = None;
            for span in paragraph.descendants().filter(|n| is_element(*n, "span")) {
                if let (Some(from), to) = self.own_interval(span)? {
                    let to = to.unwrap_or(f64::INFINITY);
                    let (first, last) = spans.unwrap_or((from, to));
                    spans = Some((first.min(from), last.max(to)));
                }
            }
            (begin, end) = spans.unwrap_or((begin, end));
        }
        Ok((Seconds(offset + begin), Seconds((offset + end).min(bound))))
    }

    /// Returns begin and end that the attributes of one TTML element give; the end is the earlier of `end` and `begin`
    /// plus `dur`.
    fn own_interval(&self, node: Node<'_, '_>) -> Result<(Option<f64>, Option<f64>), String> {
        let read = |name: &str| match node.attribute(name) {
            None => Ok(None),
            Some(text) => self.seconds(text.trim()).map(Some).ok_or_else(|| {
                let text = redact::sanitize_label(text, 40);
                format!("{name} is `{text}`, which isn't a TTML time")
            }),
        };
        let (begin, end, length) = (read("begin")?, read("end")?, read("dur")?);
        let lasts = length.map(|length| begin.unwrap_or(0.0) + length);
        Ok((begin, end.into_iter().chain(lasts).reduce(f64::min)))
    }

    /// Parses a time of TTML (TTML2 12.3.1) into seconds: `00:00:01.5`, `00:00:01:12` with frames, `1.5s`, `1500ms`,
    /// `30f`, `45000t`. `None` for another format.
    fn seconds(&self, text: &str) -> Option<f64> {
        let plain = |text: &str| {
            let digits =
                text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(|c| c.is_ascii_digit() || c == '.');
            text.parse::<f64>().ok().filter(|_| digits)
        };
        if let Some((hours, rest)) = text.split_once(':') {
            let mut parts = rest.split(':').map(plain);
            let (minutes, seconds) = (parts.next()??, parts.next()??);
            let frames = parts.next().map_or(Some(0.0), |f| f)?;
            let valid = parts.next().is_none() && minutes < 60.0 && seconds <= 60.0;
            return valid.then_some(plain(hours)? * 3600.0 + minutes * 60.0 + seconds + frames / self.frames);
        }
        let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let worth = match text.get(number.len()..)? {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            "f" => 1.0 / self.frames,
            "t" => 1.0 / self.ticks,
            _ => return None,
        };
        Some(plain(number)? * worth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<TtmlCues, String> {
        let head = "<?xml version=\"1.0\"?>\n<tt xmlns=\"http://www.w3.org/ns/ttml\" xmlns:ttp=\"http://www.w3.org/ns/ttml#parameter\"";
        parse(format!("{head} ttp:frameRate=\"25\" ttp:tickRate=\"1000\">{body}</tt>").as_bytes())
    }

    fn span(body: &str) -> Option<(f64, f64)> {
        read(body).unwrap().span.map(|(a, b)| (a.0, b.0))
    }

    #[test]
    fn paragraphs_with_something_to_show_are_cues() {
        let body = "<body><div><p begin=\"1s\" end=\"2s\">one</p><p begin=\"2s\" end=\"4s\"><span>two</span></p>\
                    <p begin=\"9s\" end=\"10s\"> </p></div></body>";
        assert_eq!(read(body), Ok(TtmlCues { cues: 2, span: Some((Seconds(1.0), Seconds(4.0))) }));
        assert_eq!(read("<body/>"), Ok(TtmlCues::default()));
        assert_eq!(read(""), Ok(TtmlCues::default()), "a document may be without a body");
        let picture = "<body><div xmlns:s=\"http://www.smpte-ra.org/schemas/2052-1/2010/smpte-tt\" s:backgroundImage=\"#1\"><p/></div></body>";
        assert_eq!(read(picture).unwrap().cues, 1);
    }

    #[test]
    fn every_form_of_a_time_is_read() {
        for (begin, seconds) in [
            ("01:01:01.500", 3661.5),
            ("00:00:01:05", 1.2),
            ("100:00:00", 360_000.0),
            ("1.5s", 1.5),
            ("1500ms", 1.5),
            ("2m", 120.0),
            ("1h", 3600.0),
            ("50f", 2.0),
            ("2500t", 2.5),
        ] {
            let found = span(&format!("<body><div><p begin=\"{begin}\" dur=\"1s\">x</p></div></body>")).unwrap();
            assert!((found.0 - seconds).abs() < 1e-9 && (found.1 - seconds - 1.0).abs() < 1e-9, "{begin}: {found:?}");
        }
        for begin in ["", "1", "x", "-1s", "1:2", "00:61:00", "1.2.3s", "1e3s", "infs", "0:0:0:0:0"] {
            let read = read(&format!("<body><div><p begin=\"{begin}\">x</p></div></body>"));
            assert_eq!(read, Err(format!("begin is `{begin}`, which isn't a TTML time")));
        }
    }

    #[test]
    fn times_are_limited_by_those_of_their_ancestors() {
        let nested = "<body begin=\"10s\"><div begin=\"5s\" end=\"8s\"><p begin=\"1s\" end=\"20s\">x</p></div></body>";
        assert_eq!(span(nested), Some((16.0, 18.0)));
        assert_eq!(span("<body><div><p>x</p></div></body>"), Some((0.0, f64::INFINITY)));
        let spans = "<body><div><p><span begin=\"1s\" end=\"2s\">a</span><span begin=\"3s\" end=\"4s\">b</span></p></div></body>";
        assert_eq!(span(spans), Some((1.0, 4.0)));
    }

    #[test]
    fn an_unreadable_document_gives_its_reason() {
        let why = |text: &str| parse(text.as_bytes()).unwrap_err();
        assert!(why("WEBVTT").starts_with("not well-formed XML"), "{}", why("WEBVTT"));
        assert!(why("<tt xmlns=\"http://www.w3.org/ns/ttml\"><body></tt>").contains("not well-formed"));
        assert!(why("<tt/>").starts_with("its root is `tt` of the namespace ``, not `tt`"));
        assert!(why("<!DOCTYPE tt []><tt xmlns=\"http://www.w3.org/ns/ttml\"/>").contains("document type declaration"));
        assert!(parse(b"<tt xmlns=\"http://www.w3.org/ns/ttml\">\xff</tt>").unwrap_err().contains("not UTF-8"));
        let deep = format!("<tt xmlns=\"http://www.w3.org/ns/ttml\">{}", "<div>".repeat(10_000));
        assert!(parse(deep.as_bytes()).is_err());
    }

    #[test]
    fn pictures_behind_the_document_are_ignored() {
        let sample = [&b"<t:tt xmlns:t=\"http://www.w3.org/ns/ttml\"></t:tt>"[..], b"\x89PNG\r\n\xff\x00"].concat();
        assert_eq!(parse(&sample), Ok(TtmlCues::default()));
    }
}
