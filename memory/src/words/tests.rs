//! What is one word to a search, and what is none.

use proptest::prelude::*;

use super::{LONGEST_TERM, MOST_TERMS, distinct, terms};

#[test]
fn forms_of_one_word_are_one_term() {
    for (one, other) in [
        ("moved", "moving"),
        ("dogs", "Dog's"),
        ("cities", "city"),
        ("Müller", "muller"),
        ("nineteenth", "19th"),
        ("planned", "plan"),
        ("Øystein", "oystein"),
    ] {
        assert_eq!(terms(one), terms(other), "{one} and {other}");
    }
}

#[test]
fn words_that_say_nothing_are_left_out() {
    assert_eq!(
        terms("What is the name of my dog? Don't you know?"),
        ["nam", "dog"]
    );
    assert_eq!(terms("..., -- !"), Vec::<String>::new());
}

#[test]
fn scripts_without_spaces_are_found_by_pairs() {
    assert_eq!(terms("東京都"), ["東京", "京都"]);
    assert_eq!(terms("犬"), ["犬"]);
    assert!(!terms("שלום עולם").is_empty());
}

#[test]
fn a_term_of_a_question_is_there_once() {
    assert_eq!(distinct("dog, dogs, and a cat"), ["dog", "cat"]);
}

#[test]
fn megabytes_are_read_as_far_as_a_page() {
    let text = "elephant ".repeat(1_000_000);
    assert_eq!(terms(&text).len(), MOST_TERMS);
}

proptest! {
    #[test]
    fn any_text_gives_few_plain_terms(text in any::<String>()) {
        for term in terms(&text) {
            prop_assert!(!term.is_empty());
            prop_assert!(term.chars().count() <= LONGEST_TERM);
            prop_assert!(term.chars().all(char::is_alphanumeric), "{term:?}");
        }
    }

    #[test]
    fn capitals_change_nothing(text in "[a-zA-Z' ]{0,60}") {
        prop_assert_eq!(terms(&text), terms(&text.to_uppercase()));
    }

    #[test]
    fn a_text_has_the_terms_of_its_sentences(one in "[a-z ]{0,40}", other in "[a-z ]{0,40}") {
        let both = terms(&format!("{one}. {other}"));
        let apart: Vec<String> = terms(&one).into_iter().chain(terms(&other)).collect();
        prop_assert_eq!(both, apart);
    }
}
