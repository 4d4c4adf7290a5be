//! The words of a text that are worth looking for: what both databases index, and what a question
//! is searched by.
//!
//! One pure function makes them for documents and for questions, so that every store finds the
//! same: lower case, accents folded, stop words out, endings taken off, numbers that are spoken as
//! words written as digits. Scripts without spaces give pairs of characters.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

mod plain;

use plain::{is_stop, number, stem};

/// Terms of one text at most. Nobody says as much in one turn; a text of megabytes that somebody
/// pasted is found by its beginning.
pub const MOST_TERMS: usize = 1_000;

/// Characters of one term at most; longer ones are no words.
const LONGEST_TERM: usize = 40;

/// Characters of a text that are read at most, so that megabytes cost no more than a page.
const MOST_CHARACTERS: usize = 20_000;

/// The terms of a text in its order, each as often as it occurs; at most [`MOST_TERMS`].
#[must_use]
pub fn terms(text: &str) -> Vec<String> {
    let mut terms = Vec::new();
    let mut word = String::new();
    let folded = text
        .chars()
        .take(MOST_CHARACTERS)
        .nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase);
    for c in folded.chain([' ']) {
        match c {
            // Apostrophes hold words together: "don't", "dog's".
            '\'' | '\u{2019}' | '\u{2bc}' => word.push('\''),
            c if c.is_alphanumeric() => word.push(plain::letter(c)),
            _ => {
                take(&word, &mut terms);
                word.clear();
            }
        }
        if terms.len() >= MOST_TERMS {
            break;
        }
    }
    terms.truncate(MOST_TERMS);
    terms
}

/// The different terms of a text, in the order in which they first occur.
#[must_use]
pub fn distinct(text: &str) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    let mut terms = terms(text);
    terms.retain(|term| seen.insert(term.clone()));
    terms
}

fn take(word: &str, terms: &mut Vec<String>) {
    let word = word.trim_matches('\'');
    if word.is_empty() || is_stop(word) {
        return;
    }
    let word = word.split('\'').next().unwrap_or(word);
    if word.is_empty() || is_stop(word) {
        return;
    }
    if word.chars().any(is_unspaced) {
        pairs(word, terms);
        return;
    }
    if let Some(number) = number(word) {
        terms.push(number.to_owned());
        return;
    }
    terms.push(stem(word).chars().take(LONGEST_TERM).collect());
}

/// Chinese, Japanese and Thai are written without spaces: each pair of characters is a term, and a
/// single one by itself.
fn pairs(word: &str, terms: &mut Vec<String>) {
    let characters: Vec<char> = word.chars().collect();
    if let [single] = characters[..] {
        terms.push(single.to_string());
    }
    terms.extend(
        characters
            .windows(2)
            .map(|pair| pair.iter().collect::<String>()),
    );
}

fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests;
