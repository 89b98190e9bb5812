//! Spatial and temporal information (ITU-T P.910 7.2).

use super::Complexity;
use super::small::Small;

/// Gathers the values of pictures.
#[derive(Debug, Default)]
pub(super) struct Complexities {
    spatial: Values,
    temporal: Values,
}

#[derive(Debug, Default)]
struct Values {
    most: f64,
    sum: f64,
    count: u32,
}

impl Values {
    fn add(&mut self, value: f64) {
        self.most = self.most.max(value);
        self.sum += value;
        self.count += 1;
    }

    fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / f64::from(self.count))
    }
}

impl Complexities {
    /// Adds the spatial information of a picture: the standard deviation of its Sobel gradient.
    pub(super) fn add_spatial(&mut self, picture: &Small) {
        let mut moments = Moments::default();
        let rows = || picture.rows();
        for ((above, row), below) in rows().zip(rows().skip(1)).zip(rows().skip(2)) {
            for ((a, r), b) in above.windows(3).zip(row.windows(3)).zip(below.windows(3)) {
                let ([a0, a1, a2], [r0, _, r2], [b0, b1, b2]) = (a, r, b) else { continue };
                let [a0, a1, a2, r0, r2, b0, b1, b2] = [a0, a1, a2, r0, r2, b0, b1, b2].map(|pixel| f32::from(*pixel));
                let across = (a2 + 2.0 * r2 + b2) - (a0 + 2.0 * r0 + b0);
                let down = (b0 + 2.0 * b1 + b2) - (a0 + 2.0 * a1 + a2);
                moments.add(f64::from((across * across + down * down).sqrt()));
            }
        }
        self.spatial.add(moments.deviation());
    }

    /// Adds the temporal information of two consecutive pictures: the standard deviation of their difference.
    pub(super) fn add_temporal(&mut self, previous: &Small, picture: &Small) {
        if previous.luma.len() != picture.luma.len() {
            return;
        }
        let (mut sum, mut squares) = (0i64, 0i64);
        for (a, b) in previous.luma.chunks(4_096).zip(picture.luma.chunks(4_096)) {
            // Of 4,096 differences the squares fit into 32 bits, which vector instructions add up.
            let (mut part, mut part_squares) = (0i32, 0i32);
            for (a, b) in a.iter().zip(b) {
                let difference = i32::from(*b) - i32::from(*a);
                part += difference;
                part_squares += difference * difference;
            }
            sum += i64::from(part);
            squares += i64::from(part_squares);
        }
        let moments = Moments { sum: sum as f64, squares: squares as f64, count: picture.luma.len() as f64 };
        self.temporal.add(moments.deviation());
    }

    pub(super) fn finish(&self) -> Complexity {
        Complexity {
            spatial: self.spatial.most,
            spatial_mean: self.spatial.mean().unwrap_or(0.0),
            temporal: (self.temporal.count > 0).then_some(self.temporal.most),
            temporal_mean: self.temporal.mean(),
        }
    }
}

#[derive(Debug, Default)]
struct Moments {
    sum: f64,
    squares: f64,
    count: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.squares += value * value;
        self.count += 1.0;
    }

    fn deviation(&self) -> f64 {
        if self.count < 1.0 {
            return 0.0;
        }
        let mean = self.sum / self.count;
        (self.squares / self.count - mean * mean).max(0.0).sqrt()
    }
}
