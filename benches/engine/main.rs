//! How fast the engine is: each figure is taken of one process, over real sockets, against the
//! simulated platform. It prints a table and fails for no figure: this is no timed test.
//!
//! ```text
//! cargo bench --bench engine                         every figure, some ten minutes
//! cargo bench --bench engine -- backlog-2000 idle    only these
//! ```
//!
//! The binary starts itself again for the platform (`serve`) and for the bare client (`bare`), so
//! that the load of one is not taken for that of another. The daemon is the `flowmend` of the same
//! build. What must be reached is in the table; what the figures mean is in `backlog`, `passes`
//! and `reading`.

mod backlog;
mod bare;
mod child;
mod daemon;
mod fill;
mod names;
mod passes;
mod platform;
mod reading;
mod table;

use anyhow::bail;
use table::{Row, Table};

/// A figure by its name, or several that are taken together.
type Figure = (&'static str, fn() -> anyhow::Result<Vec<Row>>);

const FIGURES: [Figure; 9] = [
    ("backlog-2000", || backlog::at_once(2_000, 3)),
    ("backlog-10000", || backlog::at_once(10_000, 1)),
    ("paced-400", backlog::paced),
    ("quiet-5000", passes::quiet),
    ("history", passes::history),
    ("held", passes::held),
    ("idle", passes::idle),
    ("start", reading::start),
    ("status", reading::status),
];

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["serve", args @ ..] => platform::serve(args),
        ["bare", args @ ..] => bare::post(args),
        // `cargo test --benches` runs this, too, and asks for no figure.
        args if !args.contains(&"--bench") => Ok(()),
        args => measure(args.iter().copied().filter(|arg| !arg.starts_with('-')).collect()),
    }
}

fn measure(asked: Vec<&str>) -> anyhow::Result<()> {
    let known = |name: &&str| FIGURES.iter().any(|(known, _)| known == name);
    if let Some(unknown) = asked.iter().find(|name| !known(name)) {
        let names: Vec<&str> = FIGURES.iter().map(|(name, _)| *name).collect();
        bail!("there is no figure {unknown}, only {}", names.join(", "));
    }
    let mut table = Table::default();
    for (name, take) in FIGURES {
        if !asked.is_empty() && !asked.contains(&name) {
            continue;
        }
        eprintln!("{name} …");
        match take() {
            Ok(rows) => table.add(rows),
            Err(error) => table.add(vec![Row::new(name, format!("failed: {error:#}"), "")]),
        }
    }
    table.print();
    Ok(())
}
