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

mod agenda;
mod answer;
mod app;
mod books;
mod caller;
mod cast;
mod census;
mod connection;
mod credentials;
mod distort;
mod failure;
mod faults;
mod flow;
mod front_desk;
mod intervene;
mod lists;
mod pace;
mod query;
mod quirks;
mod refusal;
mod retrigger;
mod routes;
mod run;
mod run_log;
mod scenario;
mod server;
mod spec;
#[cfg(test)]
mod tests;
mod token;
mod view;
mod wire;
mod world;

pub use books::Books;
pub use books::Outcome;
pub use books::Retrigger;
pub use credentials::Credentials;
pub use failure::Cause;
pub use failure::Failure;
pub use failure::RunError;
pub use faults::Effect;
pub use faults::Endpoint;
pub use faults::ErrorAnswer;
pub use faults::ErrorBody;
pub use faults::FaultRule;
pub use faults::Faults;
pub use flow::FlowSetup;
pub use flow::FlowState;
pub use pace::Pace;
pub use quirks::AnswerShape;
pub use quirks::EtagPlace;
pub use quirks::FlowIdList;
pub use quirks::Quirks;
pub use quirks::Spelling;
pub use run::RunSetup;
pub use run::RunStatus;
pub use scenario::Scenario;
pub use scenario::ScenarioError;
pub use server::Simulator;
pub use server::serve;
pub use spec::Spec;
pub use world::World;
