//! Text that fits the terminal: tables whose columns are dropped by priority, wrapped sentences, colors.

use super::context::Environment;
use crate::cli::ColorChoice;
use std::io::IsTerminal;

/// The width of text that does not go to a terminal.
const WIDTH: usize = 120;
/// Longer lines of prose are hard to read.
const PROSE: usize = 100;
/// The narrowest that a name is cut to, or a text is wrapped to.
const NARROW: usize = 12;
/// A column of sentences that cannot have this width is dropped, if it may be.
const READABLE: usize = 24;
const GAP: usize = 2;

/// Where text for people goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Screen {
    /// In characters.
    pub(super) width: usize,
    pub(super) has_color: bool,
}

impl Screen {
    /// Standard output.
    pub(super) fn of(choice: ColorChoice, environment: &Environment) -> Self {
        let columns = environment.get("COLUMNS").and_then(|text| text.parse().ok());
        let terminal = || comfy_table::Table::new().width().map(usize::from);
        let width = columns.or_else(terminal).filter(|width| *width > 0).unwrap_or(WIDTH);
        let is_set = |name| environment.get(name).is_some_and(|value| !value.is_empty());
        let is_dumb = environment.get("TERM").is_some_and(|term| term == "dumb");
        let has_color = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => std::io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb,
        };
        Self { width, has_color }
    }

    /// `text` in the color of `tone`.
    pub(super) fn paint(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Good => "32",
            Tone::Busy => "36",
            Tone::Bad => "31",
            Tone::Strong => "1",
            Tone::Faint => "2",
        };
        match self.has_color && !text.is_empty() {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }

    /// `text` in lines of whole words, the first after `first` and the others below it.
    pub(super) fn wrap(&self, first: &str, text: &str) -> String {
        let indent = first.chars().count();
        let lines = wrapped(text, self.width.min(PROSE).saturating_sub(indent).max(NARROW));
        let below = format!("\n{}", " ".repeat(indent));
        format!("{first}{}\n", lines.join(&below))
    }
}

/// What a color means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Tone {
    #[default]
    Plain,
    Good,
    Busy,
    Bad,
    Strong,
    Faint,
}

impl Tone {
    /// The tone of a state of a recovery.
    pub(super) fn of_state(state: &str) -> Self {
        match state {
            "held" | "given_up" => Self::Bad,
            "recovered" => Self::Good,
            "dismissed" => Self::Faint,
            _ => Self::Busy,
        }
    }
}

/// What a column does when there is too little room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// It stays as it is.
    Whole,
    /// As `Whole`, aligned to the right.
    Number,
    /// The end of long texts is cut off.
    Cut,
    /// Texts are wrapped between words.
    Wrap,
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    title: &'static str,
    fit: Fit,
    /// Columns with a higher number are dropped earlier; those with 0 never.
    drops: u8,
}

impl Column {
    pub(super) const fn new(title: &'static str, fit: Fit) -> Self {
        Self { title, fit, drops: 0 }
    }

    pub(super) const fn drops(self, drops: u8) -> Self {
        Self { drops, ..self }
    }
}

/// A table.
#[derive(Debug)]
pub(super) struct Grid {
    columns: Vec<Column>,
    rows: Vec<Vec<(Tone, String)>>,
}

impl Grid {
    pub(super) fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    /// Adds a row; a cell for each column.
    pub(super) fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.toned_row(cells.into_iter().map(|text| (Tone::Plain, text.into())));
    }

    /// As [`row`](Self::row), with the tone of each cell.
    pub(super) fn toned_row(&mut self, cells: impl IntoIterator<Item = (Tone, String)>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table, as wide as `screen` allows. Columns without any content are left out.
    pub(super) fn show(&self, screen: &Screen) -> String {
        let is_used = |at: usize| self.rows.iter().any(|row| !row[at].1.is_empty());
        let mut shown: Vec<usize> = (0..self.columns.len()).filter(|at| is_used(*at)).collect();
        let widths = loop {
            let next = shown.iter().copied().max_by_key(|at| self.columns[*at].drops);
            let next = next.filter(|at| self.columns[*at].drops > 0);
            // Names are cut only when no column can be dropped any more.
            let widths = self.widths(&shown, screen.width, next.is_none());
            let used = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
            let is_readable = shown.iter().zip(&widths).all(|(&at, &width)| {
                self.columns[at].fit != Fit::Wrap || width >= READABLE.min(self.natural(at))
            });
            match next {
                Some(next) if used > screen.width || !is_readable => shown.retain(|at| *at != next),
                _ => break widths,
            }
        };
        let header = |at: usize| (Tone::Faint, self.columns[at].title.to_owned());
        let mut text = self.lines(&shown, &widths, screen, header);
        for row in &self.rows {
            text += &self.lines(&shown, &widths, screen, |at| row[at].clone());
        }
        text
    }

    /// The width of a column with enough room.
    fn natural(&self, at: usize) -> usize {
        let cells = self.rows.iter().map(|row| row[at].1.chars().count());
        cells.chain([self.columns[at].title.chars().count()]).max().unwrap_or(0)
    }

    /// The widths of these columns. What is missing is taken from texts first, then from names.
    fn widths(&self, shown: &[usize], width: usize, cuts_names: bool) -> Vec<usize> {
        let mut widths: Vec<usize> = shown.iter().map(|at| self.natural(*at)).collect();
        let gaps = GAP * shown.len().saturating_sub(1);
        for fit in if cuts_names { &[Fit::Wrap, Fit::Cut][..] } else { &[Fit::Wrap] } {
            let columns: Vec<usize> =
                (0..shown.len()).filter(|it| self.columns[shown[*it]].fit == *fit).collect();
            loop {
                let excess = (widths.iter().sum::<usize>() + gaps).saturating_sub(width);
                let least = |it: usize| match fit {
                    Fit::Wrap => self.longest_word(shown[it]).min(READABLE),
                    _ => NARROW,
                };
                let widest = columns.iter().filter(|it| widths[**it] > least(**it));
                let Some(&widest) = widest.max_by_key(|it| widths[**it]) else { break };
                if excess == 0 {
                    break;
                }
                widths[widest] -= 1;
            }
        }
        widths
    }

    fn longest_word(&self, at: usize) -> usize {
        let words = self.rows.iter().flat_map(|row| row[at].1.split(' '));
        words.chain([self.columns[at].title]).map(|word| word.chars().count()).max().unwrap_or(0)
    }

    /// The lines of one row.
    fn lines(
        &self,
        shown: &[usize],
        widths: &[usize],
        screen: &Screen,
        cell: impl Fn(usize) -> (Tone, String),
    ) -> String {
        let cells: Vec<(Tone, Vec<String>)> = shown
            .iter()
            .zip(widths)
            .map(|(&at, &width)| {
                let (tone, text) = cell(at);
                let lines = match self.columns[at].fit {
                    // Only a word that is wider than any column can be is cut.
                    Fit::Wrap => {
                        wrapped(&text, width).iter().map(|line| cut(line, width)).collect()
                    }
                    Fit::Cut => vec![cut(&text, width)],
                    Fit::Whole | Fit::Number => vec![text],
                };
                (tone, lines)
            })
            .collect();
        let height = cells.iter().map(|(_, lines)| lines.len()).max().unwrap_or(0);
        let mut text = String::new();
        for nth in 0..height {
            let mut line = String::new();
            for ((&at, &width), (tone, lines)) in shown.iter().zip(widths).zip(&cells) {
                let part = lines.get(nth).map_or("", String::as_str);
                let padding = " ".repeat(width.saturating_sub(part.chars().count()));
                let painted = screen.paint(*tone, part);
                line += &match self.columns[at].fit {
                    Fit::Number => format!("{padding}{painted}"),
                    _ => format!("{painted}{padding}"),
                };
                line += "  ";
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

/// `text` without its end, if it is too long.
pub(super) fn cut(text: &str, width: usize) -> String {
    match text.chars().count() > width {
        true => text.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

/// Lines of whole words. A word that is wider stays whole.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for paragraph in text.split('\n') {
        if lines.last().is_some_and(|line| !line.is_empty()) {
            lines.push(String::new());
        }
        for word in paragraph.split(' ').filter(|word| !word.is_empty()) {
            let line = lines.last_mut().expect("there is always a line");
            match line.chars().count() + 1 + word.chars().count() <= width || line.is_empty() {
                true => {
                    if !line.is_empty() {
                        line.push(' ');
                    }
                    line.push_str(word);
                }
                false => lines.push(word.to_owned()),
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(width: usize) -> Screen {
        Screen { width, has_color: false }
    }

    fn sample() -> Grid {
        let mut grid = Grid::new([
            Column::new("DATAFLOW", Fit::Cut),
            Column::new("EMPTY", Fit::Whole),
            Column::new("SANDBOX", Fit::Whole).drops(2),
            Column::new("RUN", Fit::Whole),
            Column::new("COUNT", Fit::Number),
            Column::new("CODES", Fit::Wrap).drops(3),
            Column::new("NEXT", Fit::Wrap),
        ]);
        let next = "30 of 30 calls used (retriggers_per_minute); continues in 12s";
        let name = "crm-accounts-full-refresh-of-europe";
        grid.row([name, "", "prod", "3fb0418e", "7", "CONNECTOR-1001-500", next]);
        grid.row(["erp", "", "development", "65b7cfcc", "12", "MAPPER-3700-400", "due in 3m"]);
        grid
    }

    #[test]
    fn a_table_fits_any_terminal() {
        let shown = [60, 80, 120, 200].map(|width| {
            let table = sample().show(&screen(width));
            let widest = table.lines().map(|line| line.chars().count()).max();
            assert!(widest.is_some_and(|it| it <= width), "{width}:\n{table}");
            format!("{width}\n{table}")
        });
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn a_color_takes_no_room() {
        let mut grid = Grid::new([Column::new("A", Fit::Whole), Column::new("B", Fit::Whole)]);
        grid.toned_row([(Tone::Bad, "x".to_owned()), (Tone::Plain, "y".to_owned())]);
        let table = grid.show(&Screen { width: 80, has_color: true });
        assert_eq!(table, "\x1b[2mA\x1b[0m  \x1b[2mB\x1b[0m\n\x1b[31mx\x1b[0m  y\n");
        assert_eq!(grid.show(&screen(80)), "A  B\nx  y\n");
    }

    #[test]
    fn lines_are_wrapped_between_words() {
        assert_eq!(
            screen(20).wrap("- ", "one two three four five"),
            "- one two three four\n  five\n"
        );
        assert_eq!(wrapped("averyveryverylongword x", 8), ["averyveryverylongword", "x"]);
        assert_eq!(wrapped("", 8), [""]);
        assert_eq!(cut("crm-accounts", 8), "crm-acc…");
    }
}
