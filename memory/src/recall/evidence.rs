//! How strongly words alone say that an entry is what is asked for.

use std::collections::{HashMap, HashSet};

use crate::words;

/// Different terms of the question that an entry must hold at least to be found by words alone:
/// one that both have by chance proves nothing.
const LEAST_TERMS: usize = 2;

/// The question's terms and how much each of them tells.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    weights: HashMap<&'a str, f32>,
    whole: f32,
}

impl<'a> Evidence<'a> {
    /// A term tells the less the more of the found entries hold it.
    pub(super) fn new<'b>(terms: &'a [String], texts: impl Iterator<Item = &'b str>) -> Self {
        let mut holders: HashMap<&str, f32> = HashMap::new();
        let mut count = 0.0_f32;
        for text in texts {
            count += 1.0;
            let held: HashSet<String> = words::terms(text).into_iter().collect();
            for term in terms.iter().filter(|term| held.contains(*term)) {
                *holders.entry(term).or_default() += 1.0;
            }
        }
        let weights: HashMap<&str, f32> = terms
            .iter()
            .map(|term| {
                let holders = holders.get(term.as_str()).copied().unwrap_or_default();
                (term.as_str(), (1.0 + (count + 1.0) / (holders + 1.0)).ln())
            })
            .collect();
        let whole = weights.values().sum();
        Self { weights, whole }
    }

    /// The share of what the question tells that the text holds, 0 to 1.
    pub(super) fn share(&self, text: &str) -> f32 {
        if self.whole <= 0.0 {
            return 0.0;
        }
        let held: HashSet<String> = words::terms(text).into_iter().collect();
        let both: Vec<f32> = self
            .weights
            .iter()
            .filter(|(term, _)| held.contains(**term))
            .map(|(_, weight)| *weight)
            .collect();
        if both.len() < LEAST_TERMS {
            return 0.0;
        }
        both.iter().sum::<f32>() / self.whole
    }
}
