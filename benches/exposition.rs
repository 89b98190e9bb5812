//! The contract's case, 2 outputs of 6 renditions and 80 checks each: under 1 ms, and under 150 kB (a unit test).

// The hand-made reports are shared with the unit tests; these names let their `crate::` paths resolve here.
use packager_exporter::{catalog, checks, container, facts, finding, metrics, report, stream, units};

#[allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing)]
#[path = "../src/report/testing.rs"]
mod testing;

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

fn exposition(c: &mut Criterion) {
    let large = testing::large(2, 6, 80);
    c.bench_function("exposition of 2 outputs, 6 renditions, 80 checks", |b| {
        b.iter(|| metrics::exposition(black_box(&large)));
    });
    c.bench_function("report as JSON", |b| b.iter(|| serde_json::to_vec(black_box(&large))));
}

criterion_group!(benches, exposition);
criterion_main!(benches);
