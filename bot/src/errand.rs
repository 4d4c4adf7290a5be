//! Errands: what somebody may ask the assistant to do on the server instead of answering.

use mumble::{ActError, ChannelId, Client, SessionId};

use crate::phrase::Phrase;

/// Something to do on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    /// Go where the one who asks is.
    Come,
    /// Go back to the channel that the assistant was set up for.
    GoHome,
}

/// The ways to ask, in lower-case words.
const PHRASES: [(Errand, &str); 7] = [
    (Errand::Come, "come here"),
    (Errand::Come, "come to me"),
    (Errand::Come, "come over"),
    (Errand::Come, "follow me"),
    (Errand::GoHome, "go home"),
    (Errand::GoHome, "go back"),
    (Errand::GoHome, "go back home"),
];

impl Errand {
    /// The errand that a text asks for, if that is all it does; it may call the assistant by
    /// one of `names` besides.
    pub(crate) fn in_text<'a>(
        text: &str,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Option<Self> {
        let text = Phrase::new(text, names);
        let mut errands = PHRASES.into_iter();
        errands.find_map(|(errand, phrase)| text.is(phrase).then_some(errand))
    }

    /// Runs it for somebody; gives what to answer.
    pub(crate) async fn run(self, client: &Client, who: SessionId, home: ChannelId) -> String {
        let (done, outcome): (_, Result<(), ActError>) = match self {
            Self::Come => ("I am here.", client.follow(who).await),
            Self::GoHome => ("I have gone back.", client.enter(home).await),
        };
        match outcome {
            Ok(()) => done.to_owned(),
            Err(error) => {
                tracing::info!(errand = ?self, %error, "errand not done");
                format!("I could not do it: {error}.")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errand(text: &str) -> Option<Errand> {
        Errand::in_text(text, ["AI-Bot", "Jarvis"])
    }

    #[test]
    fn the_assistant_is_sent_by_a_few_words_with_or_without_its_name() {
        for text in [
            "come here",
            "Jarvis, please come here!",
            "AI-Bot: follow me",
            "Follow me, Jarvis",
        ] {
            assert_eq!(errand(text), Some(Errand::Come), "{text}");
        }
        for text in ["Go home.", "go back home, please", "Jarvis, go back"] {
            assert_eq!(errand(text), Some(Errand::GoHome), "{text}");
        }
    }

    #[test]
    fn a_question_that_holds_such_words_is_a_question() {
        for text in [
            "When does the bus come here?",
            "Why did Ann go home so early?",
            "come",
            "Jarvis",
            "",
        ] {
            assert_eq!(errand(text), None, "{text}");
        }
    }
}
