//! Numbers as people write and say them: `12`, `twelve`, `3rd`, `twenty-first`.

use super::words::Reader;

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];

const TENS: [&str; 10] = [
    "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
];

const ORDINALS: [&str; 20] = [
    "",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
];

fn place(words: &[&str], word: &str) -> Option<u32> {
    let at = words.iter().position(|known| *known == word)?;
    (!word.is_empty()).then(|| u32::try_from(at).unwrap_or(u32::MAX))
}

/// A number of things, written or said: up to 9999 in digits, up to ninety-nine in words.
pub(super) fn count(reader: &mut Reader<'_>) -> Option<u32> {
    reader.attempt(|reader| {
        let word = &reader.next()?.text;
        if word.bytes().all(|byte| byte.is_ascii_digit()) && word.len() <= 4 {
            return word.parse().ok();
        }
        if let Some(ones) = place(&ONES, word) {
            return Some(ones);
        }
        let tens = place(&TENS, word)? * 10;
        let ones = reader.attempt(|reader| {
            place(&ONES, &reader.next()?.text).filter(|ones| (1..10).contains(ones))
        });
        Some(tens + ones.unwrap_or(0))
    })
}

/// A place in a row: `3rd`, `third`, `twenty-first`.
pub(super) fn ordinal(reader: &mut Reader<'_>) -> Option<u32> {
    reader.attempt(|reader| {
        let word = &reader.next()?.text;
        for ending in ["st", "nd", "rd", "th"] {
            if let Some(digits) = word.strip_suffix(ending)
                && (1..=2).contains(&digits.len())
                && digits.bytes().all(|byte| byte.is_ascii_digit())
            {
                return digits.parse().ok();
            }
        }
        match word.as_str() {
            "twentieth" => return Some(20),
            "thirtieth" => return Some(30),
            _ => {}
        }
        if let Some(ordinal) = place(&ORDINALS, word) {
            return Some(ordinal);
        }
        let tens = match word.as_str() {
            "twenty" => 20,
            "thirty" => 30,
            _ => return None,
        };
        let ones = place(&ORDINALS, &reader.next()?.text).filter(|ones| *ones < 10)?;
        Some(tens + ones)
    })
}

/// A day of a month beside its month's name: `3`, `3rd`, `third`, and the first of `21-25`.
pub(super) fn day_of_month(reader: &mut Reader<'_>) -> Option<u32> {
    if let Some(day) = ordinal(reader) {
        return Some(day);
    }
    reader.attempt(|reader| {
        let word = reader.peek();
        let first = match word.split_once('-') {
            Some((first, last)) if last.len() <= 2 => first,
            _ => word,
        };
        let digits = (1..=2).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_digit());
        if digits {
            reader.next();
            return first.parse().ok();
        }
        count(reader).filter(|day| (1..=31).contains(day))
    })
}
