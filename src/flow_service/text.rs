//! Makes foreign text safe for a log line.

/// How much of a foreign message is kept in an error or a verdict, in characters.
pub(super) const DETAIL: usize = 300;

/// One line of at most `limit` characters: white space becomes one space; characters that control a
/// terminal or change the direction of writing are removed.
pub(super) fn clean(text: &str, limit: usize) -> String {
    let mut line = String::new();
    let mut length = 0;
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            gap = length > 0;
            continue;
        }
        if matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        {
            continue;
        }
        if length + usize::from(gap) + 1 > limit {
            line.push('…');
            return line;
        }
        if std::mem::take(&mut gap) {
            line.push(' ');
            length += 1;
        }
        line.push(c);
        length += 1;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_becomes_one_bounded_line() {
        assert_eq!(clean("  a\r\n\tb \u{1b}[31mc\0 ", 100), "a b [31mc");
        assert_eq!(clean("\u{202e}abc\u{2066}", 100), "abc");
        assert_eq!(clean("ääääää", 3), "äää…");
        assert_eq!(clean("ab cd", 3), "ab…");
    }
}
