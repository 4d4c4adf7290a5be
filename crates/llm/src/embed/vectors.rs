//! Vectors as they come from a model: as many as there were texts, all of one length, and each of
//! them a direction.

use crate::ChatError;

/// Shorter ones point nowhere: their direction is noise.
const SHORTEST: f32 = 1e-6;

/// The vectors of one call, taken batch by batch.
pub(super) struct Vectors {
    /// Who made them, for messages.
    url: String,
    all: Vec<Vec<f32>>,
}

impl Vectors {
    pub(super) fn new(url: String) -> Self {
        Self {
            url,
            all: Vec::new(),
        }
    }

    /// Takes the vectors of `texts` further texts and makes their length 1.
    ///
    /// # Errors
    /// When they are more or fewer, when they differ in their dimensions, and when one holds what
    /// is no number or points nowhere.
    pub(super) fn take(&mut self, texts: usize, vectors: Vec<Vec<f32>>) -> Result<(), ChatError> {
        if vectors.len() != texts {
            let found = vectors.len();
            return Err(self.garbage(format!("{found} vectors for {texts} texts")));
        }
        for mut vector in vectors {
            let dimensions = self.all.first().map_or(vector.len(), Vec::len);
            if vector.is_empty() || vector.len() != dimensions {
                let found = vector.len();
                let problem = format!("a vector of {found} dimensions among those of {dimensions}");
                return Err(self.garbage(problem));
            }
            if normalise(&mut vector).is_none() {
                return Err(self.garbage("a vector that has no direction".into()));
            }
            self.all.push(vector);
        }
        Ok(())
    }

    pub(super) fn all(self) -> Vec<Vec<f32>> {
        self.all
    }

    fn garbage(&self, reason: String) -> ChatError {
        let url = self.url.clone();
        ChatError::Garbage { url, reason }
    }
}

/// Makes a vector's length 1; `None` when it has none.
pub(super) fn normalise(vector: &mut [f32]) -> Option<()> {
    // Squares of large numbers do not fit into an f32.
    let squares: f64 = vector.iter().map(|x| f64::from(*x).powi(2)).sum();
    let length = squares.sqrt() as f32;
    if !length.is_finite() || length < SHORTEST {
        return None;
    }
    for x in vector {
        *x /= length;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn taken(texts: usize, vectors: Vec<Vec<f32>>) -> Result<Vec<Vec<f32>>, ChatError> {
        let mut all = Vectors::new("http://server/api/embed".into());
        all.take(texts, vectors)?;
        Ok(all.all())
    }

    #[test]
    fn what_is_no_set_of_vectors_is_refused() {
        for (texts, vectors) in [
            (2, vec![vec![1.0]]),
            (0, vec![vec![1.0]]),
            (2, vec![vec![1.0, 0.0], vec![1.0]]),
            (1, vec![vec![]]),
            (1, vec![vec![0.0, 0.0]]),
            (1, vec![vec![f32::NAN, 1.0]]),
            (1, vec![vec![f32::INFINITY, 1.0]]),
        ] {
            let error = taken(texts, vectors).unwrap_err();
            assert!(matches!(error, ChatError::Garbage { .. }), "{error}");
        }
    }

    #[test]
    fn a_second_batch_of_other_dimensions_is_refused() {
        let mut all = Vectors::new(String::new());
        all.take(1, vec![vec![1.0, 0.0]]).unwrap();
        assert!(all.take(1, vec![vec![1.0]]).is_err());
    }

    proptest! {
        #[test]
        fn any_vectors_are_of_length_one_or_refused(
            vectors in prop::collection::vec(prop::collection::vec(any::<f32>(), 0..6), 0..4),
        ) {
            let count = vectors.len();
            if let Ok(all) = taken(count, vectors) {
                prop_assert_eq!(all.len(), count);
                for vector in all {
                    let squares: f32 = vector.iter().map(|x| x * x).sum();
                    prop_assert!((squares - 1.0).abs() < 1e-3, "{}", squares);
                }
            }
        }
    }
}
