//! The index of vectors behind its breaker.

use futures::future::{BoxFuture, FutureExt as _};
use memory::index::{Hit, Index, Near, Point};
use memory::store::StoreError;
use memory::{Id, Person};

use super::Guarded;
use super::checkup::Tended;
use super::whole::{Answer, Size};
use crate::discreet::Discreet as _;

/// The index; a clone is the same one.
pub type GuardedIndex = Guarded<dyn Index>;

impl Index for GuardedIndex {
    fn upsert(&self, points: Vec<Point>) -> Answer<'_, ()> {
        self.ask(Size::One, move |index| index.upsert(points.clone()))
    }

    fn nearest<'a>(&'a self, near: Near<'a>) -> Answer<'a, Vec<Hit>> {
        self.ask(Size::One, move |index| index.nearest(near.clone()))
    }

    fn delete<'a>(&'a self, person: &'a Person, ids: &'a [Id]) -> Answer<'a, ()> {
        self.ask(Size::One, move |index| index.delete(person, ids))
    }

    fn delete_person<'a>(&'a self, person: &'a Person) -> Answer<'a, ()> {
        self.ask(Size::Many, move |index| index.delete_person(person))
    }

    fn clear(&self) -> Answer<'_, ()> {
        self.ask(Size::Many, |index| index.clear())
    }

    fn count<'a>(&'a self, person: Option<&'a Person>) -> Answer<'a, u64> {
        self.ask(Size::One, move |index| index.count(person))
    }

    fn warm<'a>(&'a self, person: &'a Person) -> Answer<'a, ()> {
        self.ask(Size::Many, move |index| index.warm(person))
    }

    fn check(&self) -> Answer<'_, ()> {
        self.any_there().boxed()
    }
}

/// A probe is a count of what is there.
impl Tended for dyn Index {
    type Error = StoreError;
    type Task = ();

    fn is_there(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.check()
    }

    fn work<'a>(&'a self, (): &'a ()) -> BoxFuture<'a, Result<(), String>> {
        let told = |result: Result<u64, StoreError>| match result {
            Ok(_) => Ok(()),
            Err(error) => Err(error.for_the_log()),
        };
        self.count(None).map(told).boxed()
    }
}
