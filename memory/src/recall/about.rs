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

fn holds(text: &str, words: &[&str]) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && !is_apostrophe(c))
        .map(|word| word.to_lowercase().replace(is_apostrophe, "'"))
        .any(|word| words.contains(&word.as_str()))
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
    fn a_question_about_the_world_is_told_from_a_statement() {
        assert!(asks_about_world("How far away is the moon?"));
        assert!(!asks_about_world("It's really far to the moon."));
        assert!(!asks_about_world("Do I need a new photo?"));
        assert!(!asks_about_world("I\u{2019}m late, am I not?"));
    }
}
