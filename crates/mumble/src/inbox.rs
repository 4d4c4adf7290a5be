//! Events on their way to the user of this crate: bounded, and no word is lost.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use audio::Pcm;
use tokio::sync::Notify;

use crate::denied::Denied;
use crate::event::{Event, Heard};

/// How old unread sound gets, counted to the newest. Then the oldest loses its sound; that it
/// was a speaker's last piece stays known. Nobody wants to answer what was said before that.
const OLDEST_HEARD: Duration = Duration::from_secs(10);

/// How much sound lies unread at most, of all speakers, in samples: that of fifty speakers over
/// [`OLDEST_HEARD`] at 16 kHz, 16 MB. Then the oldest loses its sound as well.
const MOST_HEARD: usize = 50 * 10 * 16_000;

/// How many other events lie unread at most. Then nothing more is read from the server until
/// there is room again.
const MOST_OTHERS: usize = 4096;

/// How much text lies unread at most, in bytes; one message more may come on top. Then nothing
/// more is read from the server either. Texts of a megabyte each are allowed on some servers.
const MOST_TEXT: usize = 8 << 20;

/// A queue of events with one reader.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    queue: Mutex<Queue>,
    arrived: Notify,
    taken: Notify,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<Event>,
    /// How many of the events hold sound.
    heard: usize,
    /// How much sound that is, in samples.
    samples: usize,
    /// How much text the others hold, in bytes.
    text: usize,
    state: Reader,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Reader {
    #[default]
    There,
    Gone,
}

impl Inbox {
    /// Adds an event; drops the oldest sound if there is too much of it.
    pub(crate) fn push(&self, event: Event) {
        let mut queue = self.lock();
        // Somebody who has left so much unread will not miss one more failed attempt, or the
        // end of one more talk. (Datagrams are read even while nothing else is.)
        let missable = matches!(event, Event::Lost { .. } | Event::Heard(_));
        let overdue = queue.others() >= MOST_OTHERS && missable && !has_sound(&event);
        if queue.state == Reader::Gone || overdue {
            return;
        }
        if let Event::Heard(heard) = &event {
            while queue.has_too_much_for(heard) {
                queue.drop_oldest_sound();
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
        queue.count(&event, usize::saturating_add);
        queue.events.push_back(event);
        drop(queue);
        self.arrived.notify_one();
    }

    /// Takes the oldest event, once there is one.
    pub(crate) async fn next(&self) -> Event {
        loop {
            if let Some(event) = self.take() {
                return event;
            }
            self.arrived.notified().await;
        }
    }

    /// Takes the oldest event, if there is one.
    pub(crate) fn take(&self) -> Option<Event> {
        let mut queue = self.lock();
        let event = queue.events.pop_front()?;
        queue.count(&event, usize::saturating_sub);
        drop(queue);
        self.taken.notify_one();
        Some(event)
    }

    /// Whether there is room for events other than sound.
    pub(crate) fn has_room(&self) -> bool {
        let queue = self.lock();
        queue.others() < MOST_OTHERS && queue.text < MOST_TEXT
    }

    /// Waits until an event has been taken.
    pub(crate) async fn taken(&self) {
        self.taken.notified().await;
    }

    /// Nobody will read any more.
    pub(crate) fn abandon(&self) {
        let mut queue = self.lock();
        queue.state = Reader::Gone;
        queue.events.clear();
        (queue.heard, queue.samples, queue.text) = (0, 0, 0);
        drop(queue);
        self.taken.notify_one();
    }

    /// How many pieces of sound were dropped unread.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// How many of the events hold no sound.
    fn others(&self) -> usize {
        self.events.len() - self.heard
    }

    /// Counts an event in, by adding, or out.
    fn count(&mut self, event: &Event, add: fn(usize, usize) -> usize) {
        if let Some(heard) = sound(event) {
            self.heard = add(self.heard, 1);
            self.samples = add(self.samples, heard.pcm.len());
        }
        self.text = add(self.text, text_length(event));
    }

    /// Whether old sound has to go before this comes.
    fn has_too_much_for(&self, new: &Heard) -> bool {
        let Some(oldest) = self.events.iter().find_map(sound) else {
            return false;
        };
        self.samples + new.pcm.len() > MOST_HEARD
            || new.received.saturating_duration_since(oldest.received) > OLDEST_HEARD
    }

    fn drop_oldest_sound(&mut self) {
        let Some(at) = self.events.iter().position(has_sound) else {
            return;
        };
        let ends_are_known = self.others() < MOST_OTHERS;
        let Some(event) = self.events.remove(at) else {
            return;
        };
        self.count(&event, usize::saturating_sub);
        if let Event::Heard(mut heard) = event
            && heard.last
            && ends_are_known
        {
            heard.pcm = Pcm::new(heard.pcm.rate(), Vec::new());
            self.events.insert(at, Event::Heard(heard));
        }
    }
}

/// How much an event holds of what others wrote at whatever length, in bytes.
fn text_length(event: &Event) -> usize {
    match event {
        Event::Text(message) => message.text.len() + message.from_name.len(),
        Event::Joined { server, .. } | Event::ServerChanged(server) => server.welcome.len(),
        Event::Denied(Denied::Other(reason)) => reason.len(),
        _ => 0,
    }
}

fn has_sound(event: &Event) -> bool {
    sound(event).is_some()
}

fn sound(event: &Event) -> Option<&Heard> {
    match event {
        Event::Heard(heard) if !heard.pcm.is_empty() => Some(heard),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::event::{Scope, SessionId, TextMessage, TextScope};

    /// 20 ms of sound that arrived at a time.
    fn heard(number: usize, received: Instant) -> Heard {
        Heard {
            speaker: SessionId(1),
            scope: Scope::Normal,
            sequence: 2 * number as u64,
            pcm: Pcm::new(16_000, vec![1; 320]),
            last: false,
            concealed: Duration::ZERO,
            received,
        }
    }

    fn denied(number: usize) -> Event {
        Event::Denied(Denied::Other(number.to_string()))
    }

    #[test]
    fn old_sound_is_dropped_and_no_word() {
        let inbox = Inbox::default();
        let begin = Instant::now();
        inbox.push(denied(1));
        for number in 0..511 {
            let last = number == 4;
            let at = begin + Duration::from_millis(20) * number as u32;
            inbox.push(Event::Heard(Heard {
                last,
                ..heard(number, at)
            }));
        }
        assert_eq!(inbox.dropped(), 10);
        assert!(matches!(inbox.take(), Some(Event::Denied(_))));
        assert!(matches!(inbox.take(), Some(Event::Heard(h)) if h.last && h.pcm.is_empty()));
        assert!(matches!(inbox.take(), Some(Event::Heard(h)) if h.sequence == 20));
    }

    #[test]
    fn fifty_voices_wait_as_long_as_one_and_no_flood_takes_more_room() {
        let inbox = Inbox::default();
        let now = Instant::now();
        let fit = MOST_HEARD / 320;
        for number in 0..fit {
            inbox.push(Event::Heard(heard(number, now)));
        }
        assert_eq!(inbox.dropped(), 0);
        for number in 0..100 {
            inbox.push(Event::Heard(heard(fit + number, now)));
        }
        assert_eq!(inbox.dropped(), 100);
        assert_eq!(inbox.lock().samples, MOST_HEARD);
        while inbox.take().is_some() {}
        assert_eq!(inbox.lock().samples, 0);
        assert_eq!(inbox.lock().heard, 0);
    }

    #[test]
    fn a_flood_of_ends_is_bounded() {
        let inbox = Inbox::default();
        for number in 0..2 * MOST_OTHERS {
            inbox.push(Event::Heard(Heard {
                pcm: Pcm::new(16_000, Vec::new()),
                last: true,
                ..heard(number, Instant::now())
            }));
        }
        assert_eq!(inbox.lock().events.len(), MOST_OTHERS);
    }

    #[test]
    fn unread_words_ask_for_a_pause() {
        let inbox = Inbox::default();
        for number in 0..MOST_OTHERS {
            assert!(inbox.has_room());
            inbox.push(denied(number));
        }
        assert!(!inbox.has_room());
        inbox.take();
        assert!(inbox.has_room());
    }

    #[test]
    fn a_few_long_texts_ask_for_a_pause_as_many_short_ones_do() {
        let inbox = Inbox::default();
        let long = TextMessage {
            from: Some(SessionId(9)),
            from_name: "Ann".to_owned(),
            to: TextScope::Private,
            text: "x".repeat(1 << 20),
        };
        for _ in 0..MOST_TEXT >> 20 {
            assert!(inbox.has_room());
            inbox.push(Event::Text(long.clone()));
        }
        assert!(!inbox.has_room());
        inbox.take();
        assert!(inbox.has_room());
        while inbox.take().is_some() {}
        assert_eq!(inbox.lock().text, 0);
    }

    #[tokio::test]
    async fn a_reader_waits_for_the_next_event() {
        let inbox = Inbox::default();
        let (event, ()) = tokio::join!(inbox.next(), async { inbox.push(denied(7)) });
        assert!(matches!(event, Event::Denied(Denied::Other(reason)) if reason == "7"));
    }
}
