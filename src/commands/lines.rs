//! Lines that fit the terminal without breaking a word.

use comfy_table::Table;

/// The width of the terminal; `None` if standard output is not one: then every line stays whole, so
/// that other programs can search it.
pub(super) fn width() -> Option<usize> {
    Table::new().width().map(usize::from)
}

/// `line` in as many lines as `width` needs; all but the first begin with `indent` spaces. A word that is
/// longer than a line stays whole.
pub(super) fn wrapped(line: &str, indent: usize, width: Option<usize>) -> String {
    let Some(width) = width else { return line.to_owned() };
    let (mut text, mut column) = (String::new(), 0);
    for word in line.split_inclusive(' ') {
        if column + word.trim_end().chars().count() > width && column > indent {
            text.truncate(text.trim_end().len());
            text.push('\n');
            text.push_str(&" ".repeat(indent));
            column = indent;
        }
        text.push_str(word);
        column += word.chars().count();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_broken_between_words_and_a_long_word_stays_whole() {
        let line = "next  waiting: attempt 1 of 5 is due soon";
        let expected = "next  waiting:\n      attempt 1 of\n      5 is due\n      soon";
        assert_eq!(wrapped(line, 6, Some(18)), expected);
        assert_eq!(wrapped(line, 6, None), line);
        let id = "65b7cfcc-6b2e-47c8-8194-13005b792752";
        assert_eq!(
            wrapped(&format!("    run: {id} x"), 6, Some(20)),
            format!("    run:\n      {id}\n      x")
        );
    }
}
