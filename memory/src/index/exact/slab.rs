//! The vectors of one person, one behind the other in memory, and the search through all of them.
//!
//! Each number of a vector of length 1 is kept in 16 bits, as a multiple of 1/32767. That halves
//! what must be read, lets a processor without any special instructions multiply eight numbers at
//! once, and changes a cosine by about 0.00001.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::index::Hit;
use crate::turn::{Audience, Id};

/// A number of 1 in a vector, as it is kept. With it no product of two vectors of length 1 leaves
/// 32 bits, nor does the sum over any part of them: it is at most the square of this (Cauchy and
/// Schwarz), and rounding adds half a step a number.
const ONE: f32 = 32_767.0;

/// Longest vector. The largest models in use have about 4,000 numbers.
pub(super) const MOST_DIMENSIONS: usize = 16_384;

/// What one point takes beside its vector: its name, twice, its audience, and the table's slot.
const OVERHEAD: usize = 64;

/// A vector as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fixed(Vec<i16>);

/// The points of one person.
#[derive(Debug)]
pub(super) struct Slab {
    dimensions: usize,
    numbers: Vec<i16>,
    names: Vec<(Id, Audience)>,
    places: HashMap<Id, usize>,
}

/// Whose audience may be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Everything.
    All,
    /// What others heard.
    Shared,
}

/// The nearest so far.
#[derive(Debug)]
pub(super) struct Best {
    limit: usize,
    /// The farthest of them on top.
    heap: BinaryHeap<Reverse<(i32, Id)>>,
}

impl Fixed {
    /// The vector, stretched to length 1; none for one without a direction, or of no or too many
    /// numbers.
    pub(super) fn of(vector: &[f32]) -> Option<Self> {
        let square: f64 = vector.iter().map(|&x| f64::from(x).powi(2)).sum();
        let length = square.sqrt();
        if !length.is_normal() || vector.len() > MOST_DIMENSIONS {
            return None;
        }
        let fixed = |&x: &f32| (f64::from(x) / length * f64::from(ONE)).round() as i16;
        Some(Self(vector.iter().map(fixed).collect()))
    }

    /// How many numbers it has.
    pub(super) fn dimensions(&self) -> usize {
        self.0.len()
    }

    /// As it stands in the file.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|x| x.to_le_bytes()).collect()
    }
}

impl Slab {
    /// An empty one, for vectors of so many numbers.
    pub(super) fn new(dimensions: usize) -> Self {
        Self {
            dimensions,
            numbers: Vec::new(),
            names: Vec::new(),
            places: HashMap::new(),
        }
    }

    /// How many numbers its vectors have.
    pub(super) fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// How many points it holds.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// What it takes of memory, about.
    pub(super) fn bytes(&self) -> usize {
        Self::bytes_of(self.len(), self.dimensions)
    }

    /// What so many points take of memory, about.
    pub(super) fn bytes_of(points: usize, dimensions: usize) -> usize {
        points * (dimensions * size_of::<i16>() + OVERHEAD)
    }

    /// Adds a vector as it stands in the file. One of another length is left out.
    pub(super) fn put_bytes(&mut self, id: Id, audience: Audience, bytes: &[u8]) {
        let (numbers, rest) = bytes.as_chunks::<2>();
        if numbers.len() == self.dimensions && rest.is_empty() {
            let numbers = numbers.iter().map(|x| i16::from_le_bytes(*x));
            self.put_numbers(id, audience, numbers);
        }
    }

    /// Adds a point, or replaces the one of the same name. One of another length is left out.
    pub(super) fn put(&mut self, id: Id, audience: Audience, vector: &Fixed) {
        if vector.dimensions() == self.dimensions {
            self.put_numbers(id, audience, vector.0.iter().copied());
        }
    }

    fn put_numbers(&mut self, id: Id, audience: Audience, numbers: impl Iterator<Item = i16>) {
        // What was there goes to the end of the line, where it is taken off.
        self.remove(id);
        self.places.insert(id, self.len());
        self.names.push((id, audience));
        self.numbers.extend(numbers);
    }

    /// Takes a point out, if it is there.
    pub(super) fn remove(&mut self, id: Id) {
        let Some(place) = self.places.remove(&id) else {
            return;
        };
        let last = self.len() - 1;
        self.names.swap_remove(place);
        if place != last {
            let from = last * self.dimensions;
            let into = place * self.dimensions;
            self.numbers.copy_within(from..from + self.dimensions, into);
            self.places.insert(self.names[place].0, place);
        }
        self.numbers.truncate(last * self.dimensions);
    }

    /// Looks through all points.
    pub(super) fn search(&self, near: &Fixed, found: Found, best: &mut Best) {
        if near.dimensions() != self.dimensions {
            return;
        }
        let vectors = self.numbers.chunks_exact(self.dimensions);
        for (vector, &(id, audience)) in vectors.zip(&self.names) {
            if found == Found::All || audience == Audience::Shared {
                best.offer(product(vector, &near.0), id);
            }
        }
    }
}

/// The sum of the products, in a form of which compilers make eight at a time.
fn product(a: &[i16], b: &[i16]) -> i32 {
    a.iter().zip(b).fold(0, |sum: i32, (&x, &y)| {
        sum.wrapping_add(i32::from(x) * i32::from(y))
    })
}

impl Best {
    /// Of everything that is offered, at most `limit` are kept.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            heap: BinaryHeap::new(),
        }
    }

    fn offer(&mut self, product: i32, id: Id) {
        if self.heap.len() < self.limit {
            self.heap.push(Reverse((product, id)));
        } else if let Some(mut farthest) = self.heap.peek_mut()
            && farthest.0.0 < product
        {
            *farthest = Reverse((product, id));
        }
    }

    /// The nearest first.
    pub(super) fn hits(self) -> Vec<Hit> {
        let sorted = self.heap.into_sorted_vec();
        let hit = |Reverse((product, id))| Hit {
            id,
            cosine: (product as f32 / (ONE * ONE)).clamp(-1.0, 1.0),
        };
        sorted.into_iter().map(hit).collect()
    }
}

#[cfg(test)]
mod tests;
