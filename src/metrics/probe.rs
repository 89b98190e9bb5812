//! Gauges of a probe and of its top manifests (multivariant playlists and MPDs), for `/probe`.

use super::series::flag;
use super::{Gauge, OUTPUT, gauge};

/// Gauges of the whole probe and of each top manifest (multivariant playlist or MPD), with the names that
/// blackbox_exporter uses.
pub(crate) const GAUGES: &[Gauge] = &[
    gauge(
        "probe_success",
        &[],
        "1 if no critical check failed and at least one check ran for each output, 0 otherwise.",
        |v, s| {
            s.set(&[], flag(v.success));
        },
    ),
    gauge("probe_duration_seconds", &[], "Duration of the whole probe in seconds.", |v, s| {
        s.set(&[], Some(v.duration_seconds));
    }),
    gauge("probe_timeout_seconds", &[], "Time in seconds that the probe was allowed to take.", |v, s| {
        s.set(&[], Some(v.timeout_seconds));
    }),
    gauge(
        "probe_deadline_exceeded",
        &[],
        "1 if the deadline passed before the probe had fetched everything, 0 otherwise.",
        |v, s| {
            s.set(&[], flag(v.deadline_exceeded));
        },
    ),
    gauge(
        "probe_stage_duration_seconds",
        &["stage"],
        "Duration in seconds of each stage of the probe: manifest, playlists, segments and checks.",
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
        "HTTP status code of the top manifest. Absent if no answer arrived.",
        |v, s| s.outputs(v, |o| o.http.http_status_code.map(f64::from)),
    ),
    gauge(
        "probe_http_redirects",
        OUTPUT,
        "Number of redirects that led to the top manifest. Absent if no answer arrived.",
        |v, s| {
            s.outputs(v, |o| o.http.http_redirects.map(f64::from));
        },
    ),
    gauge(
        "probe_http_duration_seconds",
        &["output", "phase"],
        "Duration in seconds of each phase of the top manifest's last request: resolve, connect, tls, processing and \
         transfer. The first three are absent on a kept-alive connection, and all if no answer arrived.",
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
        "Time at which the first of the certificates that the top manifest's server sent expires, in seconds since 1970-01-01 UTC. \
         It may be one that no client needs. Absent without TLS.",
        |v, s| s.outputs(v, |o| o.http.ssl_earliest_cert_expiry.map(|at| at as f64)),
    ),
    gauge(
        "probe_ssl_last_chain_expiry_timestamp_seconds",
        OUTPUT,
        "Time at which the first certificate on the verified path from the top manifest's server to a trusted certificate expires, in \
         seconds since 1970-01-01 UTC. Absent without TLS.",
        |v, s| s.outputs(v, |o| o.http.ssl_last_chain_expiry_timestamp_seconds.map(|at| at as f64)),
    ),
];
