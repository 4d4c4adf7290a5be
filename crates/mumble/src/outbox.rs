//! Texts on their way out: cut to the server's limit, sent no faster than it takes them.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::event::To;
use crate::proto::control::TextMessage;
use crate::text;

/// A server drops what comes faster than one message per second after a burst of five
/// (`messagelimit`, `messageburst`). It counts a change of channel too, so one is left over.
const BURST: u32 = 4;

/// A little longer than the server's second, for its clock is not ours.
const REFILL: Duration = Duration::from_millis(1050);

/// How many pieces of texts wait at most; while it is full no further text is taken.
const MOST_WAITING: usize = 64;

/// The server's limit before it has told one: that of a server's default settings, in UTF-16
/// code units of HTML.
const DEFAULT_LIMIT: usize = 5000;

/// The texts of one connection.
#[derive(Debug)]
pub(crate) struct Outbox {
    limit: usize,
    waiting: VecDeque<TextMessage>,
    leave: u32,
    refilled: Instant,
}

impl Outbox {
    /// An empty one that may send a burst at once.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            limit: DEFAULT_LIMIT,
            waiting: VecDeque::new(),
            leave: BURST,
            refilled: now,
        }
    }

    /// What the server allows; 0 for no limit.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Whether another text is taken now.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting.len() < MOST_WAITING
    }

    /// Queues a plain text, in as many pieces as it needs.
    pub(crate) fn push(&mut self, to: To, plain: &str) {
        for piece in text::split(plain, self.limit) {
            let mut message = TextMessage {
                message: Some(text::escape(&piece)),
                ..TextMessage::default()
            };
            match to {
                To::Channel(channel) => message.channel_id.push(channel.0),
                To::User(session) => message.session.push(session.0),
            }
            self.waiting.push_back(message);
        }
    }

    /// The next piece that may leave now.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<TextMessage> {
        while self.leave < BURST && now >= self.refilled + REFILL {
            self.leave += 1;
            self.refilled += REFILL;
        }
        if self.leave == BURST {
            self.refilled = now;
        }
        if self.leave == 0 {
            return None;
        }
        let message = self.waiting.pop_front()?;
        self.leave -= 1;
        Some(message)
    }

    /// When [`Outbox::poll`] will have something; none while nothing waits.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let wait = if self.leave > 0 {
            Duration::ZERO
        } else {
            REFILL
        };
        (!self.waiting.is_empty()).then(|| self.refilled + wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{ChannelId, SessionId};

    #[test]
    fn a_burst_leaves_at_once_and_then_one_per_second() {
        let start = Instant::now();
        let mut outbox = Outbox::new(start);
        for n in 0..7 {
            outbox.push(To::Channel(ChannelId(3)), &n.to_string());
        }
        let sent = |outbox: &mut Outbox, now| std::iter::from_fn(|| outbox.poll(now)).count();
        assert_eq!(sent(&mut outbox, start), 4);
        assert_eq!(outbox.deadline(), Some(start + REFILL));
        assert_eq!(sent(&mut outbox, start + REFILL / 2), 0);
        assert_eq!(sent(&mut outbox, start + REFILL), 1);
        assert_eq!(sent(&mut outbox, start + 3 * REFILL), 2);
        assert_eq!(outbox.deadline(), None);
    }

    #[test]
    fn a_long_text_goes_in_pieces_in_order() {
        let now = Instant::now();
        let mut outbox = Outbox::new(now);
        outbox.set_limit(12);
        outbox.push(To::User(SessionId(9)), "one & two, three");
        let pieces: Vec<String> = std::iter::from_fn(|| outbox.poll(now))
            .filter_map(|piece| piece.message)
            .collect();
        assert_eq!(pieces, ["one &amp;", "two, three"]);
    }
}
