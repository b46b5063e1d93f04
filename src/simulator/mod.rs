//! A simulated Adobe Flow Service: stateful, seeded, and as awkward as the real one.
//!
//! It stands in for the platform in `flowmend demo`, in `flowmend simulate` and in every test. A
//! client is tested against a *world*, not against a script of canned answers: flows run by their
//! schedules, runs fail for reasons, a re-trigger issues a new run that ends some time later, and
//! whatever is asked is answered from that state. So a client may ask in any order and as often as
//! it likes, and a test judges it by what became of the world and by the [`Books`].
//!
//! # Design
//!
//! * **Nothing ticks.** A [`World`] moves to the time of its clock whenever it is looked at, event by
//!   event; with a clock held in a test's hand, days pass in no time.
//! * **Seeded.** The same seed, clock and requests give the same world, ids included.
//! * **Its own words.** Wire types are read from Adobe's published examples, and nothing is shared
//!   with the client: a misreading cannot cancel itself out.
//! * **Documented, or a quirk.** The defaults are what Adobe documents; what it leaves open is a
//!   switch in [`Quirks`], so that a client can be held against every reading.
//! * **Faults are real.** A [`FaultRule`] can close the connection under the answer, which is not
//!   the same as an error status; the books know whether an answer was delivered.
//!
//! Read [`World`] first, then `retrigger`, then `query`; `routes` and `front_desk` are the HTTP skin.
//!
//! # Interface
//!
//! Platform and IMS share one base URL: Flow Service is below `/data/foundation/flowservice`, tokens
//! come from `/ims/token/v3`. Besides, `GET /simulator/books` tells what was asked and
//! `POST /simulator/faults` puts a JSON list of fault rules in force.

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

pub use faults::rule::{Effect, Endpoint, ErrorAnswer, ErrorBody, FaultRule, Faults};
pub use http::server::Simulator;
pub use quirks::{AnswerShape, EtagPlace, FlowIdList, Quirks, Spelling};
pub use scenarios::pace::Pace;
pub use scenarios::scenario::{Scenario, ScenarioError};
pub use world::World;
pub use world::books::{Books, Outcome, Retrigger};
pub use world::credentials::Credentials;
pub use world::failure::{Cause, Failure, RunError};
pub use world::flow::{Flow, FlowSetup, FlowState};
pub use world::run::{Run, RunSetup, RunStatus};
pub use world::run_log::RunLog;
pub use world::spec::Spec;
