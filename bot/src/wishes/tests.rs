//! Wishes to a memory whose store does as it is told.

use jiff::ToSpan as _;
use memory::store::Profile;
use memory::{Audience, Id, Place, Turn};
use tempfile::TempDir;

use super::*;
use crate::person::Remembered;
use crate::scripted::{Mood, Scripted, ann, entry, person};

/// Somebody's wishes, and the store beneath them.
struct House {
    wishes: Wishes,
    store: Scripted,
    _folder: TempDir,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Scripted::default();
        let memory = store.memory(folder.path());
        let past = Past::new(memory, Remembered::TheKnown, Duration::from_secs(1));
        Self {
            wishes: Wishes::new(past, &["AI-Bot".to_owned()]),
            store,
            _folder: folder,
        }
    }

    /// What Ann is told when she wishes this.
    async fn wish(&self, wish: Wish) -> String {
        self.wishes.grant(wish, &ann()).await.answer
    }

    /// What the store was to forget.
    fn forgotten(&self) -> Vec<Forget> {
        self.store.with(|shelf| shelf.forgotten.clone())
    }

    fn profile(&self) -> Option<Profile> {
        self.store.with(|shelf| shelf.profile.clone())
    }
}

fn visitor() -> Asker {
    Asker {
        who: Who::Visitor(7),
        place: Place::Private(Who::Visitor(7)),
        ..ann()
    }
}

fn said(by: &Asker, said: &str) -> Turn {
    Turn {
        id: Id::new(),
        who: by.who.clone(),
        name: by.name.clone(),
        place: by.place.clone(),
        at: Timestamp::now(),
        said: said.to_owned(),
        heard: "Good.".to_owned(),
        audience: Audience::Shared,
        witnesses: vec![ann().who],
    }
}

#[test]
fn a_yes_is_a_wish_for_a_minute_and_once() {
    let House { wishes, .. } = House::new();
    let (now, who) = (Instant::now(), ann().who);
    let read = |at: Instant, text: &str| wishes.read(at, &who, text);
    assert_eq!(read(now, "Yes."), None, "nobody asked her anything");
    wishes.ask(now, &who);
    assert_eq!(wishes.read(now, &visitor().who, "Yes."), None);
    let late = now + CONFIRMATION;
    assert_eq!(
        read(late - Duration::from_millis(1), "Yes!"),
        Some(Wish::Yes)
    );
    assert_eq!(read(late, "Yes!"), None, "it was taken");
    wishes.ask(now, &who);
    assert_eq!(read(late, "Yes!"), None, "it is too late");
    wishes.ask(now, &who);
    assert_eq!(read(now, "No, don't."), Some(Wish::No));
}

#[test]
fn whatever_else_is_said_lets_the_question_rest() {
    let House { wishes, .. } = House::new();
    let (now, who) = (Instant::now(), ann().who);
    wishes.ask(now, &who);
    assert_eq!(wishes.read(now, &who, "What time is it?"), None);
    assert_eq!(wishes.read(now, &who, "Yes."), None);
}

#[test]
fn of_too_many_who_are_asked_the_first_is_not_any_more() {
    let House { wishes, .. } = House::new();
    let now = Instant::now();
    let all: Vec<Who> = (0..=MOST_ASKED as u32).map(Who::Visitor).collect();
    for (at, who) in (0..).zip(&all) {
        wishes.ask(now + Duration::from_millis(at), who);
    }
    let later = now + Duration::from_secs(1);
    assert_eq!(wishes.read(later, &all[0], "Yes"), None);
    assert_eq!(wishes.read(later, &all[1], "Yes"), Some(Wish::Yes));
    assert_eq!(wishes.read(later, &all[MOST_ASKED], "Yes"), Some(Wish::Yes));
}

#[tokio::test]
async fn everything_is_forgotten_only_after_a_yes() {
    let house = House::new();
    assert_eq!(house.wish(Wish::ForgetMe).await, SURE);
    assert_eq!(house.forgotten(), []);
    let now = Instant::now();
    let yes = house.wishes.read(now, &ann().who, "yes forget everything");
    assert_eq!(yes, Some(Wish::Yes));
    let done = house.wish(Wish::Yes).await;
    assert_eq!(done, "I have forgotten everything about you.");
    let forgotten = house.forgotten();
    assert!(
        matches!(&forgotten[..], [Forget::Person(who, _)] if *who == person()),
        "{forgotten:?}"
    );
}

#[tokio::test]
async fn forget_that_means_their_own_last_words_and_nobody_elses() {
    let house = House::new();
    let nothing = house.wish(Wish::ForgetThat).await;
    assert_eq!(nothing, "There is nothing here that I could forget.");
    let ben = Asker {
        who: Who::Known(Person::new("b2")),
        ..ann()
    };
    let hers = [said(&ann(), "one"), said(&ann(), "two")];
    let last = hers[1].id;
    let memory = house.wishes.past.memory();
    hers.into_iter().for_each(|turn| memory.remember(turn));
    memory.remember(said(&ben, "three"));
    assert_eq!(house.wish(Wish::ForgetThat).await, "I have forgotten it.");
    assert_eq!(house.forgotten(), [Forget::Turns(person(), vec![last])]);
}

#[tokio::test]
async fn today_began_at_midnight_where_they_live() {
    let house = House::new();
    let zone = "Pacific/Kiritimati";
    let told = house.wish(Wish::Zone(Some(zone.to_owned()))).await;
    assert_eq!(told, "Your time zone is Pacific/Kiritimati.");
    let before = Timestamp::now();
    house.wish(Wish::ForgetSince(Since::Today)).await;
    let forgotten = house.forgotten();
    let [Forget::Since(who, from, until)] = &forgotten[..] else {
        panic!("{forgotten:?}")
    };
    assert_eq!(*who, person());
    assert!((before..=Timestamp::now()).contains(until));
    let began = from.to_zoned(TimeZone::get(zone).unwrap());
    assert_eq!(began, began.start_of_day().unwrap());
    assert!(*from <= before && before < *from + 24.hours());
}

#[tokio::test]
async fn the_last_hour_is_sixty_minutes() {
    let house = House::new();
    house.wish(Wish::ForgetSince(Since::LastHour)).await;
    let forgotten = house.forgotten();
    let [Forget::Since(_, from, until)] = &forgotten[..] else {
        panic!("{forgotten:?}")
    };
    assert_eq!(
        until.duration_since(*from),
        jiff::SignedDuration::from_hours(1)
    );
}

#[tokio::test]
async fn what_is_known_is_read_to_who_is_alone_and_written_to_who_is_not() {
    let house = House::new();
    let nothing = house.wishes.grant(Wish::Tell, &ann()).await;
    assert!(nothing.answer.contains("nothing") && nothing.list.is_none());
    let known = [entry("lives in Lyon"), entry("their dog is called Rex")];
    house.store.with(|shelf| shelf.learnt = known.to_vec());
    let list = "What I know about you:\n- You live in Lyon\n- Your dog is called Rex";
    let alone = house.wishes.grant(Wish::Tell, &ann()).await;
    assert_eq!(
        alone.answer,
        "I know 2 things about you. You live in Lyon. Your dog is called Rex. \
         I have written you the list."
    );
    assert_eq!(alone.list.as_deref(), Some(list));
    let among = Asker {
        company: Company::Others,
        ..ann()
    };
    let among = house.wishes.grant(Wish::Tell, &among).await;
    let silent = "I know 2 things about you. I have written you the list.";
    assert_eq!(among.answer, silent);
    assert_eq!(among.list.as_deref(), Some(list));
}

#[tokio::test]
async fn of_much_that_is_known_little_is_read_and_the_list_has_an_end() {
    let house = House::new();
    let many: Vec<Entry> = (0..150).map(|n| entry(&format!("fact {n}"))).collect();
    house.store.with(|shelf| shelf.learnt = many);
    let granted = house.wishes.grant(Wish::Tell, &ann()).await;
    let aloud = "I know 150 things about you. The latest are these. Fact 0. Fact 1. Fact 2. \
                 I have written you the list.";
    assert_eq!(granted.answer, aloud);
    let list = granted.list.unwrap();
    assert_eq!(list.lines().count(), 1 + LISTED + 1);
    assert!(list.ends_with("and 50 more; whoever runs me can export them."));
}

#[tokio::test]
async fn what_they_wish_of_their_record_is_kept() {
    let house = House::new();
    for (wish, off, aloud) in [
        (Wish::OffRecord, true, false),
        (Wish::PrivateAloud, true, true),
        (Wish::OnRecord, false, true),
        (Wish::PrivateQuiet, false, false),
    ] {
        house.wish(wish.clone()).await;
        let profile = house.profile().unwrap();
        let kept = (profile.off_record, profile.private_aloud);
        assert_eq!(kept, (off, aloud), "{wish:?}");
    }
    let unknown = house.wish(Wish::Zone(None)).await;
    assert_eq!(unknown, "I know no time zone of that name.");
}

#[tokio::test]
async fn with_the_store_away_nothing_is_promised_that_is_not_done() {
    let house = House::new();
    house.store.with(|shelf| shelf.mood = Mood::Away);
    assert_eq!(house.wish(Wish::OffRecord).await, OFF_FOR_NOW);
    assert_eq!(house.wish(Wish::OnRecord).await, NOT_KEPT);
    assert_eq!(house.wish(Wish::PrivateAloud).await, NOT_KEPT);
    assert_eq!(house.wish(Wish::Yes).await, LATER);
    house.store.with(|shelf| shelf.mood = Mood::Well);
    assert_eq!(house.profile(), None);
}

#[tokio::test]
async fn a_visitor_hears_that_nothing_is_kept_and_is_forgotten_at_once() {
    let house = House::new();
    let memory = house.wishes.past.memory();
    memory.remember(said(&visitor(), "My code word is tulip."));
    let told = house.wishes.grant(Wish::Tell, &visitor()).await;
    assert_eq!(told, NOTHING_KEPT.to_owned().into());
    let until = tokio::time::Instant::now() + LOOK_BACK;
    assert_eq!(memory.recall(&visitor(), "", until).await.talk.len(), 1);
    let done = house.wishes.grant(Wish::ForgetMe, &visitor()).await;
    assert!(done.answer.starts_with("I have forgotten"), "{done:?}");
    assert!(memory.recall(&visitor(), "", until).await.talk.is_empty());
    assert_eq!(house.forgotten(), [], "the store never knew of them");
}
