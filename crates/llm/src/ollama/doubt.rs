//! Whether a server that is there has stopped working, judged by how its answers end.

use std::time::Duration;

/// How an answer ended for whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It was whole, or the server said itself why there is none.
    Well,
    /// It was given up, or lost, after its first token.
    Cut,
    /// It was given up after this long without a token.
    Unheard(Duration),
}

/// Whoever waits for less than this may only have changed their mind; a model that has to be read
/// a long conversation takes longer than this on a small machine, and by itself says nothing.
const LONG: Duration = Duration::from_secs(5);

/// So many answers in a row of which nothing was heard for [`LONG`] are no coincidence.
const STUCK: u8 = 3;

/// After an answer that was cut, one such is enough: that is what a model gets stuck by.
const BY_A_CUT: u8 = STUCK - 1;

/// What is thought of a server, from 0 to below [`STUCK`].
#[derive(Debug, Default)]
pub(super) struct Doubt(u8);

impl Doubt {
    /// A token came: it works.
    pub(super) fn heard(&mut self) {
        self.0 = 0;
    }

    /// An answer ended. Whether the server is stuck; then it is trusted again, for something will
    /// be done about it.
    pub(super) fn ended(&mut self, how: Ended) -> bool {
        match how {
            Ended::Well => self.0 = 0,
            Ended::Cut => self.0 = self.0.max(BY_A_CUT),
            Ended::Unheard(waited) if waited < LONG => {}
            Ended::Unheard(_) => self.0 += 1,
        }
        let stuck = self.0 >= STUCK;
        if stuck {
            self.0 = 0;
        }
        stuck
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NEVER: Ended = Ended::Unheard(Duration::from_secs(8));
    const SHORT: Ended = Ended::Unheard(Duration::from_secs(4));

    #[test]
    fn after_a_cut_answer_one_that_never_comes_is_enough() {
        let mut doubt = Doubt::default();
        assert!(!doubt.ended(Ended::Cut));
        assert!(!doubt.ended(SHORT));
        assert!(doubt.ended(NEVER));
        assert!(!doubt.ended(NEVER));
    }

    #[test]
    fn without_one_three_in_a_row_are() {
        let mut doubt = Doubt::default();
        assert_eq!(
            [NEVER; 6].map(|how| doubt.ended(how)),
            [false, false, true, false, false, true]
        );
    }

    #[test]
    fn a_server_that_speaks_is_not_doubted() {
        let mut doubt = Doubt::default();
        for before in [Ended::Cut, NEVER, NEVER] {
            doubt.ended(before);
        }
        doubt.ended(Ended::Cut);
        doubt.heard();
        assert!(!doubt.ended(NEVER));
        assert!(!doubt.ended(Ended::Well));
        assert!(!doubt.ended(NEVER));
        assert!(!doubt.ended(NEVER));
    }

    proptest! {
        /// Whatever people interrupt, a server that gives each of them a token is left alone.
        #[test]
        fn cuts_alone_never_make_it_stuck(
            ends in prop::collection::vec(prop::sample::select(vec![
                Ended::Well, Ended::Cut, SHORT,
            ]), 0..40)
        ) {
            let mut doubt = Doubt::default();
            for how in ends {
                prop_assert!(!doubt.ended(how));
            }
        }
    }
}
