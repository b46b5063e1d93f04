//! Makes foreign text safe for a log line.

/// How much of a foreign message is kept in an error or a verdict, in characters.
pub(super) const DETAIL: usize = 300;

/// One line of at most `limit` characters: white space becomes one space; characters that control a
/// terminal or change the direction of writing are removed.
pub(crate) fn clean(text: &str, limit: usize) -> String {
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

/// Keys whose values are secrets, in addresses and connection strings.
const SECRET_KEYS: [&str; 9] = [
    "sig",
    "signature",
    "password",
    "pwd",
    "secret",
    "accountkey",
    "sharedaccesskey",
    "access_token",
    "client_secret",
];

/// `text` with `***` in place of the value of every `key=value` that is a secret.
pub(super) fn without_secrets(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(equals) = rest.find('=') {
        let (before, after) = rest.split_at(equals + 1);
        kept.push_str(before);
        rest = after;
        let is_key = |c: char| c.is_alphanumeric() || c == '_';
        let key = before.trim_end_matches('=').rsplit(|c| !is_key(c)).next().unwrap_or_default();
        if SECRET_KEYS.iter().any(|secret| secret.eq_ignore_ascii_case(key)) {
            let ends = |c: char| c.is_whitespace() || ";&,'\"".contains(c);
            rest = &rest[rest.find(ends).unwrap_or(rest.len())..];
            kept.push_str("***");
        }
    }
    kept.push_str(rest);
    kept
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
