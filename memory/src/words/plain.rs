//! What is known of languages: stop words, endings, numbers as words. All of it is plain lists.

/// English words that say nothing of what a text is about, and the commonest of German, French
/// and Spanish that mean nothing else in English. Without apostrophes they stand as they are left
/// after one ("don" of "don't").
const STOP_WORDS: &[&str] = &[
    "a", "about", "after", "again", "all", "also", "am", "an", "and", "any", "are", "aren", "as",
    "ask", "at", "be", "because", "been", "before", "being", "but", "by", "can", "could", "couldn",
    "did", "didn", "do", "does", "doesn", "doing", "don", "done", "for", "from", "get", "give",
    "go", "going", "gonna", "got", "had", "hadn", "has", "hasn", "have", "haven", "having", "he",
    "her", "here", "hers", "herself", "hey", "hi", "him", "himself", "his", "how", "i", "if", "in",
    "into", "is", "isn", "it", "its", "itself", "just", "kind", "know", "let", "like", "ll", "m",
    "make", "may", "me", "might", "mine", "more", "most", "much", "must", "my", "myself", "no",
    "not", "now", "of", "oh", "ok", "okay", "on", "one", "or", "other", "our", "ours", "out",
    "over", "please", "re", "really", "remember", "s", "said", "say", "shall", "she", "should",
    "shouldn", "so", "some", "sort", "still", "such", "t", "tell", "than", "thank", "thanks",
    "that", "the", "their", "theirs", "them", "then", "there", "these", "they", "thing", "this",
    "those", "to", "told", "too", "um", "us", "ve", "very", "want", "was", "wasn", "we", "well",
    "were", "weren", "what", "when", "where", "which", "while", "who", "whom", "whose", "why",
    "will", "with", "won", "would", "wouldn", "yeah", "yes", "you", "your", "yours", "yourself",
    // German
    "aber", "auch", "das", "dein", "dem", "den", "der", "dich", "dir", "du", "ein", "eine", "einen",
    "einer", "er", "es", "fur", "habe", "ich", "ihr", "ist", "kein", "mein", "meine", "mich",
    "mir", "mit", "nicht", "oder", "sich", "sie", "sind", "uber", "und", "von", "wann", "wie",
    "wir", "wo", "zu", "zum", "zur", // French
    "au", "aux", "avec", "ce", "ces", "dans", "de", "des", "du", "elle", "est", "et", "il", "ils",
    "je", "la", "le", "les", "leur", "mais", "mes", "mon", "ne", "nous", "ou", "pas", "pour",
    "quand", "que", "quel", "quelle", "qui", "sa", "ses", "suis", "sur", "ta", "tes", "tu", "un",
    "une", "vous", // Spanish
    "como", "con", "cual", "cuando", "donde", "el", "ella", "ellos", "en", "era", "eres", "es",
    "esta", "este", "los", "las", "mas", "mi", "muy", "nos", "para", "pero", "por", "porque",
    "quien", "se", "soy", "su", "sus", "te", "tiene", "tu", "una", "unos", "y", "yo",
];

/// Numbers as they are spoken, and as recognisers write them.
const NUMBERS: &[(&str, &str)] = &[
    ("zero", "0"),
    ("two", "2"),
    ("three", "3"),
    ("four", "4"),
    ("five", "5"),
    ("six", "6"),
    ("seven", "7"),
    ("eight", "8"),
    ("nine", "9"),
    ("ten", "10"),
    ("eleven", "11"),
    ("twelve", "12"),
    ("thirteen", "13"),
    ("fourteen", "14"),
    ("fifteen", "15"),
    ("sixteen", "16"),
    ("seventeen", "17"),
    ("eighteen", "18"),
    ("nineteen", "19"),
    ("twenty", "20"),
    ("thirty", "30"),
    ("forty", "40"),
    ("fifty", "50"),
    ("sixty", "60"),
    ("seventy", "70"),
    ("eighty", "80"),
    ("ninety", "90"),
    ("first", "1"),
    ("1st", "1"),
    ("second", "2"),
    ("2nd", "2"),
    ("third", "3"),
    ("3rd", "3"),
    ("fourth", "4"),
    ("4th", "4"),
    ("fifth", "5"),
    ("5th", "5"),
    ("sixth", "6"),
    ("6th", "6"),
    ("seventh", "7"),
    ("7th", "7"),
    ("eighth", "8"),
    ("8th", "8"),
    ("ninth", "9"),
    ("9th", "9"),
    ("tenth", "10"),
    ("10th", "10"),
    ("eleventh", "11"),
    ("11th", "11"),
    ("twelfth", "12"),
    ("12th", "12"),
    ("thirteenth", "13"),
    ("13th", "13"),
    ("fourteenth", "14"),
    ("14th", "14"),
    ("fifteenth", "15"),
    ("15th", "15"),
    ("sixteenth", "16"),
    ("16th", "16"),
    ("seventeenth", "17"),
    ("17th", "17"),
    ("eighteenth", "18"),
    ("18th", "18"),
    ("nineteenth", "19"),
    ("19th", "19"),
    ("twentieth", "20"),
    ("20th", "20"),
    ("thirtieth", "30"),
    ("30th", "30"),
];

/// Letters of a stem at least: shorter ones mean nothing any more.
const SHORTEST_STEM: usize = 3;

pub(super) fn is_stop(word: &str) -> bool {
    STOP_WORDS.contains(&word)
}

pub(super) fn number(word: &str) -> Option<&'static str> {
    NUMBERS
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, digits)| *digits)
}

/// Letters that are no letter with a mark, and yet are written without it by many.
pub(super) fn letter(c: char) -> char {
    match c {
        'ø' => 'o',
        'ł' => 'l',
        'đ' | 'ð' => 'd',
        'ı' => 'i',
        'ß' => 's',
        'æ' => 'a',
        'œ' => 'o',
        c => c,
    }
}

/// The word without the commonest English endings; words of other scripts as they are. It need
/// not be right, only the same for forms of one word.
pub(super) fn stem(word: &str) -> String {
    if !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return word.to_owned();
    }
    let mut stem = word;
    if let Some(start) = stem.strip_suffix("ies").filter(|start| start.len() >= 2) {
        return format!("{start}y");
    }
    if !["ss", "us", "is"].iter().any(|end| stem.ends_with(end)) {
        stem = shorter(stem, "s");
    }
    let before = stem;
    stem = shorter(stem, "ing");
    if stem == before {
        stem = shorter(stem, "ed");
    }
    if stem != before {
        let bytes = stem.as_bytes();
        if let [.., a, b] = bytes
            && a == b
            && !matches!(b, b'l' | b's' | b'z' | b'e' | b'o')
        {
            stem = &stem[..stem.len() - 1];
        }
    }
    shorter(stem, "e").to_owned()
}

fn shorter<'a>(word: &'a str, end: &str) -> &'a str {
    word.strip_suffix(end)
        .filter(|start| start.len() >= SHORTEST_STEM && start.contains(is_vowel))
        .unwrap_or(word)
}

fn is_vowel(c: char) -> bool {
    matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'y')
}
