//! The table of figures, 80 columns wide.

/// A line: what was measured, what came out, what must be reached.
#[derive(Debug)]
pub(crate) struct Row {
    figure: String,
    measured: String,
    goal: &'static str,
}

impl Row {
    pub(crate) fn new(
        figure: impl Into<String>,
        measured: impl Into<String>,
        goal: &'static str,
    ) -> Self {
        Self { figure: figure.into(), measured: measured.into(), goal }
    }

    fn line(&self) -> String {
        format!("{:<38} {:<28} {}", self.figure, self.measured, self.goal).trim_end().to_owned()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Row>);

impl Table {
    /// Adds lines, and shows them at once: the whole table takes its time.
    pub(crate) fn add(&mut self, rows: Vec<Row>) {
        rows.iter().for_each(|row| eprintln!("  {}", row.line()));
        self.0.extend(rows);
    }

    pub(crate) fn print(&self) {
        println!("\n{}", Row::new("figure", "measured", "must reach").line());
        println!("{} {} {}", "─".repeat(38), "─".repeat(28), "─".repeat(11));
        self.0.iter().for_each(|row| println!("{}", row.line()));
    }
}

/// The middle of an odd number of values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
