//! A simulated Adobe Flow Service: stateful, seeded, and as awkward as the real one.
//!
//! It stands in for Adobe in `flowmend demo`, in `flowmend simulate` and in most tests. A client is
//! tested against a *world*, not against a script of canned answers: flows run by their schedules,
//! runs fail for reasons, a re-trigger creates a new run that ends some time later, and every answer
//! comes from that state. So a client may send any requests in any order, and a test judges it by the
//! state of the world and by the [`Ledger`].
//!
//! # Design
//!
//! * **No background tasks.** A [`World`] catches up with its clock at every request, event by event.
//!   With a clock that a test moves, days pass in no time.
//! * **Seeded.** The same seed, clock and requests give the same world, ids included.
//! * **Independent.** The wire types follow Adobe's published examples and share no code with the
//!   client, so that a misreading in one does not hide a misreading in the other.
//! * **Documented, or a quirk.** The defaults are what Adobe documents. What Adobe leaves open is a
//!   switch in [`Quirks`], so that a client can be tested against every reading.
//! * **Faults are real.** A [`FaultRule`] can close the connection instead of answering, which is not
//!   the same as an error status. The ledger records whether an answer was delivered.
//!
//! # Modules
//!
//! | module | contains |
//! |---|---|
//! | `world` | flows, runs, the re-trigger, and the record of what happened; read [`World`] first |
//! | `query` | filters and pages of lists |
//! | `wire` | flows, runs and specs as JSON |
//! | `faults` | when a request goes wrong, and what that does to the answer |
//! | `http` | the server: middleware, headers, routes |
//! | `scenarios` | worlds by name or from a file |
//!
//! # Interface
//!
//! Adobe's platform and IMS share one base URL: Flow Service is below `/data/foundation/flowservice`,
//! tokens come from `/ims/token/v3`. `GET /simulator/ledger` returns the [`Ledger`], and
//! `POST /simulator/faults` replaces the fault rules by a JSON list of others.

mod faults;
mod http;
mod query;
mod quirks;
mod refusal;
mod scenarios;
#[cfg(test)]
mod tests;
mod wire;
mod world;

pub use faults::rule::{Effect, Endpoint, ErrorAnswer, ErrorBody, FaultRule, Faults, Lost};
pub use http::server::Simulator;
pub use quirks::{AnswerShape, EndedToken, EtagPlace, FlowIdList, Quirks, Spelling};
pub use scenarios::pace::Pace;
pub use scenarios::scenario::{Scenario, ScenarioError};
pub use world::World;
pub use world::credentials::Credentials;
pub use world::failure::{Cause, Failure, RunError};
pub use world::flow::{Flow, FlowSetup, FlowState};
pub use world::ledger::{Ledger, Outcome, Retrigger};
pub use world::run::{Run, RunSetup, RunStatus};
pub use world::run_log::RunLog;
pub use world::spec::Spec;
