//! Whom a sentence is about, as far as its pronouns tell. Lists of English; a sentence in another
//! language is about nobody in particular and nothing is left out for it.

/// Words by which somebody speaks of themselves.
const SELF: &[&str] = &[
    "i", "i'm", "i've", "i'd", "i'll", "me", "my", "mine", "myself", "we", "we're", "we've",
    "we'd", "we'll", "us", "our", "ours",
];

/// Words by which somebody speaks of whom they speak to.
const OTHER: &[&str] = &[
    "you", "you're", "you've", "you'd", "you'll", "your", "yours", "yourself",
];

/// Words with which somebody begins who wants to be told something without a question.
const REQUESTS: &[&str] = &[
    "advise",
    "calculate",
    "compare",
    "convert",
    "count",
    "define",
    "describe",
    "explain",
    "find",
    "give",
    "guess",
    "help",
    "list",
    "name",
    "read",
    "recommend",
    "remind",
    "repeat",
    "say",
    "show",
    "sing",
    "spell",
    "suggest",
    "summarise",
    "summarize",
    "teach",
    "tell",
    "translate",
    "write",
];

/// Whether a question asks for something about the person who asks, and not for what they were
/// told: "When is my flight?", but not "What did you say about my flight?".
pub(super) fn asks_about_self(question: &str) -> bool {
    holds(question, SELF) && !holds(question, OTHER)
}

/// Whether what was said asks for something about the world: "How far away is the moon?". It tells
/// nothing about who said it, whatever was answered.
pub(super) fn asks_about_world(said: &str) -> bool {
    said.trim_end().ends_with(['?', '？', '؟']) && !holds(said, SELF)
}

/// Whether what was said asks for something to be told, so that the answer is what matters.
pub(super) fn asks(said: &str) -> bool {
    let mut words = words(said).filter(|word| word != "please");
    let begins_as_request = words.next().is_some_and(|word| REQUESTS.contains(&&*word));
    begins_as_request || said.contains(['?', '？', '؟'])
}

fn holds(text: &str, list: &[&str]) -> bool {
    words(text).any(|word| list.contains(&word.as_str()))
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric() && !is_apostrophe(c))
        .filter(|word| !word.is_empty())
        .map(|word| word.to_lowercase().replace(is_apostrophe, "'"))
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '\u{2019}' | '\u{2bc}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_about_oneself_is_told_from_one_about_what_was_told() {
        assert!(asks_about_self("When is my flight?"));
        assert!(asks_about_self("Where do I live?"));
        assert!(!asks_about_self("What did you tell me about the flight?"));
        assert!(!asks_about_self("Who wrote Don Quixote?"));
    }

    #[test]
    fn a_request_is_told_from_a_statement() {
        assert!(asks("Please tell me a joke."));
        assert!(asks("And what is it called?"));
        assert!(!asks("She's called Yseult."));
        assert!(!asks("I give up."));
    }

    #[test]
    fn a_question_about_the_world_is_told_from_a_statement() {
        assert!(asks_about_world("How far away is the moon?"));
        assert!(!asks_about_world("It's really far to the moon."));
        assert!(!asks_about_world("Do I need a new photo?"));
        assert!(!asks_about_world("I\u{2019}m late, am I not?"));
    }
}
