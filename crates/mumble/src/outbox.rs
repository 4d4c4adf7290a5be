//! Texts on their way out: cut to the server's limit, sent no faster than it takes them.

use std::{collections::VecDeque, time::Instant};

use crate::event::To;
use crate::pace::Pace;
use crate::proto::control::TextMessage;
use crate::text;

/// How many pieces of texts wait at most; while it is full no further text is taken.
const MOST_WAITING: usize = 64;

/// The server's limit before it has told one: that of a server's default settings, in UTF-16
/// code units of HTML.
const DEFAULT_LIMIT: usize = 5000;

/// What a server lets a text be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Markup {
    /// HTML.
    #[default]
    Html,
    /// Words alone. Clients read it as HTML all the same, so it is escaped, but line breaks
    /// cannot be told: the server folds them to spaces, and would show a tag as it is.
    Plain,
}

impl Markup {
    /// What a server lets texts be that says this of HTML.
    pub(crate) fn allowed(html: bool) -> Self {
        if html { Self::Html } else { Self::Plain }
    }

    /// A plain text in it.
    pub(crate) fn write(self, plain: &str) -> String {
        let html = text::escape(plain);
        match self {
            Self::Html => html,
            Self::Plain => html.replace(text::LINE_BREAK, "\n"),
        }
    }
}

/// The texts of one connection.
#[derive(Debug)]
pub(crate) struct Outbox {
    limit: usize,
    markup: Markup,
    waiting: VecDeque<TextMessage>,
}

impl Outbox {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self {
            limit: DEFAULT_LIMIT,
            markup: Markup::default(),
            waiting: VecDeque::new(),
        }
    }

    /// What the server allows; 0 for no limit.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// What the server lets texts be.
    pub(crate) fn set_markup(&mut self, markup: Markup) {
        self.markup = markup;
    }

    /// A plain text in the form that the server takes.
    pub(crate) fn written(&self, plain: &str) -> String {
        self.markup.write(plain)
    }

    /// Whether another text is taken now.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting.len() < MOST_WAITING
    }

    /// How many pieces of texts wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Queues a plain text, in as many pieces as it needs.
    pub(crate) fn push(&mut self, to: To, plain: &str) {
        for piece in text::split(plain, self.limit) {
            let mut message = TextMessage {
                message: Some(self.markup.write(&piece)),
                ..TextMessage::default()
            };
            match to {
                To::Channel(channel) => message.channel_id.push(channel.0),
                To::User(session) => message.session.push(session.0),
            }
            self.waiting.push_back(message);
        }
    }

    /// The next piece, if one may leave now.
    pub(crate) fn poll(&mut self, now: Instant, pace: &mut Pace) -> Option<TextMessage> {
        if self.waiting.is_empty() || !pace.take(now) {
            return None;
        }
        self.waiting.pop_front()
    }

    /// Whether something waits to leave.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::SessionId;

    #[test]
    fn a_long_text_goes_in_pieces_in_order() {
        let now = Instant::now();
        let (mut outbox, mut pace) = (Outbox::new(), Pace::new(now));
        outbox.set_limit(12);
        outbox.push(To::User(SessionId(9)), "one & two, three");
        let pieces: Vec<String> = std::iter::from_fn(|| outbox.poll(now, &mut pace))
            .filter_map(|piece| piece.message)
            .collect();
        assert_eq!(pieces, ["one &amp;", "two, three"]);
    }

    #[test]
    fn without_html_no_tag_is_sent() {
        assert_eq!(Markup::Plain.write("a < b\nc"), "a &lt; b\nc");
        assert_eq!(Markup::Html.write("a < b\nc"), "a &lt; b<br>c");
    }
}
