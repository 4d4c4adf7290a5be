//! From the cosine of two vectors to how near their texts are in meaning, on a scale of 0 to 1.
//!
//! Raw cosines mean something else for each model: of MiniLM, a question and the sentence that
//! answers it lie near 0.5; of others, texts that have nothing to do with each other lie at 0.6.
//! A curve that was measured for the model makes one scale of them, on which a threshold means
//! the same whatever the model.

/// A rising curve through measured points; straight between them, level beyond the ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// At least two, cosines rising, nearness never falling.
    points: Vec<(f32, f32)>,
}

/// Why points are no curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoCurve {
    /// Fewer than two.
    #[error("a curve has at least two points")]
    TooFew,
    /// A cosine outside -1 to 1, a nearness outside 0 to 1, or one that is no number.
    #[error("a point of a curve is a cosine from -1 to 1 and a nearness from 0 to 1")]
    OutOfRange,
    /// Cosines that do not rise, or nearness that falls.
    #[error("the points of a curve rise")]
    Falling,
}

/// For models without a curve of their own: a cosine of 0.5 is on the edge of being meant, as is
/// usual for small models of sentences.
const USUAL: [(f32, f32); 3] = [(0.0, 0.0), (0.5, 0.7), (1.0, 1.0)];

impl Calibration {
    /// A curve through `(cosine, nearness)` points.
    ///
    /// # Errors
    /// When there are fewer than two, when one is out of range, and when they do not rise.
    pub fn new(points: Vec<(f32, f32)>) -> Result<Self, NoCurve> {
        if points.len() < 2 {
            return Err(NoCurve::TooFew);
        }
        let in_range = |&(cosine, nearness): &(f32, f32)| {
            (-1.0..=1.0).contains(&cosine) && (0.0..=1.0).contains(&nearness)
        };
        if !points.iter().all(in_range) {
            return Err(NoCurve::OutOfRange);
        }
        let rises = |pair: &[(f32, f32)]| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1;
        if !points.windows(2).all(rises) {
            return Err(NoCurve::Falling);
        }
        Ok(Self { points })
    }

    /// How near texts are whose vectors have this cosine, 0 to 1. What is no number is not near.
    #[must_use]
    pub fn scale(&self, cosine: f32) -> f32 {
        if cosine.is_nan() {
            return 0.0;
        }
        let after = self.points.partition_point(|&(at, _)| at <= cosine);
        let before = after.checked_sub(1).map(|index| self.points[index]);
        match (before, self.points.get(after)) {
            (Some((x0, y0)), Some(&(x1, y1))) => {
                let along = (cosine - x0) / (x1 - x0);
                (y0 + along * (y1 - y0)).clamp(y0, y1)
            }
            (None, Some(&(_, end))) | (Some((_, end)), None) => end,
            (None, None) => 0.0,
        }
    }
}

impl Default for Calibration {
    fn default() -> Self {
        Self {
            points: USUAL.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_curve_goes_through_its_points_and_is_level_beyond_them() {
        let points = vec![(0.1, 0.0), (0.5, 0.7), (0.9, 1.0)];
        let curve = Calibration::new(points.clone()).unwrap();
        for (cosine, nearness) in points {
            assert!((curve.scale(cosine) - nearness).abs() < 1e-6);
        }
        assert_eq!(curve.scale(-1.0), 0.0);
        assert_eq!(curve.scale(1.0), 1.0);
        assert!((curve.scale(0.3) - 0.35).abs() < 1e-6);
    }

    #[test]
    fn what_is_no_number_is_not_near() {
        assert_eq!(Calibration::default().scale(f32::NAN), 0.0);
    }

    #[test]
    fn points_that_do_not_rise_are_no_curve() {
        for (points, why) in [
            (vec![], NoCurve::TooFew),
            (vec![(0.0, 0.0)], NoCurve::TooFew),
            (vec![(0.5, 0.0), (0.5, 1.0)], NoCurve::Falling),
            (vec![(0.0, 0.5), (0.5, 0.4)], NoCurve::Falling),
            (vec![(0.0, 0.0), (0.5, 1.1)], NoCurve::OutOfRange),
            (vec![(f32::NAN, 0.0), (0.5, 1.0)], NoCurve::OutOfRange),
        ] {
            assert_eq!(Calibration::new(points), Err(why));
        }
    }

    proptest! {
        #[test]
        fn a_larger_cosine_is_never_farther(
            cosines in prop::collection::btree_set(-1000_i32..=1000, 2..8),
            mut nearness in prop::collection::vec(0.0_f32..=1.0, 8),
            a in -1.5_f32..1.5,
            b in -1.5_f32..1.5,
        ) {
            nearness.sort_by(f32::total_cmp);
            let cosines = cosines.into_iter().map(|thousandths| thousandths as f32 / 1000.0);
            let curve = Calibration::new(cosines.zip(nearness).collect()).unwrap();
            let (less, more) = (a.min(b), a.max(b));
            prop_assert!(curve.scale(less) <= curve.scale(more));
            prop_assert!((0.0..=1.0).contains(&curve.scale(a)));
        }
    }
}
