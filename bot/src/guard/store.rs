//! The store of the truth behind its breaker.

use futures::future::{BoxFuture, FutureExt as _};
use jiff::Timestamp;
use memory::store::{
    Change, Export, Filter, Forget, Forgotten, LastTalk, Learnt, Listed, Profile, Store,
    StoreError, Words,
};
use memory::{Entry, Id, Person, Place, Turn};

use super::Guarded;
use super::checkup::Tended;
use super::whole::{Answer, Size};
use crate::discreet::Discreet as _;

/// The store; a clone is the same one. An open breaker is [`StoreError::Unavailable`].
pub type GuardedStore = Guarded<dyn Store>;

impl Store for GuardedStore {
    fn record<'a>(&'a self, turn: &'a Turn) -> Answer<'a, ()> {
        self.ask(Size::One, move |store| store.record(turn))
    }

    fn last_talk<'a>(
        &'a self,
        place: &'a Place,
        since: Timestamp,
        limit: usize,
    ) -> Answer<'a, LastTalk> {
        self.ask(Size::One, move |store| store.last_talk(place, since, limit))
    }

    fn search<'a>(&'a self, words: Words<'a>) -> Answer<'a, Vec<(Entry, f32)>> {
        self.ask(Size::One, move |store| store.search(words.clone()))
    }

    fn entries<'a>(&'a self, ids: &'a [Id]) -> Answer<'a, Vec<Entry>> {
        self.ask(Size::One, move |store| store.entries(ids))
    }

    fn list<'a>(&'a self, filter: Filter<'a>) -> Answer<'a, Vec<Entry>> {
        self.ask(Size::One, move |store| store.list(filter.clone()))
    }

    fn around<'a>(
        &'a self,
        person: &'a Person,
        from: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Answer<'a, Vec<Entry>> {
        self.ask(Size::One, move |store| {
            store.around(person, from, until, limit)
        })
    }

    fn unread(&self, before: Timestamp, limit: usize) -> Answer<'_, Vec<Turn>> {
        self.ask(Size::One, move |store| store.unread(before, limit))
    }

    fn unsummarised(&self, before: Timestamp, limit: usize) -> Answer<'_, Vec<Turn>> {
        self.ask(Size::One, move |store| store.unsummarised(before, limit))
    }

    fn learn<'a>(&'a self, learnt: &'a Learnt) -> Answer<'a, ()> {
        self.ask(Size::One, move |store| store.learn(learnt))
    }

    fn due(&self, now: Timestamp, limit: usize) -> Answer<'_, Vec<Entry>> {
        self.ask(Size::One, move |store| store.due(now, limit))
    }

    fn told<'a>(&'a self, ids: &'a [Id], at: Timestamp) -> Answer<'a, ()> {
        self.ask(Size::One, move |store| store.told(ids, at))
    }

    fn profile<'a>(&'a self, person: &'a Person) -> Answer<'a, Option<Profile>> {
        self.ask(Size::One, move |store| store.profile(person))
    }

    fn save_profile<'a>(&'a self, profile: &'a Profile) -> Answer<'a, ()> {
        self.ask(Size::One, move |store| store.save_profile(profile))
    }

    fn forget<'a>(&'a self, what: &'a Forget) -> Answer<'a, Forgotten> {
        self.ask(Size::Many, move |store| store.forget(what))
    }

    fn outbox(&self, limit: usize) -> Answer<'_, Vec<Change>> {
        self.ask(Size::One, move |store| store.outbox(limit))
    }

    fn gone(&self, limit: usize) -> Answer<'_, Vec<Change>> {
        self.ask(Size::Many, move |store| store.gone(limit))
    }

    fn scrub(&self) -> Answer<'_, ()> {
        self.ask(Size::Many, |store| store.scrub())
    }

    fn settled<'a>(&'a self, numbers: &'a [i64]) -> Answer<'a, ()> {
        self.ask(Size::One, move |store| store.settled(numbers))
    }

    fn relearn(&self) -> Answer<'_, u64> {
        self.ask(Size::Many, |store| store.relearn())
    }

    fn people(&self) -> Answer<'_, Vec<Listed>> {
        self.ask(Size::Many, |store| store.people())
    }

    fn export<'a>(&'a self, person: &'a Person) -> Answer<'a, Export> {
        self.ask(Size::Many, move |store| store.export(person))
    }

    fn check(&self) -> Answer<'_, ()> {
        self.any_there().boxed()
    }
}

/// A probe is a question for the oldest change that the index has not learnt.
impl Tended for dyn Store {
    type Error = StoreError;
    type Task = ();

    fn is_there(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.check()
    }

    fn work<'a>(&'a self, (): &'a ()) -> BoxFuture<'a, Result<(), String>> {
        let told = |result: Result<_, StoreError>| match result {
            Ok(_) => Ok(()),
            Err(error) => Err(error.for_the_log()),
        };
        self.outbox(1).map(told).boxed()
    }
}
