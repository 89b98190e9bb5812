//! Integration tests: they need more than one module of the exporter, or a real server.

// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

mod abuse;
mod acknowledgements;
mod alerting;
mod binary;
mod compose;
mod concurrency;
mod dashboards;
mod database;
mod deployment;
mod detection;
mod discovery;
mod docs;
mod events;
mod exporter;
mod ffprobe;
mod guide;
mod heads;
mod hostile;
mod identity;
mod indexes;
mod influxdb;
mod inspector;
mod layers;
mod line;
mod nginx;
mod openapi;
mod outage;
mod packager_monitor;
mod packagers;
mod panels;
mod prometheus;
mod routes;
mod rules;
mod schema;
mod sessions;
mod sharing;
mod signal;
mod silences;
mod templates;
mod tokens;
mod zabbix;
