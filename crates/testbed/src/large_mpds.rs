//! Large MPDs for benchmarks, with the segments of the origin's channel CM1, whose media times count from the origin's
//! epoch.

use std::fmt::Write;

/// A large MPD, described by its Periods and by how it lists segments.
#[derive(Clone, Copy, Debug)]
pub struct LargeMpd {
    pub description: &'static str,
    /// Number of segments in each Period, beginning with the oldest; the list is repeated for further Periods.
    periods: &'static [i64],
    count: i64,
    /// Whether consecutive segments of equal duration are one S element with @r.
    repeats: bool,
    is_static: bool,
}

/// Number of segments of 2 s in 24 hours.
const DAY: i64 = 43_200;

pub const LARGE_MPDS: [LargeMpd; 5] = [
    LargeMpd {
        description: "static, 2 h, an `S` a segment",
        periods: &[3600],
        count: 1,
        repeats: false,
        is_static: true,
    },
    LargeMpd {
        description: "live, 48 Periods: five minutes of programme, half a minute of ads",
        periods: &[150, 15],
        count: 48,
        repeats: false,
        is_static: false,
    },
    LargeMpd {
        description: "live, 1,000 Periods of ten seconds",
        periods: &[5],
        count: 1000,
        repeats: false,
        is_static: false,
    },
    LargeMpd {
        description: "live, 24 h, repeats with `r`",
        periods: &[DAY],
        count: 1,
        repeats: true,
        is_static: false,
    },
    LargeMpd {
        description: "live, 24 h, an `S` a segment",
        periods: &[DAY],
        count: 1,
        repeats: false,
        is_static: false,
    },
];

/// Instant at which the origin's media time is zero, 2024-01-01, in seconds of Unix time.
const EPOCH: i64 = 1_704_067_200;
/// Number of seconds from the end of a segment until the origin lists it.
const LATENCY: i64 = 1;
const SEGMENT: i64 = 2;
const FRAME: i64 = 1024;
const RUNGS: [(&str, &str, u32, u32, u32); 4] = [
    ("1080p", "avc1.640028", 1920, 1080, 1_510_000),
    ("720p", "avc1.64001f", 1280, 720, 862_000),
    ("540p", "avc1.64001f", 960, 540, 486_000),
    ("360p", "avc1.64001e", 640, 360, 266_000),
];

impl LargeMpd {
    /// Returns the text of the MPD at `now`, in seconds of Unix time. Segments and clock are below the URL `channel`,
    /// which ends in `/`.
    pub fn text(&self, channel: &str, now: i64) -> String {
        let lengths = || self.periods.iter().copied().cycle().take(usize::try_from(self.count).unwrap_or_default());
        let length: i64 = lengths().sum();
        let end = (now - LATENCY - EPOCH).div_euclid(SEGMENT);
        let mut text = self.head(channel, now, length);
        let mut first = end - length;
        for length in lengths() {
            self.period(&mut text, first, length);
            first += length;
        }
        let _ = write!(
            text,
            "<UTCTiming schemeIdUri=\"urn:mpeg:dash:utc:http-head:2014\" value=\"{channel}time.mpd\"/>\n</MPD>\n"
        );
        text
    }

    fn head(&self, channel: &str, now: i64, length: i64) -> String {
        let date = |seconds: i64| jiff::Timestamp::from_second(seconds).unwrap_or_default();
        let seconds = length * SEGMENT;
        let kind = if self.is_static {
            format!("type=\"static\" mediaPresentationDuration=\"PT{seconds}S\"")
        } else {
            format!(
                "type=\"dynamic\" availabilityStartTime=\"{}\" publishTime=\"{}\" minimumUpdatePeriod=\"PT2S\" \
                 timeShiftBufferDepth=\"PT{seconds}S\"",
                date(EPOCH + LATENCY),
                date(now)
            )
        };
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" \
             profiles=\"urn:mpeg:dash:profile:isoff-live:2011\" {kind} minBufferTime=\"PT4S\" \
             maxSegmentDuration=\"PT3S\">\n<BaseURL>{channel}</BaseURL>\n"
        )
    }

    fn period(&self, text: &mut String, first: i64, length: i64) {
        // A static presentation begins at zero, wherever its media times do.
        let start = if self.is_static { 0 } else { first * SEGMENT };
        let _ = writeln!(text, "<Period id=\"p{first}\" start=\"PT{start}S\">");
        text.push_str(
            "<AdaptationSet id=\"1\" contentType=\"video\" mimeType=\"video/mp4\" segmentAlignment=\"true\">\n",
        );
        self.template(text, 90_000, first, length);
        for (id, codec, width, height, rate) in RUNGS {
            let _ = writeln!(
                text,
                "<Representation id=\"{id}\" bandwidth=\"{rate}\" codecs=\"{codec}\" width=\"{width}\" height=\"{height}\" frameRate=\"25\"/>"
            );
        }
        text.push_str(
            "</AdaptationSet>\n<AdaptationSet id=\"2\" contentType=\"audio\" mimeType=\"audio/mp4\" lang=\"en\">\n",
        );
        self.template(text, 48_000, first, length);
        text.push_str(
            "<Representation id=\"audio\" bandwidth=\"131000\" codecs=\"mp4a.40.2\" audioSamplingRate=\"48000\"/>\n\
             </AdaptationSet>\n</Period>\n",
        );
    }

    fn template(&self, text: &mut String, timescale: i64, first: i64, length: i64) {
        let _ = writeln!(
            text,
            "<SegmentTemplate timescale=\"{timescale}\" media=\"$RepresentationID$/t_$Time$.m4s\" \
             initialization=\"$RepresentationID$/init.mp4\" presentationTimeOffset=\"{}\"><SegmentTimeline>",
            first * SEGMENT * timescale
        );
        // Audio is cut where the first whole frame begins.
        let frame = if timescale == 48_000 { FRAME } else { 1 };
        let at = |segment: i64| (segment * SEGMENT * timescale + frame - 1).div_euclid(frame) * frame;
        let mut segment = first;
        while segment < first + length {
            let ticks = at(segment + 1) - at(segment);
            let equal = (segment + 1..first + length)
                .take_while(|s| self.repeats && at(s + 1) - at(*s) == ticks)
                .count() as i64;
            let _ = match equal {
                0 => writeln!(text, "<S t=\"{}\" d=\"{ticks}\"/>", at(segment)),
                more => writeln!(text, "<S t=\"{}\" d=\"{ticks}\" r=\"{more}\"/>", at(segment)),
            };
            segment += equal + 1;
        }
        text.push_str("</SegmentTimeline></SegmentTemplate>\n");
    }
}
