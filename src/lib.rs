//! Probes live HLS and DASH channels for Prometheus: manifests, ladder, segment continuity and container.
//!
//! The modules stand bottom-up: each may use only those above it in this list (`tests/integration/layers.rs`).

#![forbid(unsafe_code)]

pub mod finding;
pub mod facts;
pub mod history;
pub mod expectations;
pub mod checks;
pub mod document;
pub mod catalog;
pub mod report;
pub mod config;
pub mod store;
pub mod fetch;
pub mod probe;
pub mod metrics;
pub mod influx;
pub mod alertmanager;
pub mod zabbix;
pub mod inspector;
pub mod web;
pub mod cli;
