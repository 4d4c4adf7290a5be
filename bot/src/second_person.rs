//! What is noted of somebody, worded as it is said to them. Pure.

/// Verbs with which a note begins whose subject is left out, and as they are said to the person:
/// "lives in Lyon", "is called Sam".
const VERBS: [(&str, &str); 30] = [
    ("is", "are"),
    ("was", "were"),
    ("has", "have"),
    ("does", "do"),
    ("can", "can"),
    ("grew", "grew"),
    ("moved", "moved"),
    ("lives", "live"),
    ("works", "work"),
    ("studies", "study"),
    ("likes", "like"),
    ("loves", "love"),
    ("enjoys", "enjoy"),
    ("adores", "adore"),
    ("prefers", "prefer"),
    ("hates", "hate"),
    ("dislikes", "dislike"),
    ("wants", "want"),
    ("needs", "need"),
    ("speaks", "speak"),
    ("plays", "play"),
    ("drives", "drive"),
    ("owns", "own"),
    ("uses", "use"),
    ("eats", "eat"),
    ("drinks", "drink"),
    ("reads", "read"),
    ("plans", "plan"),
    ("teaches", "teach"),
    ("runs", "run"),
];

/// A note in the second person, in one line and without the stop at its end. What is to be done
/// is noted in the words in which it was said, and is turned as well: "call my mum".
pub(crate) fn to_them(note: &str) -> String {
    let mut words = note.trim().trim_end_matches('.').split_whitespace();
    let first = words.next().unwrap_or_default();
    let verb = VERBS.iter().find(|(theirs, _)| *theirs == first);
    let begin = verb.map_or_else(|| turned(first), |(_, yours)| format!("you {yours}"));
    words.fold(begin, |said, word| said + " " + &turned(word))
}

/// The same as a sentence of its own, without its stop.
pub(crate) fn sentence_to_them(note: &str) -> String {
    let said = to_them(note);
    let mut letters = said.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

fn turned(word: &str) -> String {
    let bare = word.trim_end_matches(|c: char| !c.is_alphanumeric());
    let yours = match bare.to_lowercase().as_str() {
        "their" | "my" | "our" => "your",
        "theirs" | "mine" | "ours" => "yours",
        "they" | "them" | "i" | "me" | "we" | "us" => "you",
        "themselves" | "myself" | "ourselves" => "yourself",
        "am" => "are",
        _ => return word.to_owned(),
    };
    format!("{yours}{}", &word[bare.len()..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_note_is_said_to_the_person_it_is_about() {
        for (note, said) in [
            ("lives in Lyon", "You live in Lyon"),
            ("is called Sam", "You are called Sam"),
            ("does not like mushrooms", "You do not like mushrooms"),
            ("their dog is called Rex", "Your dog is called Rex"),
            (
                "loves hiking with their dog.",
                "You love hiking with your dog",
            ),
            ("call my mum", "Call your mum"),
            ("tell Ann to call me!", "Tell Ann to call you!"),
        ] {
            assert_eq!(sentence_to_them(note), said);
        }
    }

    #[test]
    fn what_is_no_such_note_stays_as_it_is() {
        for note in ["the spare key is under the mat", "Élodie", ""] {
            assert_eq!(to_them(note), note);
        }
    }

    proptest! {
        #[test]
        fn any_note_can_be_said_in_one_line(note in ".*") {
            let said = sentence_to_them(&note);
            prop_assert!(!said.contains('\n'));
        }
    }
}
