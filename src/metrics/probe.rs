use super::series::flag;
use super::{Gauge, OUTPUT, gauge};

/// The probe as a whole, and its top manifests, as blackbox_exporter names them.
pub const GAUGES: &[Gauge] = &[
    gauge("probe_success", &[], "1 when the probe ran and no critical check failed, else 0.", |v, s| {
        s.set(&[], flag(v.success));
    }),
    gauge("probe_duration_seconds", &[], "How long the whole probe took, in seconds.", |v, s| {
        s.set(&[], Some(v.duration_seconds));
    }),
    gauge("probe_timeout_seconds", &[], "How long the probe was allowed to take, in seconds.", |v, s| {
        s.set(&[], Some(v.timeout_seconds));
    }),
    gauge("probe_deadline_exceeded", &[], "1 when something was left out for lack of time, else 0.", |v, s| {
        s.set(&[], flag(v.deadline_exceeded));
    }),
    gauge(
        "probe_stage_duration_seconds",
        &["stage"],
        "How long each stage of the probe took, in seconds: manifest, playlists, segments, checks.",
        |v, s| {
            let stages = &v.stage_duration_seconds;
            s.set(&["manifest"], stages.manifest);
            s.set(&["playlists"], stages.playlists);
            s.set(&["segments"], stages.segments);
            s.set(&["checks"], stages.checks);
        },
    ),
    gauge(
        "probe_http_status_code",
        OUTPUT,
        "HTTP status code of the top manifest; absent when no answer came.",
        |v, s| s.outputs(v, |o| o.http.http_status_code.map(f64::from)),
    ),
    gauge("probe_http_redirects", OUTPUT, "Number of redirects followed to the top manifest.", |v, s| {
        s.outputs(v, |o| o.http.http_redirects.map(f64::from));
    }),
    gauge(
        "probe_http_duration_seconds",
        &["output", "phase"],
        "Phases of the top manifest's last request, in seconds: resolve, connect, tls, processing, transfer; \
         a kept-alive connection has no first three.",
        |v, s| {
            for output in &v.outputs {
                let phases = &output.http_duration_seconds;
                s.set(&[output.name, "resolve"], phases.resolve);
                s.set(&[output.name, "connect"], phases.connect);
                s.set(&[output.name, "tls"], phases.tls);
                s.set(&[output.name, "processing"], phases.processing);
                s.set(&[output.name, "transfer"], phases.transfer);
            }
        },
    ),
    gauge(
        "probe_ssl_earliest_cert_expiry",
        OUTPUT,
        "When the first certificate of the top manifest's chain ends, in seconds since 1970-01-01 UTC.",
        |v, s| s.outputs(v, |o| o.http.ssl_earliest_cert_expiry.map(|at| at as f64)),
    ),
];
