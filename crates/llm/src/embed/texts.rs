//! Texts as an embedding model wants them: cut to a bound, with the words before them that tell
//! what they are for.

use std::ops::Deref;

use super::Purpose;

/// Texts of one request. Thirty-two vectors of 4096 numbers have less than the 4 MB that are read
/// of an answer.
pub(super) const BATCH: usize = 32;

/// Characters of a text that are looked at. The windows of small models hold 256 to 512 tokens,
/// which is about 1000 to 2000 characters; servers cut there, or refuse what is longer.
pub(super) const LONGEST: usize = 2_000;

/// Models that want to be told, by a part of their names: what stands before a question, and
/// before what is to be found. Source: the cards of these models.
const PREFIXES: [(&str, &str, &str); 3] = [
    ("nomic-embed", "search_query: ", "search_document: "),
    ("multilingual-e5", "query: ", "passage: "),
    (
        "mxbai-embed",
        "Represent this sentence for searching relevant passages: ",
        "",
    ),
];

/// The texts of one call.
pub(super) struct Texts(Vec<String>);

impl Texts {
    pub(super) fn new(model: &str, purpose: Purpose, texts: Vec<String>) -> Self {
        let told = PREFIXES.iter().find(|(name, ..)| model.contains(name));
        let prefix = told.map_or("", |(_, question, document)| match purpose {
            Purpose::Question => question,
            Purpose::Document => document,
        });
        Self(texts.into_iter().map(|text| worded(prefix, text)).collect())
    }
}

impl Deref for Texts {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

fn worded(prefix: &str, mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
    }
    if prefix.is_empty() {
        text
    } else {
        format!("{prefix}{text}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(model: &str, purpose: Purpose) -> Vec<String> {
        Texts::new(model, purpose, vec!["tea?".into()]).to_vec()
    }

    #[test]
    fn a_model_that_wants_to_be_told_is() {
        let nomic = "nomic-embed-text:latest";
        assert_eq!(texts(nomic, Purpose::Question), ["search_query: tea?"]);
        assert_eq!(texts(nomic, Purpose::Document), ["search_document: tea?"]);
        assert_eq!(texts("all-minilm", Purpose::Question), ["tea?"]);
    }

    proptest! {
        #[test]
        fn a_text_is_cut_between_characters(text in "\\PC{1,20}", times in 1_usize..300) {
            let long = text.repeat(times);
            let cut = Texts::new("all-minilm", Purpose::Document, vec![long.clone()]).to_vec();
            prop_assert!(long.starts_with(&cut[0]));
            prop_assert_eq!(cut[0].chars().count(), long.chars().count().min(LONGEST));
        }
    }
}
