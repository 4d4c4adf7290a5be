//! What was said as clauses that each may state something.

/// Words in short, and in full.
const SHORT: [(&str, &str); 24] = [
    ("i'm", "I am"),
    ("i've", "I have"),
    ("i'd", "I would"),
    ("i'll", "I will"),
    ("we're", "we are"),
    ("we've", "we have"),
    ("we'll", "we will"),
    ("don't", "do not"),
    ("dont", "do not"),
    ("doesn't", "does not"),
    ("didn't", "did not"),
    ("can't", "can not"),
    ("cannot", "can not"),
    ("won't", "will not"),
    ("isn't", "is not"),
    ("aren't", "are not"),
    ("wasn't", "was not"),
    ("name's", "name is"),
    ("birthday's", "birthday is"),
    ("anymore", "any more"),
    ("p.m.", "pm"),
    ("a.m.", "am"),
    ("favorite", "favourite"),
    ("i’m", "I am"),
];

/// What people begin with and mean nothing by.
const FILLERS: [&str; 30] = [
    "well",
    "so",
    "oh",
    "ah",
    "ok",
    "okay",
    "hey",
    "hi",
    "hello",
    "yes",
    "yeah",
    "no",
    "and",
    "but",
    "also",
    "actually",
    "anyway",
    "please",
    "by the way",
    "just so you know",
    "you should know that",
    "you should know",
    "for your information",
    "fyi",
    "as you know",
    "i want you to know that",
    "i told you that",
    "listen",
    "look",
    "right",
];

/// How people ask for something politely.
const POLITE: [&str; 10] = [
    "can you please",
    "could you please",
    "would you please",
    "can you",
    "could you",
    "will you",
    "would you",
    "i want you to",
    "i would like you to",
    "i need you to",
];

/// With what a request begins; it is carried out even when it is put as a question.
const REQUESTS: [&str; 13] = [
    "remind me",
    "set a reminder",
    "set me a reminder",
    "set an alarm",
    "set a timer",
    "wake me",
    "remember",
    "do not forget",
    "keep in mind",
    "note that",
    "cancel",
    "delete the",
    "remove the",
];

/// With what a question begins, whether or not it is written with its mark.
const QUESTIONS: [&str; 34] = [
    "do", "does", "did", "am", "is", "are", "was", "were", "have", "has", "had", "can", "could",
    "will", "would", "shall", "should", "may", "might", "what", "what's", "where", "where's",
    "when", "who", "who's", "whose", "why", "how", "which", "guess", "tell", "say", "whom",
];

/// Words by which something is only supposed.
const DOUBTS: [&str; 14] = [
    "if",
    "would",
    "could",
    "might",
    "maybe",
    "perhaps",
    "wish",
    "wished",
    "imagine",
    "pretend",
    "suppose",
    "supposing",
    "unless",
    "whether",
];

/// With what a further clause of a sentence begins.
const SUBJECTS: [&str; 7] = [
    "i ",
    "my ",
    "we ",
    "call me ",
    "remind me ",
    "do not forget ",
    "please ",
];

/// Titles after which a full stop ends nothing.
const TITLES: [&str; 5] = ["dr", "mr", "mrs", "ms", "st"];

/// The text with one kind of apostrophe, single spaces and words in full.
pub(super) fn plain(text: &str) -> String {
    let text = text.replace('’', "'");
    let lines = text.lines().map(|line| {
        let words = line.split_whitespace().map(|word| {
            let end = word.trim_end_matches([',', '!', '?', ';', ':']).len();
            let (word, mark) = word.split_at(end);
            // "p.m." has its full stops inside the table, other words have theirs after it.
            let bare = word.strip_suffix('.').unwrap_or(word);
            let full = |short: &str| {
                let known = SHORT
                    .iter()
                    .find(|(known, _)| short.eq_ignore_ascii_case(known));
                known.map(|(_, full)| *full)
            };
            match (full(word), full(bare)) {
                (Some(full), _) => format!("{full}{mark}"),
                (None, Some(full)) => format!("{full}.{mark}"),
                (None, None) => format!("{word}{mark}"),
            }
        });
        words.collect::<Vec<_>>().join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The clauses of a plain text that can state something: no questions and nothing supposed.
pub(super) fn clauses(text: &str) -> Vec<String> {
    let mut clauses = Vec::new();
    for (sentence, asked) in sentences(text) {
        let sentence = without_fillers(sentence);
        if let Some(request) = request(sentence) {
            clauses.extend(split(request, &["i ", "remind me "]));
        } else if !asked && !is_question(sentence) && !is_doubtful(sentence) {
            clauses.extend(split(sentence, &SUBJECTS).into_iter().filter(|clause| {
                // "Hey you, do I live in Paris" has its question behind.
                !is_question(clause)
            }));
        }
    }
    clauses
}

/// What comes after `prefix`, when the text begins with these words, in letters of any size.
pub(super) fn after<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let begin = text.get(..prefix.len())?;
    let rest = &text[prefix.len()..];
    let whole = rest.is_empty() || rest.starts_with(|c: char| !c.is_alphanumeric() && c != '\'');
    (whole && begin.eq_ignore_ascii_case(prefix)).then(|| rest.trim_start_matches([' ', ',', ':']))
}

/// What comes after the first of `prefixes` that fits, and which it was.
pub(super) fn after_any<'a, 'p>(text: &'a str, prefixes: &[&'p str]) -> Option<(&'p str, &'a str)> {
    prefixes
        .iter()
        .find_map(|prefix| after(text, prefix).map(|rest| (*prefix, rest)))
}

/// Cuts where the first of `stops` begins; they are looked for in letters of any size.
pub(super) fn until<'a>(text: &'a str, stops: &[&str]) -> &'a str {
    let end = text
        .char_indices()
        .map(|(at, _)| at)
        .find(|at| {
            stops.iter().any(|stop| {
                let here = text.get(*at..at + stop.len());
                here.is_some_and(|here| here.eq_ignore_ascii_case(stop))
            })
        })
        .unwrap_or(text.len());
    &text[..end]
}

/// The words of a text in small letters, without marks.
pub(super) fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split_whitespace().filter_map(|word| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        (!word.is_empty()).then(|| word.to_lowercase())
    })
}

fn request(sentence: &str) -> Option<&str> {
    let bare = after_any(sentence, &POLITE).map_or(sentence, |(_, rest)| rest);
    let bare = without_fillers(bare);
    after_any(bare, &REQUESTS).map(|_| bare)
}

fn without_fillers(mut text: &str) -> &str {
    loop {
        text = text.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        match after_any(text, &FILLERS) {
            Some((_, rest)) if !rest.is_empty() => text = rest,
            _ => return text,
        }
    }
}

fn is_question(text: &str) -> bool {
    let first = words(text).next().unwrap_or_default();
    // "Do not forget" is none.
    QUESTIONS.contains(&first.as_str()) && after(text, "do not").is_none()
}

fn is_doubtful(text: &str) -> bool {
    words(text).any(|word| DOUBTS.contains(&word.as_str()))
}

/// Sentences, and whether they end with the mark of a question.
fn sentences(text: &str) -> Vec<(&str, bool)> {
    let mut sentences = Vec::new();
    let mut start = 0;
    for (at, mark) in text.char_indices() {
        let end = at + mark.len_utf8();
        let ends = match mark {
            '!' | '?' | ';' | '\n' => true,
            '.' => {
                let closes = text[end..].chars().next().is_none_or(char::is_whitespace);
                let before = text[start..at].rsplit(' ').next().unwrap_or_default();
                closes
                    && !TITLES
                        .iter()
                        .any(|title| before.eq_ignore_ascii_case(title))
            }
            _ => false,
        };
        if ends {
            sentences.push((text[start..at].trim(), mark == '?'));
            start = end;
        }
    }
    sentences.push((text[start..].trim(), false));
    sentences.retain(|(sentence, _)| !sentence.is_empty());
    sentences
}

/// Cuts a sentence before each further subject: "I live in Lyon and my dog is called Rex".
fn split(sentence: &str, subjects: &[&str]) -> Vec<String> {
    const JOINTS: [&str; 7] = [", and ", ", but ", ", so ", ", ", " and ", " but ", " so "];
    let mut clauses = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while at < sentence.len() {
        let rest = &sentence[at..];
        let joint = JOINTS.iter().find(|joint| {
            let behind = after_joint(rest, joint).map(without_fillers);
            behind.is_some_and(|behind| {
                subjects.iter().any(|subject| {
                    let begin = behind.get(..subject.len());
                    begin.is_some_and(|begin| begin.eq_ignore_ascii_case(subject))
                })
            })
        });
        if let Some(joint) = joint {
            clauses.push(&sentence[start..at]);
            start = at + joint.len();
            at = start;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    clauses.push(&sentence[start..]);
    let clauses = clauses.into_iter().map(without_fillers);
    clauses
        .map(|clause| clause.trim_matches([' ', ',', '.']).to_owned())
        .filter(|clause| !clause.is_empty())
        .collect()
}

fn after_joint<'a>(text: &'a str, joint: &str) -> Option<&'a str> {
    let begin = text.get(..joint.len())?;
    begin
        .eq_ignore_ascii_case(joint)
        .then(|| &text[joint.len()..])
}
