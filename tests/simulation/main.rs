//! Simulated weeks: the whole daemon steps through days of flows, failures, faults and people, and
//! dies or falls asleep at random steps of a pass. Afterwards the simulator's own ledger tells
//! whether what `docs/ARCHITECTURE.md` promises was kept.
//!
//! Every tenth history lasts two weeks or more, the others three days or more.
//!
//! A history is drawn from one seed: the platform's quirks and the policy (`setting`), what goes
//! wrong on the wire (`weather`), where the process stops (`crashing_store`), what people do on the
//! platform (`people`), what operators decide in the middle of passes (`operators`) and how it goes
//! on (`history`). `judge` and `obedience` decide. The engine, the SQLite file and the sockets are
//! real; only the clock is held in hand.
//!
//! * `FLOWMEND_WEEKS_SEEDS=1000` plays so many histories instead of 200.
//! * `FLOWMEND_WEEKS_SEED=17` plays one alone and prints its crashes and faults.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
#![allow(unreachable_pub, reason = "the modules of one test binary")]

mod crashing_store;
mod history;
mod house;
mod judge;
#[path = "../kit/mod.rs"]
#[allow(dead_code, reason = "each test binary uses its part of the kit")]
mod kit;
mod obedience;
mod operators;
mod people;
mod seeds;
mod setting;
mod truth;
mod weather;
