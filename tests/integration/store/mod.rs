//! What every store has to do, said once and asked of each store.
//!
//! A new store implements [`Place`](conformance::Place) and adds one line at the end of this file.
//! A behaviour that is not in this suite does not exist.

mod compact;
mod conformance;
mod file;

conformance::suite!(sqlite, conformance::place::SqliteFile);
