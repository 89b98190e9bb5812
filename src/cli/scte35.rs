//! `scte35`: says what a splice section says.

use super::args::{InspectFormat, Scte35};
use super::{Exit, out};
use packager_media::splice::{self, SpliceDirection, SpliceSection};
use serde::Serialize;

/// What an SCTE 35 section says.
#[derive(Debug, Serialize)]
pub(super) struct SpliceReport {
    command: String,
    /// Time of the splice in seconds on the 33-bit clock of the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    splice_time_seconds: Option<f64>,
    cues: Vec<CueReport>,
}

#[derive(Debug, Serialize)]
struct CueReport {
    event_id: u32,
    direction: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_return: Option<bool>,
}

impl SpliceReport {
    pub(super) fn new(section: &SpliceSection) -> Self {
        let cues = section.cues.iter().map(|cue| CueReport {
            event_id: cue.event_id,
            direction: match cue.direction {
                SpliceDirection::Out => "out of the programme",
                SpliceDirection::In => "back into the programme",
            },
            duration_seconds: cue.duration.map(|duration| duration.0),
            auto_return: cue.auto_return,
        });
        Self {
            command: section.command_type.map_or_else(|| "encrypted: the section can't be read".to_owned(), command),
            splice_time_seconds: section.splice_time.map(|time| time.seconds().0),
            cues: cues.collect(),
        }
    }
}

/// The name of a splice_command_type (ANSI/SCTE 35 9.6).
fn command(number: u8) -> String {
    let name = match number {
        0x00 => "splice_null",
        0x04 => "splice_schedule",
        0x05 => "splice_insert",
        0x06 => "time_signal",
        0x07 => "bandwidth_reservation",
        0xff => "private_command",
        _ => "reserved",
    };
    format!("{name} ({number:#04x})")
}

/// Prints what the section says. A section that can't be read is an error of usage, with its reason.
///
/// # Errors
/// The text is neither hexadecimal nor base64, the section is broken, or standard output can't be written.
pub(super) fn run(args: &Scte35) -> Result<Exit, String> {
    out::print(&describe(&args.section, args.format)?).map(|()| Exit::Healthy)
}

fn describe(text: &str, format: InspectFormat) -> Result<String, String> {
    let bytes = splice::decode_text(text).ok_or("the section is neither hexadecimal (0xFC30…) nor base64 (/DA…)")?;
    let section = splice::parse(&bytes).map_err(|error| format!("the section can't be read: {error}"))?;
    let report = SpliceReport::new(&section);
    match format {
        InspectFormat::Text => serde_yaml::to_string(&report).map_err(|error| error.to_string()),
        InspectFormat::Json => {
            serde_json::to_string_pretty(&report).map(|text| text + "\n").map_err(|error| error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ANSI/SCTE 35 14.2: splice_insert, out of the programme for 60.293567 s.
    const HEX: &str =
        "0xFC302F000000000000FFFFF014054800008F7FEFFE7369C02EFE0052CCF500000000000A0008435545490000013562DBA30A";

    #[test]
    fn a_section_is_read_from_hexadecimal_and_from_base64() {
        let text = describe(HEX, InspectFormat::Text).unwrap();
        assert_eq!(
            text,
            "command: splice_insert (0x05)\nsplice_time_seconds: 21514.559088888887\ncues:\n- event_id: 1207959695\n  \
             direction: out of the programme\n  duration_seconds: 60.29356666666666\n  auto_return: true\n"
        );
        let base64 = "/DAvAAAAAAAA///wFAVIAACPf+/+c2nALv4AUsz1AAAAAAAKAAhDVUVJAAABNWLbowo=";
        assert_eq!(describe(base64, InspectFormat::Text).unwrap(), text);
        assert!(
            describe(base64, InspectFormat::Json).unwrap().starts_with("{\n  \"command\": \"splice_insert (0x05)\"")
        );
    }

    #[test]
    fn what_is_wrong_with_a_section_is_said() {
        assert!(describe("???", InspectFormat::Text).unwrap_err().contains("neither hexadecimal"));
        let cut = describe(&HEX[..40], InspectFormat::Text).unwrap_err();
        assert!(cut.contains("declares 50 bytes, 19 are available"), "{cut}");
        let changed = describe(&HEX.replace("7369", "7368"), InspectFormat::Text).unwrap_err();
        assert!(changed.contains("CRC_32"), "{changed}");
    }
}
