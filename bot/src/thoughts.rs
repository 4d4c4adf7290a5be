//! Reasoning models think aloud between `<think>` and `</think>`; that part is not spoken.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Passes tokens through without the parts that the model thinks to itself.
#[derive(Debug, Default)]
pub(crate) struct Thoughts {
    held: String,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Speaking,
    Thinking,
}

impl Thoughts {
    /// Takes a token and gives what of it, and of tokens held back before, is to be said.
    pub(crate) fn push(&mut self, token: &str) -> String {
        self.held.push_str(token);
        let mut said = String::new();
        loop {
            let mark = match self.state {
                State::Speaking => OPEN,
                State::Thinking => CLOSE,
            };
            if let Some(at) = self.held.find(mark) {
                if self.state == State::Speaking {
                    said.push_str(&self.held[..at]);
                }
                self.held.drain(..at + mark.len());
                self.state = match self.state {
                    State::Speaking => State::Thinking,
                    State::Thinking => State::Speaking,
                };
                continue;
            }
            // The end of what is held may be the beginning of a mark: only that stays.
            let keep = (1..mark.len())
                .rev()
                .find(|&n| mark.is_char_boundary(n) && self.held.ends_with(&mark[..n]))
                .unwrap_or(0);
            let given: String = self.held.drain(..self.held.len() - keep).collect();
            if self.state == State::Speaking {
                said.push_str(&given);
            }
            return said;
        }
    }

    /// The stream has ended: gives what was held back.
    pub(crate) fn finish(self) -> String {
        match self.state {
            State::Speaking => self.held,
            State::Thinking => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pass(tokens: &[&str]) -> String {
        let mut thoughts = Thoughts::default();
        let mut said: String = tokens.iter().map(|t| thoughts.push(t)).collect();
        said.push_str(&thoughts.finish());
        said
    }

    #[test]
    fn thoughts_are_not_said_wherever_the_tokens_are_cut() {
        assert_eq!(
            pass(&["<thi", "nk>Hmm, 2 < 3", "</th", "ink>It is", " two."]),
            "It is two."
        );
        assert_eq!(pass(&["a < b <", " c"]), "a < b < c");
        assert_eq!(pass(&["One <think>never closed"]), "One ");
    }

    #[test]
    fn a_plain_token_is_passed_on_at_once() {
        assert_eq!(Thoughts::default().push("Hello"), "Hello");
    }

    proptest! {
        #[test]
        fn text_without_marks_is_unchanged(tokens in prop::collection::vec("[a-z<>/ é]{0,6}", 0..20)) {
            let text = tokens.concat();
            prop_assume!(!text.contains(OPEN));
            let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
            prop_assert_eq!(pass(&tokens), text);
        }
    }
}
