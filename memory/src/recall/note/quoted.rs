//! People's words in one line and within their quotation marks.

/// A text without control or formatting characters, without a double quotation mark, and not
/// longer than `most` characters.
pub(super) fn plain(text: &str, most: usize) -> String {
    let mut line = String::new();
    let mut count = 0;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if count > 0 {
            line.push(' ');
            count += 1;
        }
        for c in word.chars().filter(|c| !is_formatting(*c)) {
            if count >= most {
                line.push('…');
                return line;
            }
            line.push(if is_quotation_mark(c) { '\'' } else { c });
            count += 1;
        }
    }
    line
}

fn is_quotation_mark(c: char) -> bool {
    matches!(
        c,
        '"' | '\u{201c}'..='\u{201f}' | '\u{ab}' | '\u{bb}' | '\u{ff02}'
    )
}

/// Characters that turn or hide text around them.
fn is_formatting(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}
