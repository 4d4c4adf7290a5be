//! Written messages: from the HTML that Mumble sends to plain text, and back.

/// Plain text of a message in HTML.
///
/// Tags go away, paragraphs and line breaks become newlines, entities become what they stand
/// for; styles, scripts and comments leave nothing. White space is folded as a browser would,
/// except that newlines stay in a message without any tag, for such a one was not written as
/// HTML. What looks like a broken tag is kept as text. Takes linear time on any input.
pub fn plain(html: &str) -> String {
    let mut out = Plain::default();
    let mut tags = Tags::default();
    let mut rest = html;
    while let Some(character) = rest.chars().next() {
        match character {
            '<' => {
                if let Some((tag, after)) = tags.take(rest) {
                    out.has_tags = true;
                    rest = out.tag(tag, after);
                    continue;
                }
                out.text('<');
            }
            '&' => {
                if let Some((meaning, after)) = entity(rest) {
                    out.verbatim(meaning);
                    rest = after;
                    continue;
                }
                out.text('&');
            }
            other => out.text(other),
        }
        rest = &rest[character.len_utf8()..];
    }
    out.finish()
}

/// What [`escape`] makes of a newline.
pub(crate) const LINE_BREAK: &str = "<br>";

/// HTML that shows exactly this text.
pub fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + text.len() / 8);
    for character in text.chars() {
        match escaped(character) {
            Some(entity) => html.push_str(entity),
            None => html.push(character),
        }
    }
    html
}

/// Cuts a text into pieces that a server takes.
///
/// Each piece, once [escaped](escape), is at most `limit` UTF-16 code units long (what Mumble
/// servers count); 0 means no limit. Cuts fall between words where there are any, and white
/// space at a cut is dropped. A `limit` below the length of one escaped character gives pieces
/// of one character each, which are longer than it.
pub fn split(text: &str, limit: usize) -> Vec<String> {
    if limit == 0 {
        return Some(text.trim())
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
            .into_iter()
            .collect();
    }
    let mut pieces = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = fitting(rest, limit);
        let (piece, after) = rest.split_at(end);
        pieces.push(piece.trim_end().to_owned());
        rest = after.trim_start();
    }
    pieces
}

/// How many bytes of a text fit under the limit, cut after a word if possible.
fn fitting(text: &str, limit: usize) -> usize {
    let mut length = 0;
    let mut last_space = None;
    for (at, character) in text.char_indices() {
        length += escaped(character).map_or_else(|| character.len_utf16(), str::len);
        if character.is_whitespace() {
            last_space = Some(at);
        }
        if length > limit {
            let first = character.len_utf8();
            return last_space
                .filter(|&at| at > 0)
                .unwrap_or(if at == 0 { first } else { at });
        }
    }
    text.len()
}

/// The entity that must stand for a character in HTML, if one must.
fn escaped(character: char) -> Option<&'static str> {
    Some(match character {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        '\n' => LINE_BREAK,
        _ => return None,
    })
}

/// Longest entity that is looked for, from `&` to before `;`.
const LONGEST_ENTITY: usize = 10;

/// Reads the entity at the beginning of a text: what it means, and what follows it.
fn entity(text: &str) -> Option<(char, &str)> {
    let end = text
        .bytes()
        .take(LONGEST_ENTITY + 1)
        .position(|byte| byte == b';')?;
    let name = &text[1..end];
    let meaning = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "ndash" => '–',
        "mdash" => '—',
        "hellip" => '…',
        "euro" => '€',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            // A NUL helps nobody who reads or speaks the text.
            char::from_u32(code.ok()?).filter(|&meaning| meaning != '\0')?
        }
    };
    Some((meaning, &text[end + 1..]))
}

/// Finds where tags end, remembering what cannot be found any more so that no part of the
/// text is searched twice in vain.
#[derive(Default)]
struct Tags {
    quotes_unclosed: bool,
    none_left: bool,
}

impl Tags {
    /// Splits a text that begins with `<` into its tag (without the brackets) and the rest;
    /// none when this is no tag.
    fn take<'a>(&mut self, text: &'a str) -> Option<(&'a str, &'a str)> {
        let begins = text[1..].starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c));
        if self.none_left || !begins {
            return None;
        }
        if let Some(comment) = text.strip_prefix("<!--") {
            return Some((
                "!--",
                comment.find("-->").map_or("", |end| &comment[end + 3..]),
            ));
        }
        let end = self.quoted_end(text).or_else(|| text.find('>'));
        self.none_left = end.is_none();
        let end = end?;
        Some((&text[1..end], &text[end + 1..]))
    }

    /// Where the tag ends when a `>` within quotes does not count.
    fn quoted_end(&mut self, text: &str) -> Option<usize> {
        if self.quotes_unclosed {
            return None;
        }
        let mut quote = None;
        for (at, byte) in text.bytes().enumerate() {
            match (quote, byte) {
                (None, b'>') => return Some(at),
                (None, b'"' | b'\'') => quote = Some(byte),
                (Some(open), byte) if open == byte => quote = None,
                _ => {}
            }
        }
        self.quotes_unclosed = true;
        None
    }
}

/// Plain text in the making.
#[derive(Default)]
struct Plain {
    out: String,
    has_tags: bool,
}

impl Plain {
    /// A character of the message; white space is folded at the end.
    fn text(&mut self, character: char) {
        self.out.push(match character {
            BREAK => ' ',
            other => other,
        });
    }

    /// A character that an entity stood for.
    fn verbatim(&mut self, character: char) {
        self.text(if character == '\u{a0}' {
            ' '
        } else {
            character
        });
    }

    /// A tag; gives what is left to read after it.
    fn tag<'a>(&mut self, tag: &str, after: &'a str) -> &'a str {
        let closing = tag.starts_with('/');
        let name: String = tag
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        match name.as_str() {
            "br" | "p" | "div" | "li" | "tr" | "ul" | "ol" | "table" | "blockquote" | "pre"
            | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "hr" => self.out.push(BREAK),
            "td" | "th" => self.out.push(' '),
            "style" | "script" | "title" if !closing => return skip_element(after, &name),
            _ => {}
        }
        after
    }

    /// Folds white space and line breaks.
    fn finish(self) -> String {
        let mut lines: Vec<String> = Vec::new();
        let is_break = |c: char| c == BREAK || (c == '\n' && !self.has_tags);
        for line in self.out.split(is_break) {
            let words: Vec<&str> = line.split_whitespace().collect();
            // A paragraph's end and the next one's begin are one break, not two.
            if !words.is_empty() {
                lines.push(words.join(" "));
            }
        }
        lines.join("\n")
    }
}

/// Stands for a line break until the text is finished; control characters do not come from
/// messages, where they become a space.
const BREAK: char = '\u{1}';

/// What follows the closing tag of an element whose content is not for reading.
fn skip_element<'a>(text: &'a str, name: &str) -> &'a str {
    let mut rest = text;
    while let Some(at) = rest.find("</") {
        rest = &rest[at + 2..];
        let found = rest
            .get(..name.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(name));
        if found {
            return rest.find('>').map_or("", |end| &rest[end + 1..]);
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn markup_goes_and_words_stay() {
        for (html, expected) in [
            ("hello", "hello"),
            ("<b>hello</b> <i>you</i>", "hello you"),
            ("one<br>two<br/>three<br />four", "one\ntwo\nthree\nfour"),
            ("<p>one</p>\n<p>two</p>", "one\ntwo"),
            (
                "a &lt; b &amp;&amp; c &gt; d &quot;e&quot; &#39;f&#x27; g&nbsp;h",
                "a < b && c > d \"e\" 'f' g h",
            ),
            ("5 < 6 & 7 > 2", "5 < 6 & 7 > 2"),
            ("I <3 you", "I <3 you"),
            ("<a href=\"http://x/?a>b\">link</a>", "link"),
            (
                "<head><style>p { color: red }</STYLE></head><body>x</body>",
                "x",
            ),
            ("<!-- no -->yes", "yes"),
            ("an unclosed <b tag", "an unclosed <b tag"),
            ("&unknown; &#0; &#xd800; &", "&unknown; &#0; &#xd800; &"),
            ("two\nlines", "two\nlines"),
            ("<b>one\nline</b>", "one line"),
            ("<img src=\"data:image/png;base64,AAAA\"/>look", "look"),
            ("&amp;lt;", "&lt;"),
        ] {
            assert_eq!(plain(html), expected, "{html}");
        }
    }

    #[test]
    fn an_escaped_text_carries_no_markup() {
        assert_eq!(
            escape("<script>\"a\" & 'b'</script>\nx"),
            "&lt;script&gt;&quot;a&quot; &amp; 'b'&lt;/script&gt;<br>x"
        );
    }

    #[test]
    fn pieces_end_between_words() {
        assert_eq!(split("the quick brown fox", 10), ["the quick", "brown fox"]);
        assert_eq!(split("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(split("a&b", 5), ["a", "&", "b"]);
        assert_eq!(split("🦀🦀🦀", 4), ["🦀🦀", "🦀"]);
        assert_eq!(split("anything at all", 0), ["anything at all"]);
        assert!(split(" \n ", 10).is_empty());
    }

    #[test]
    fn a_hostile_message_takes_linear_time() {
        for unit in ["<a \"", "<!--", "<b", "&#", "<style>", "<style></"] {
            plain(&unit.repeat(200_000));
        }
    }

    proptest! {
        #[test]
        fn what_is_escaped_reads_the_same(words in prop::collection::vec("[!-~äß€🦀]{1,8}", 0..20)) {
            let text = words.join(" ");
            prop_assert_eq!(plain(&escape(&text)), text);
        }

        #[test]
        fn no_message_makes_it_panic(html in "(<|>|&|;|\"|/|!|-|#|x|style|br|é|\\PC|\n){0,60}") {
            plain(&html);
        }

        #[test]
        fn every_piece_fits_and_no_word_is_lost(text in "[a-z&<é🦀 \n]{0,200}", limit in 5_usize..60) {
            let pieces = split(&text, limit);
            for piece in &pieces {
                prop_assert!(!piece.is_empty());
                prop_assert!(escape(piece).encode_utf16().count() <= limit);
            }
            let squeeze = |s: &str| s.split_whitespace().collect::<String>();
            prop_assert_eq!(squeeze(&pieces.concat()), squeeze(&text));
        }
    }
}
