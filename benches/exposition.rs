//! The contract's case, 2 outputs of 6 renditions and 80 checks each: under 1 ms, and under 150 kB (a unit test).

use criterion::{Criterion, criterion_group, criterion_main};
use packager_exporter::metrics;
use packager_exporter::report::testing;
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
