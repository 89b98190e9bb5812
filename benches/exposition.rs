//! Benchmark of the exposition of 2 outputs with 6 renditions and 80 checks each, which must take less than 1 ms. A
//! unit test checks that its size is less than 150 kB.

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
