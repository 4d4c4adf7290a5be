//! Events on their way to the user of this crate: bounded, and no word is lost.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use audio::Pcm;
use tokio::sync::Notify;

use crate::event::Event;

/// How many pieces of sound lie unread at most (10 s of one speaker in packets of 20 ms).
/// Then the oldest loses its sound; that it was a speaker's last piece stays known.
const MOST_HEARD: usize = 500;

/// How many other events lie unread at most. Then nothing more is read from the server until
/// there is room again.
const MOST_OTHERS: usize = 4096;

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
        // Somebody who has left so much unread will not miss one more failed attempt.
        let overdue = queue.others() >= MOST_OTHERS && matches!(event, Event::Lost { .. });
        if queue.state == Reader::Gone || overdue {
            return;
        }
        if has_sound(&event) {
            if queue.heard >= MOST_HEARD {
                queue.drop_oldest_sound();
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
            queue.heard += 1;
        }
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
        queue.heard -= usize::from(has_sound(&event));
        drop(queue);
        self.taken.notify_one();
        Some(event)
    }

    /// Whether there is room for events other than sound.
    pub(crate) fn has_room(&self) -> bool {
        self.lock().others() < MOST_OTHERS
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
        queue.heard = 0;
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

    fn drop_oldest_sound(&mut self) {
        let Some(at) = self.events.iter().position(has_sound) else {
            return;
        };
        self.heard -= 1;
        match &mut self.events[at] {
            Event::Heard(heard) if heard.last => heard.pcm = Pcm::new(heard.pcm.rate(), Vec::new()),
            _ => {
                self.events.remove(at);
            }
        }
    }
}

fn has_sound(event: &Event) -> bool {
    matches!(event, Event::Heard(heard) if !heard.pcm.is_empty())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::denied::Denied;
    use crate::event::{Heard, Scope, SessionId};

    fn heard(number: i16, last: bool) -> Event {
        Event::Heard(Heard {
            scope: Scope::Normal,
            speaker: SessionId(1),
            pcm: Pcm::new(16_000, vec![number; 320]),
            last,
            concealed: Duration::ZERO,
            received: Instant::now(),
        })
    }

    fn denied(number: usize) -> Event {
        Event::Denied(Denied::Other(number.to_string()))
    }

    #[test]
    fn too_much_sound_drops_the_oldest_and_no_word() {
        let inbox = Inbox::default();
        inbox.push(denied(1));
        for number in 0..MOST_HEARD + 10 {
            inbox.push(heard(number as i16, number == 4));
        }
        assert_eq!(inbox.dropped(), 10);
        assert!(matches!(inbox.take(), Some(Event::Denied(_))));
        assert!(matches!(inbox.take(), Some(Event::Heard(h)) if h.last && h.pcm.is_empty()));
        assert!(matches!(inbox.take(), Some(Event::Heard(h)) if h.pcm.samples()[0] == 10));
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

    #[tokio::test]
    async fn a_reader_waits_for_the_next_event() {
        let inbox = Inbox::default();
        let (event, ()) = tokio::join!(inbox.next(), async { inbox.push(denied(7)) });
        assert!(matches!(event, Event::Denied(Denied::Other(reason)) if reason == "7"));
    }
}
