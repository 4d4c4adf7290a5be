//! Errands: what somebody may ask the assistant to do on the server instead of answering.

use mumble::{ActError, ChannelId, Client, SessionId};

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

/// Words that change nothing.
const FILLERS: [&str; 4] = ["please", "hey", "now", "and"];

impl Errand {
    /// The errand that a text asks for, if that is all it does; it may call the assistant by
    /// one of `names` besides.
    pub(crate) fn in_text<'a>(
        text: &str,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Option<Self> {
        let text = words(text);
        let names: Vec<String> = names.into_iter().map(|name| words(name).concat()).collect();
        PHRASES.into_iter().find_map(|(errand, phrase)| {
            let phrase: Vec<&str> = phrase.split(' ').collect();
            let at = text
                .windows(phrase.len())
                .position(|words| words == phrase)?;
            let around = [&text[..at], &text[at + phrase.len()..]].map(<[String]>::concat);
            let is_call = |words: &String| words.is_empty() || names.contains(words);
            around.iter().all(is_call).then_some(errand)
        })
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

/// The words of a text in lower case, without those that change nothing.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .filter(|word| !FILLERS.contains(&word.as_str()))
        .collect()
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
