//! A few fixed words, said to the assistant as a whole text. Pure.
//!
//! Errands and wishes are asked for in such words, with or without its name and politeness around
//! them; a text that says anything else besides asks for neither.

/// Words that change nothing.
const FILLERS: [&str; 6] = ["please", "hey", "now", "and", "okay", "ok"];

/// A text in words, and who may be called in it.
#[derive(Debug)]
pub(crate) struct Phrase {
    words: Vec<String>,
    names: Vec<String>,
}

impl Phrase {
    /// A text to an assistant of these names.
    pub(crate) fn new<'a>(text: &str, names: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            words: words(text),
            names: names.into_iter().map(|name| words(name).concat()).collect(),
        }
    }

    /// Whether the text is this phrase in lower-case words, and nothing else but a name.
    pub(crate) fn is(&self, phrase: &str) -> bool {
        self.behind(phrase).is_some_and(|rest| self.is_call(rest))
    }

    /// The words behind this phrase, if nothing but a name stands before it.
    pub(crate) fn behind(&self, phrase: &str) -> Option<&[String]> {
        let phrase: Vec<&str> = phrase.split(' ').collect();
        let starts = 0..(self.words.len() + 1).saturating_sub(phrase.len());
        starts.into_iter().find_map(|at| {
            let (before, rest) = self.words.split_at(at);
            let (here, behind) = rest.split_at(phrase.len());
            (here == phrase && self.is_call(before)).then_some(behind)
        })
    }

    /// Whether these words are one of the names, or none at all.
    pub(crate) fn is_call(&self, words: &[String]) -> bool {
        words.is_empty() || self.names.contains(&words.concat())
    }
}

/// The words of a text in lower case, without those that change nothing.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .filter(|word| !FILLERS.contains(&word.as_str()))
        .collect()
}
