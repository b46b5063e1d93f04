//! What every store has to do, said once and asked of each store.
//!
//! A new store implements [`Place`](conformance::Place) and adds one line at the end of this file.
//! A behaviour that is not in this suite does not exist.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

mod conformance;

conformance::suite!(sqlite, conformance::place::SqliteFile);
