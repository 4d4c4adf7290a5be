//! What of an answer was really heard: sentences beside the sound that carried them. Pure.

use std::time::Duration;

/// The sentences of an answer in order, each with where its sound ends.
#[derive(Debug, Default)]
pub(crate) struct Script {
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    text: String,
    begins: Duration,
    ends: Duration,
}

impl Script {
    /// A sentence begins to sound where the one before it ended.
    pub(crate) fn line(&mut self, text: &str) {
        let begins = self.sound();
        self.lines.push(Line {
            text: text.to_owned(),
            begins,
            ends: begins,
        });
    }

    /// The present sentence got `more` sound.
    pub(crate) fn extend(&mut self, more: Duration) {
        if let Some(line) = self.lines.last_mut() {
            line.ends += more;
        }
    }

    /// How much sound all sentences have.
    pub(crate) fn sound(&self) -> Duration {
        self.lines.last().map_or(Duration::ZERO, |line| line.ends)
    }

    /// Where the sentence ends that sounds when `heard` of the sound was played.
    pub(crate) fn end_of_sentence(&self, heard: Duration) -> Duration {
        let sounding = self.lines.iter().find(|line| heard < line.ends);
        sounding.map_or(heard, |line| line.ends)
    }

    /// The words that were heard when `heard` of the sound was played; of the sentence that was
    /// cut, the share of words that its time allows.
    pub(crate) fn heard(&self, heard: Duration) -> String {
        let mut text = String::new();
        for line in self.lines.iter().take_while(|line| line.begins < heard) {
            let part = if heard >= line.ends {
                line.text.clone()
            } else {
                let share = (heard - line.begins).div_duration_f64(line.ends - line.begins);
                let words: Vec<&str> = line.text.split_whitespace().collect();
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a share of a word count is small and positive"
                )]
                let count = (words.len() as f64 * share) as usize;
                words[..count.min(words.len())].join(" ")
            };
            if !part.is_empty() {
                if !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(&part);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_played_counts_as_heard() {
        let mut script = Script::default();
        script.line("It is Paris.");
        script.extend(Duration::from_secs(1));
        script.line("It lies on the Seine.");
        script.extend(Duration::from_secs(1));
        script.extend(Duration::from_secs(1));
        assert_eq!(script.sound(), Duration::from_secs(3));
        let end_of_sentence = |ms| script.end_of_sentence(Duration::from_millis(ms));
        assert_eq!(end_of_sentence(500), Duration::from_secs(1));
        assert_eq!(end_of_sentence(1000), Duration::from_secs(3));
        assert_eq!(end_of_sentence(3000), Duration::from_secs(3));
        assert_eq!(script.heard(Duration::ZERO), "");
        assert_eq!(script.heard(Duration::from_secs(1)), "It is Paris.");
        assert_eq!(script.heard(Duration::from_secs(2)), "It is Paris. It lies");
        assert_eq!(
            script.heard(Duration::from_secs(9)),
            "It is Paris. It lies on the Seine."
        );
    }
}
