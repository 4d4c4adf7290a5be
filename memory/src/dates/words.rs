//! A text as words in small letters, each with its place, for those who look for dates in it.

use std::ops::Range;

/// One word or number of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// In small letters, with a plain apostrophe and `am` for `a.m.`.
    pub(super) text: String,
    /// Where it stands, in bytes.
    pub(super) span: Range<usize>,
    /// Whether it is written with a capital letter.
    pub(super) capital: bool,
    /// Whether a comma stands before it.
    pub(super) comma: bool,
}

/// What is left to read of a sentence. A copy reads on its own, so that an attempt costs nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    words: &'a [Word],
}

impl<'a> Reader<'a> {
    pub(super) fn new(words: &'a [Word]) -> Self {
        Self { words }
    }

    /// What is left, the next word first.
    pub(super) fn rest(&self) -> &'a [Word] {
        self.words
    }

    /// The text of the next word; empty at the end.
    pub(super) fn peek(&self) -> &'a str {
        self.words.first().map_or("", |word| word.text.as_str())
    }

    /// Reads one word, whatever it is.
    pub(super) fn next(&mut self) -> Option<&'a Word> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    /// Reads `word`, if it comes next.
    pub(super) fn take(&mut self, word: &str) -> bool {
        let there = self.peek() == word;
        if there {
            self.next();
        }
        there
    }

    /// Reads any of `words`, if it comes next.
    pub(super) fn any(&mut self, words: &[&str]) -> Option<&'a str> {
        let word = self.peek();
        (!word.is_empty() && words.contains(&word)).then(|| {
            self.next();
            word
        })
    }

    /// Reads all of `words` in their order, or nothing.
    pub(super) fn all(&mut self, words: &[&str]) -> bool {
        let mut ahead = *self;
        let there = words.iter().all(|word| ahead.take(word));
        if there {
            *self = ahead;
        }
        there
    }

    /// Reads what `read` reads, or nothing.
    pub(super) fn attempt<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let mut ahead = *self;
        let found = read(&mut ahead)?;
        *self = ahead;
        Some(found)
    }
}

/// The sentences of a text, as words. No date reaches over the end of a sentence.
pub(super) fn sentences(text: &str) -> Vec<Vec<Word>> {
    let mut sentences = vec![Vec::new()];
    let mut comma = false;
    let mut at = 0;
    while let Some(letter) = text[at..].chars().next() {
        if letter.is_alphanumeric() {
            let end = end_of_word(text, at);
            let sentence = sentences.last_mut().expect("there is a first sentence");
            sentence.push(Word {
                text: plain(&text[at..end]),
                span: at..end,
                capital: letter.is_uppercase(),
                comma,
            });
            comma = false;
            at = end;
            continue;
        }
        at += letter.len_utf8();
        match letter {
            ',' => comma = true,
            '.' | '!' | '?' | ';' | '\n' => sentences.push(Vec::new()),
            _ => {}
        }
    }
    sentences.retain(|sentence| !sentence.is_empty());
    sentences
}

/// Where the word ends that begins at `start`.
fn end_of_word(text: &str, start: usize) -> usize {
    let rest = &text[start..];
    for dotted in ["a.m.", "p.m.", "a.m", "p.m"] {
        // `get`, because four bytes may end within a letter.
        if rest
            .get(..dotted.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(dotted))
        {
            return start + dotted.len();
        }
    }
    let mut letters = rest.char_indices().peekable();
    let mut before = ' ';
    while let Some((at, letter)) = letters.next() {
        let after = letters.peek().map_or(' ', |(_, letter)| *letter);
        let inside = match letter {
            ':' | '-' | '.' | '/' | '+' => before.is_ascii_digit() && after.is_ascii_digit(),
            '\'' | '’' => before.is_alphabetic() && after.is_alphabetic(),
            // `5p.m.` is two words.
            'a' | 'A' | 'p' | 'P' if before.is_ascii_digit() && after == '.' => false,
            _ => letter.is_alphanumeric(),
        };
        if !inside {
            return start + at;
        }
        before = letter;
    }
    text.len()
}

fn plain(word: &str) -> String {
    let word = word.to_lowercase().replace('’', "'");
    match word.as_str() {
        "a.m." | "a.m" => "am".to_owned(),
        "p.m." | "p.m" => "pm".to_owned(),
        _ => word,
    }
}
