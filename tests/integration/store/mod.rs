//! The behavior that every store must have, tested for each store.
//!
//! A new store implements [`Place`](conformance::Place) and adds one line at the end of this file.
//! A behavior that is not in this suite is not guaranteed.

mod compact;
mod conformance;
mod file;
mod restored;

conformance::suite!(sqlite, conformance::place::SqliteFile);
