//! Everything that needs more than one module, or a real server.

// Helpers of tests may give up where a test does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

#[path = "../../examples/detection/ffmpeg.rs"]
mod ffmpeg;
#[path = "../../examples/detection/ffmpeg_dash.rs"]
mod ffmpeg_dash;
mod ffprobe;
#[path = "../../examples/dashboards/grafana.rs"]
mod grafana;
#[path = "../../examples/detection/harness.rs"]
#[allow(dead_code)]
mod harness;
#[path = "../../examples/detection/markdown.rs"]
#[allow(dead_code)]
mod markdown;
#[path = "../../examples/detection/matrix.rs"]
#[allow(dead_code)]
mod matrix;
#[path = "../../examples/detection/nginx_rtmp.rs"]
mod nginx_rtmp;
#[path = "../../examples/detection/running.rs"]
mod running;
#[path = "../../examples/detection/shaka.rs"]
mod shaka;
#[path = "../../examples/detection/static_files.rs"]
mod static_files;

mod abuse;
mod alerting;
mod binary;
mod concurrency;
mod dashboards;
mod database;
mod deployment;
mod detection;
mod discovery;
mod docs;
mod events;
mod exporter;
mod guide;
mod hostile;
mod indexes;
mod influxdb;
mod inspector;
mod layers;
mod line;
mod openapi;
mod outage;
mod packagers;
mod postgres;
mod prometheus;
mod rules;
mod schema;
mod silences;
mod tokens;
mod watch;
mod zabbix;
