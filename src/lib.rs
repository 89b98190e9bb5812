//! The exporter as a library: it probes live HLS and DASH channels for Prometheus (manifests, ladder, segment
//! continuity and container).
//!
//! A module may use only the modules above it in this list (`tests/integration/layers.rs`).

#![forbid(unsafe_code)]

mod address_class;
mod rfc3339;
mod backoff;
mod eviction;
mod permits;
mod assignment;
pub mod finding;
pub mod facts;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod history;
mod expectations;
pub mod checks;
mod document;
mod catalog;
pub mod report;
pub mod config;
pub mod store;
mod fetch;
pub mod probe;
pub mod metrics;
mod influx;
mod service_contact;
mod alertmanager;
mod prometheus_api;
mod zabbix;
mod inspector;
mod web;
pub mod cli;
