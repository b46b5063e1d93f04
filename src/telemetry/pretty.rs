//! A log line for people: time, level, message, dataflow, and the rest in few characters.

use std::fmt::{self, Debug};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Messages are padded to this width, so that the fields start in one column.
const MESSAGE_WIDTH: usize = 24;

/// The format. What a person needs comes first. Repetitions are left out: the id of a dataflow if
/// its name is shown, and the root run if it is the run itself.
#[derive(Debug)]
pub(super) struct Pretty;

impl<S, N> FormatEvent<S, N> for Pretty
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let paint = Paint { on: writer.has_ansi_escapes() };
        write!(writer, "{} ", paint.dim(&now()))?;
        let level = *event.metadata().level();
        write!(writer, "{} ", paint.level(level))?;
        write!(writer, "{:MESSAGE_WIDTH$}", fields.message)?;
        if let Some(name) = fields.get("flow_name") {
            write!(writer, " {}", paint.bold(name))?;
        }
        for (name, value) in fields.shown() {
            write!(writer, " {}{value}", paint.dim(&format!("{name}=")))?;
        }
        writeln!(writer)
    }
}

/// The time of day, in UTC, to the second.
fn now() -> String {
    let mut text = String::new();
    // Writing into a string cannot fail; even without a time, the line is useful.
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text.get(11..19).unwrap_or_default().to_owned()
}

#[derive(Debug, Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, String)>,
}

impl Fields {
    fn get(&self, name: &str) -> Option<&str> {
        self.others.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str())
    }

    fn shown(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.others.iter().filter_map(|(name, value)| match *name {
            "flow_name" | "max_attempts" => None,
            "flow_id" if self.get("flow_name").is_some() => None,
            "root_run_id" if self.get("run_id") == Some(value) => None,
            "new_run_id" if self.get("run_id") == Some(value) => None,
            "attempt" => {
                let of = self.get("max_attempts").map(|max| format!("/{max}"));
                Some(("attempt", format!("{value}{}", of.unwrap_or_default())))
            }
            // Half a second does not matter to a person.
            "due" => Some(("due", value.get(..19).map_or(value.clone(), |cut| format!("{cut}Z")))),
            name => Some((name, value.clone())),
        })
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            name if value.contains(' ') => self.others.push((name, format!("{value:?}"))),
            name => self.others.push((name, value.to_owned())),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => self.others.push((name, format!("{value:?}"))),
        }
    }
}

/// Colors, if the terminal supports them.
struct Paint {
    on: bool,
}

impl Paint {
    fn with(&self, code: &str, text: &str) -> String {
        match self.on {
            true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        }
    }

    fn dim(&self, text: &str) -> String {
        self.with("2", text)
    }

    fn bold(&self, text: &str) -> String {
        self.with("1", text)
    }

    fn level(&self, level: Level) -> String {
        let colour = match level {
            Level::ERROR => "31",
            Level::WARN => "33",
            Level::INFO => "32",
            _ => "34",
        };
        self.with(colour, &format!("{level:5}"))
    }
}
