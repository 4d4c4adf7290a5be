//! Tokens become sentences that can be spoken: pure text work, no I/O.

/// A first piece may end at a comma once it is this long (characters), so that a long opening
/// sentence does not hold back the first sound; shorter clauses would sound chopped.
const FIRST_CLAUSE_CHARS: usize = 48;

/// A word of this many letters before a full stop is no initial and hardly an abbreviation.
const SURE_WORD_CHARS: usize = 3;

/// No piece is longer than this (characters): a model that never ends a sentence must not hold
/// the voice back, and synthesisers slow down on long input.
const LONGEST_CHARS: usize = 280;

/// Words that end in a full stop without ending a sentence.
const ABBREVIATIONS: &[&str] = &[
    "mr", "mrs", "ms", "dr", "prof", "st", "mt", "vs", "etc", "e.g", "i.e", "approx", "no", "nr",
    "z.b", "bzw", "ca", "sr", "jr", "inc", "ltd", "a.m", "p.m", "u.s", "u.k",
];

/// Cuts a stream of tokens into sentences.
#[derive(Debug, Default)]
pub(crate) struct Sentences {
    buffer: String,
    any_given: bool,
}

impl Sentences {
    /// Takes one token and gives the sentences that it completed.
    pub(crate) fn push(&mut self, token: &str) -> Vec<String> {
        self.buffer.push_str(token);
        let mut complete = Vec::new();
        while let Some(end) = self.boundary() {
            let rest = self.buffer.split_off(end);
            let sentence = std::mem::replace(&mut self.buffer, rest);
            self.give(&sentence, &mut complete);
        }
        complete
    }

    /// The stream has ended: gives what is left.
    pub(crate) fn finish(mut self) -> Option<String> {
        let mut complete = Vec::new();
        let rest = std::mem::take(&mut self.buffer);
        self.give(&rest, &mut complete);
        complete.pop()
    }

    fn give(&mut self, sentence: &str, complete: &mut Vec<String>) {
        let sentence = sentence.trim();
        if !sentence.is_empty() {
            self.any_given = true;
            complete.push(sentence.to_owned());
        }
    }

    /// Where the first sentence in the buffer ends (a byte index), if it is complete.
    fn boundary(&self) -> Option<usize> {
        let mut clause_end = None;
        let mut last_space = None;
        let mut chars = self.buffer.char_indices().peekable();
        let mut count = 0;
        while let Some((at, c)) = chars.next() {
            count += 1;
            let next = chars.peek().map(|&(_, next)| next);
            let after = at + c.len_utf8();
            match c {
                '\n' => return Some(after),
                '。' | '！' | '？' => return Some(after),
                // Whether white space follows is only known once the next token is here. The first
                // sentence does not wait for it: that is a token's time before the first sound.
                '.' | '!' | '?' if next.is_none() && !self.any_given && self.surely_ends(at) => {
                    return Some(after);
                }
                '.' | '!' | '?' | '…' | '"' | '”' | ')' | '\''
                    if next.is_some_and(char::is_whitespace) && self.ends_sentence(at, c) =>
                {
                    return Some(after);
                }
                ',' | '–' | '—' if next.is_some_and(char::is_whitespace) => {
                    if count >= FIRST_CLAUSE_CHARS && !self.any_given {
                        return Some(after);
                    }
                    clause_end = Some(after);
                }
                c if c.is_whitespace() => last_space = Some(after),
                _ => {}
            }
            if count >= LONGEST_CHARS {
                return clause_end.or(last_space).or(Some(after));
            }
        }
        None
    }

    /// Does a mark at byte `at`, the last one so far, end a sentence whatever comes next? Behind
    /// a whole word it nearly always does; behind a digit or a letter ("3.", "J.") it may not.
    fn surely_ends(&self, at: usize) -> bool {
        let word = self.buffer[..at]
            .rsplit(char::is_whitespace)
            .next()
            .unwrap_or_default();
        word.chars().count() >= SURE_WORD_CHARS
            && word.chars().all(char::is_alphabetic)
            && !ABBREVIATIONS.contains(&word.to_lowercase().as_str())
    }

    /// Does the mark `c` at byte `at` end a sentence, white space following it?
    fn ends_sentence(&self, at: usize, c: char) -> bool {
        let before = &self.buffer[..at];
        match c {
            '!' | '?' | '…' => true,
            '.' => {
                let word = before
                    .rsplit(|c: char| c.is_whitespace() || c == '(' || c == '"')
                    .next()
                    .unwrap_or_default();
                let alone = word.len() == before.trim_start().len();
                let initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
                let list_number = alone && word.chars().all(|c| c.is_ascii_digit());
                !(initial || list_number || ABBREVIATIONS.contains(&word.to_lowercase().as_str()))
            }
            // A closing quote or bracket ends a sentence when the mark stands inside it.
            '"' | '”' | ')' | '\'' => before.ends_with(['.', '!', '?', '…']),
            _ => false,
        }
    }
}

/// Text as a voice should read it: without markup, emoji, addresses and decoration.
///
/// Gives an empty string when nothing speakable is left.
pub(crate) fn speakable(text: &str) -> String {
    let mut spoken = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        let word = match word {
            w if w.starts_with("http://") || w.starts_with("https://") => "the link",
            w if w.starts_with("```") => continue,
            w => w,
        };
        let kept: String = word.chars().filter(|&c| is_speakable(c)).collect();
        if kept.is_empty() || kept.chars().all(|c| c == '-') {
            continue;
        }
        if !spoken.is_empty() {
            spoken.push(' ');
        }
        spoken.push_str(&kept);
    }
    if spoken.chars().any(char::is_alphanumeric) {
        spoken
    } else {
        String::new()
    }
}

fn is_speakable(c: char) -> bool {
    let markup = matches!(
        c,
        '*' | '_' | '`' | '#' | '~' | '|' | '<' | '>' | '[' | ']' | '{' | '}'
    );
    // Emoji, pictographs, dingbats, arrows, variation selectors and joiners.
    let picture = matches!(u32::from(c), 0x1F000..=0x1FAFF | 0x2190..=0x21FF | 0x2600..=0x27BF | 0x2B00..=0x2BFF | 0xFE00..=0xFE0F | 0x200D | 0x20E3);
    !(markup || picture || c.is_control())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(text: &str) -> Vec<String> {
        let mut sentences = Sentences::default();
        let mut all: Vec<_> = text
            .split_inclusive(' ')
            .flat_map(|t| sentences.push(t))
            .collect();
        all.extend(sentences.finish());
        all
    }

    #[test]
    fn a_sentence_is_given_as_soon_as_the_next_one_begins() {
        let mut sentences = Sentences::default();
        assert!(sentences.push("It is Paris").is_empty());
        assert_eq!(
            sentences.push("."),
            ["It is Paris."],
            "the first is not kept waiting"
        );
        assert!(sentences.push(" It has 2").is_empty());
        assert!(sentences.push(".").is_empty(), "a digit could still follow");
        assert_eq!(sentences.push(" And"), ["It has 2."]);
        assert_eq!(sentences.finish().as_deref(), Some("And"));
    }

    #[test]
    fn abbreviations_initials_and_numbers_do_not_end_a_sentence() {
        assert_eq!(
            cut("Dr. Smith met J. Bach at 3.5 km, e.g. in Leipzig. He left!"),
            [
                "Dr. Smith met J. Bach at 3.5 km, e.g. in Leipzig.",
                "He left!"
            ]
        );
        assert_eq!(cut("1. Bread\n2. Milk"), ["1. Bread", "2. Milk"]);
    }

    #[test]
    fn a_quote_closes_with_its_sentence() {
        assert_eq!(
            cut("He said \"Go.\" Then he left."),
            ["He said \"Go.\"", "Then he left."]
        );
    }

    #[test]
    fn only_a_long_first_sentence_is_cut_at_a_comma() {
        let long = "When the sun sets behind the tall mountains of the north, the wind begins to blow, and it is cold. ";
        let pieces = cut(&long.repeat(2));
        assert_eq!(
            pieces[0],
            "When the sun sets behind the tall mountains of the north,"
        );
        assert_eq!(pieces[2], long.trim(), "later sentences stay whole");
        assert_eq!(cut("Yes, it is. Good"), ["Yes, it is.", "Good"]);
    }

    #[test]
    fn a_model_that_never_stops_is_cut() {
        let pieces = cut(&"word ".repeat(200));
        assert!(pieces.len() >= 3 && pieces.iter().all(|p| p.chars().count() <= LONGEST_CHARS));
    }

    #[test]
    fn markup_and_pictures_are_not_read_aloud() {
        assert_eq!(
            speakable("**Hello** `you` 😀 – see https://example.org/x"),
            "Hello you – see the link"
        );
        assert_eq!(speakable("- one\n- two"), "one two");
        assert_eq!(speakable("*** 🎉"), "");
        assert_eq!(
            speakable("It's 20 % off, isn't it?"),
            "It's 20 % off, isn't it?"
        );
    }

    proptest! {
        #[test]
        fn no_word_is_lost_however_the_tokens_fall(words in prop::collection::vec("[a-zA-Z0-9.,!?\"é。-]{1,9}", 0..60), size in 1usize..12) {
            let text = words.join(" ");
            let tokens: Vec<char> = text.chars().collect();
            let mut sentences = Sentences::default();
            let mut all = Vec::new();
            for token in tokens.chunks(size) {
                all.extend(sentences.push(&token.iter().collect::<String>()));
            }
            all.extend(sentences.finish());
            let squeeze = |s: &str| s.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(squeeze(&all.concat()), squeeze(&text));
        }

        #[test]
        fn any_text_can_be_made_speakable(text in "\\PC*") {
            let spoken = speakable(&text);
            prop_assert!(spoken.is_empty() || spoken.chars().any(char::is_alphanumeric));
        }
    }
}
