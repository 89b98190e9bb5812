//! Harness that runs the exporter's prober against the live origin, in one process and on one clock that is set by
//! hand: a minute of probes takes as long as the requests take.

use crate::origin::{self, Origin};
use crate::pace;
use packager_exporter::config::{ConfigHandle, ConfigPaths};
use packager_exporter::probe::{
    Clock, LAUNCHER, ProbeAnswer, ProbeError, ProbeRequest, Prober, ProberParts, SignalSettings,
};
use packager_exporter::report::Report;
use packager_signal::Launcher;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// Time at which the harness's clock starts, in milliseconds of Unix time: an arbitrary instant, the same in every run.
pub const START_MS: i64 = 1_780_000_000_000;

/// An origin, an exporter's prober, and the clock that both share.
pub struct Harness {
    pub origin: Origin,
    pub prober: Prober,
    origin_clock: origin::Clock,
    /// Time in milliseconds that the exporter's wall clock shows.
    clock: Arc<AtomicI64>,
    /// Milliseconds that have passed on the exporter's monotonic clock.
    passed: Arc<AtomicI64>,
    _files: TempDir,
}

/// A channel in the catalogue of the test harness.
pub struct ChannelSpec<'a> {
    pub code: &'a str,
    /// Path on the origin, such as `live/TV1/master.m3u8`. A second path after a space is another output of the
    /// channel.
    pub path: &'a str,
    pub template: &'a str,
}

/// Returns `templates` with the timeout of [`TEMPLATES`] scaled to the pace of this machine, so that a busy machine
/// completes its probes too.
#[must_use]
pub fn with_patience(templates: &str) -> String {
    let timeout = pace::patience(TIMEOUT).as_millis();
    templates.replace(&format!("timeout: {}s\n", TIMEOUT.as_secs()), &format!("timeout: {timeout}ms\n"))
}

/// Value of `timeout`, the longest time of a probe, in every test template, for an idle machine.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Templates for the detection matrix, with default thresholds: `T2` is for segments of 2 s, `T6` for those of 6 s, and
/// the others expect what a kind of channel has, such as HDR, ad breaks or DRM systems.
pub const TEMPLATES: &str = "
T2:
  timeout: 4s
  signal: off
  segment_duration_target: 2.0
  segments: {mode: every, count: 10, oldest: true}
  hold: 60s
  ladder: {minimum_video: 1}
  checks:
    hls_program_date_time_wrong: {expected: true}
    cors_missing: {expected: true, origin: 'https://player.example'}
T6:
  extends: T2
  segment_duration_target: 6.0
TH:
  extends: T2
TS:
  extends: T2
TO:
  extends: T2
  ladder: {minimum_video: 0}
TA:
  extends: T2
  checks:
    ad_break_stuck: {cue_within: 30.0}
TC:
  extends: T2
  checks:
    drm_system_missing: {systems: [fairplay, widevine]}
TW:
  extends: T2
  checks:
    drm_system_missing: {systems: [widevine]}
TI:
  extends: T2
  checks:
    hls_authoring_wrong: {enabled: true}
TR:
  extends: T2
  checks:
    key_rotation_late: {max_age: 15.0}
";

impl Harness {
    /// Starts an origin and a prober. `channels` become the catalogue, `templates` is the text of templates.yml, and
    /// `exporter` the text of exporter.yml.
    pub async fn new(channels: &[ChannelSpec<'_>], templates: &str, exporter: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin_clock = origin::Clock::manual(START_MS);
        let origin = Origin::start(listener, origin_clock.clone());
        Self::with_origin(origin, origin_clock, START_MS, channels, (templates, exporter), None)
    }

    /// Starts an HTTPS origin whose certificate expires in `days` days, and a prober. TLS checks certificates by the
    /// system's clock, so the clock of this harness begins in the current hour.
    pub async fn with_tls(channels: &[ChannelSpec<'_>], templates: &str, days: u64) -> Self {
        const HOUR_MS: i64 = 3_600_000;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let hours = (Clock::System.now().as_millisecond() - START_MS).div_euclid(HOUR_MS);
        let start_ms = START_MS + hours * HOUR_MS;
        let origin_clock = origin::Clock::manual(start_ms);
        let origin = Origin::start_tls(listener, origin_clock.clone(), days);
        Self::with_origin(origin, origin_clock, start_ms, channels, (templates, ""), None)
    }

    /// Codes of the two channels of [`Self::with_programme`], which have the same URL.
    pub const PROGRAMME: &str = "CH";
    pub const PROGRAMME_IN_ROTATION: &str = "CR";

    /// Starts an origin that plays a programme of picture and sound, and a prober that decodes it. `exporter` is the
    /// exporter's program, which confines itself and becomes ffmpeg. `templates` has the templates of the two channels, `PG` and `PR`.
    pub async fn with_programme(id: &str, templates: &str, exporter: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin_clock = origin::Clock::manual(START_MS);
        let origin = Origin::start(listener, origin_clock.clone());
        tokio::task::block_in_place(|| origin.add_programme(id)).expect("ffmpeg encodes the programme");
        let path = format!("programme/{id}/live.m3u8");
        let channel = |code, template| ChannelSpec { code, path: &path, template };
        let channels = [channel(Self::PROGRAMME, "PG"), channel(Self::PROGRAMME_IN_ROTATION, "PR")];
        let decoding = Some(decoding_with(exporter));
        Self::with_origin(origin, origin_clock, START_MS, &channels, (templates, ""), decoding)
    }

    fn with_origin(
        origin: Origin,
        origin_clock: origin::Clock,
        start_ms: i64,
        channels: &[ChannelSpec<'_>],
        (templates, exporter): (&str, &str),
        signal: Option<SignalSettings>,
    ) -> Self {
        let ca_file = origin.authority.as_ref().map_or("", |_| "defaults: {request: {ca_file: ca.pem}}\n");
        let mut catalogue = format!("{ca_file}channels:\n");
        for channel in channels {
            let (path, second_output) = channel.path.split_once(' ').unwrap_or((channel.path, ""));
            let url = origin.url(path);
            let second_output = match second_output {
                "" => String::new(),
                path => format!("outputs: {{second_output: '{}'}}, ", origin.url(path)),
            };
            let ChannelSpec { code, template, .. } = channel;
            let expected = match *template {
                "TO" | "PG" | "PR" => "",
                "TS" => "is_hdr: false, resolution: 1920x1080, fps: 25, ",
                "TH" => "is_hdr: true, resolution: 1920x1080, fps: 25, ",
                _ => "resolution: 1920x1080, fps: 25, ",
            };
            let _ = writeln!(
                catalogue,
                "  - {{channel_code: {code}, input_url: '{url}', template: {template}, {expected}{second_output}channel_type: LIVE}}"
            );
        }
        let clock = Arc::new(AtomicI64::new(start_ms));
        let authority = origin.authority.as_deref();
        let passed = Arc::new(AtomicI64::new(0));
        let stepped = Clock::Stepped { wall: clock.clone(), passed: passed.clone() };
        let (prober, files) = prober_trusting(authority, &catalogue, templates, exporter, stepped, signal);
        Self { origin, prober, origin_clock, clock, passed, _files: files }
    }

    /// Moves the clock of origin and prober forward by `by`.
    pub fn advance(&self, by: Duration) {
        let millis = by.as_millis() as i64;
        self.clock.fetch_add(millis, Ordering::SeqCst);
        self.passed.fetch_add(millis, Ordering::SeqCst);
        self.origin_clock.set(self.origin_clock.now_ms() + millis);
    }

    /// Sets only the exporter's wall clock forward by this number of milliseconds, or back by a negative number.
    pub fn step_clock(&self, millis: i64) {
        self.clock.fetch_add(millis, Ordering::SeqCst);
    }

    /// Probes a channel of the test catalogue; the timeout of its template limits the time.
    pub async fn probe(&self, code: &str) -> Arc<Report> {
        self.probe_within(code, Duration::from_secs(600)).await.expect("a channel of the catalogue").report
    }

    /// Probes a target in the way in which a Prometheus scrape with this timeout does.
    ///
    /// # Errors
    /// The target is unknown, or the prober is overloaded.
    pub async fn probe_within(&self, target: &str, timeout: Duration) -> Result<ProbeAnswer, ProbeError> {
        self.prober.probe(ProbeRequest { target: target.to_owned(), template: None, output: None }, timeout).await
    }
}

/// Makes a prober with the text of these configuration files, which are written to the returned folder.
pub fn prober(catalogue: &str, templates: &str, exporter: &str, clock: Clock) -> (Prober, TempDir) {
    prober_trusting(None, catalogue, templates, exporter, clock, None)
}

/// Makes a prober like [`prober`], which decodes picture and sound as the templates say. `program` is the exporter, which
/// confines itself and becomes ffmpeg.
pub fn decoding_prober(catalogue: &str, templates: &str, clock: Clock, program: &Path) -> (Prober, TempDir) {
    prober_trusting(None, catalogue, templates, "", clock, Some(decoding_with(program)))
}

fn decoding_with(program: &Path) -> SignalSettings {
    let launcher = Launcher { program: program.into(), arguments: vec![LAUNCHER.into()] };
    SignalSettings { at_once: true, launcher: Some(launcher), ..SignalSettings::default() }
}

/// Makes a prober whose configuration folder also has the certificate `ca.pem`, for channels that name it.
fn prober_trusting(
    authority: Option<&str>,
    catalogue: &str,
    templates: &str,
    exporter: &str,
    clock: Clock,
    signal: Option<SignalSettings>,
) -> (Prober, TempDir) {
    let files = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(files.path().join(name), text).expect("a file");
    write("ca.pem", authority.unwrap_or_default());
    write("channels.yml", catalogue);
    write("templates.yml", &with_patience(templates));
    write("exporter.yml", exporter);
    let source = ConfigPaths { file: Some(files.path().join("exporter.yml")), ..ConfigPaths::default() };
    let live = ConfigHandle::start(source, clock.now()).expect("a sound configuration");
    let parts = ProberParts { signal, ..ProberParts::new(Arc::new(live), clock) };
    (Prober::new(parts).expect("a client"), files)
}
