//! Whose vectors are in memory: those of the people who were here last, within a bound in bytes.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::RwLock;

use super::slab::Slab;
use crate::person::Person;

/// The slabs in memory. When they are too much together, that of whoever was not asked about for
/// longest goes; it stands in the file and is read again when they come back.
#[derive(Debug)]
pub(super) struct Held {
    bound: usize,
    clock: u64,
    people: HashMap<Person, Place>,
}

#[derive(Debug)]
struct Place {
    slab: Arc<RwLock<Slab>>,
    bytes: usize,
    used: u64,
}

impl Held {
    /// Holds at most `bound` bytes.
    pub(super) fn new(bound: usize) -> Self {
        Self {
            bound,
            clock: 0,
            people: HashMap::new(),
        }
    }

    /// Whether so much is held at all.
    pub(super) fn fits(&self, bytes: usize) -> bool {
        bytes <= self.bound
    }

    /// The slab of a person, who so becomes the one asked about last.
    pub(super) fn get(&mut self, person: &Person) -> Option<Arc<RwLock<Slab>>> {
        self.clock += 1;
        let place = self.people.get_mut(person)?;
        place.used = self.clock;
        Some(place.slab.clone())
    }

    /// Holds a slab of so many bytes, or tells that the one that is held has so many now.
    pub(super) fn put(&mut self, person: &Person, slab: Arc<RwLock<Slab>>, bytes: usize) {
        self.clock += 1;
        let place = Place {
            slab,
            bytes,
            used: self.clock,
        };
        self.people.insert(person.clone(), place);
        while self.bytes() > self.bound {
            let oldest = self.people.iter().min_by_key(|(_, place)| place.used);
            let Some((oldest, _)) = oldest else { return };
            let oldest = oldest.clone();
            self.people.remove(&oldest);
        }
    }

    /// Lets go of a person.
    pub(super) fn drop_person(&mut self, person: &Person) {
        self.people.remove(person);
    }

    /// Lets go of everybody.
    pub(super) fn drop_all(&mut self) {
        self.people.clear();
    }

    fn bytes(&self) -> usize {
        self.people.values().map(|place| place.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slab() -> Arc<RwLock<Slab>> {
        Arc::new(RwLock::new(Slab::new(2)))
    }

    #[test]
    fn whoever_was_not_asked_about_for_longest_goes_first() {
        let [ann, ben, cid] = ["a", "b", "c"].map(Person::new);
        let mut held = Held::new(100);
        held.put(&ann, slab(), 40);
        held.put(&ben, slab(), 40);
        assert!(held.get(&ann).is_some());
        held.put(&cid, slab(), 40);
        assert!(held.get(&ben).is_none(), "he was not asked about");
        assert!(held.get(&ann).is_some() && held.get(&cid).is_some());
    }

    #[test]
    fn nobody_is_held_who_has_grown_beyond_the_bound() {
        let [ann, ben] = ["a", "b"].map(Person::new);
        let mut held = Held::new(100);
        held.put(&ann, slab(), 40);
        held.put(&ben, slab(), 101);
        assert!(!held.fits(101) && held.get(&ben).is_none());
        assert_eq!(held.bytes(), 0);
    }
}
