//! Re-triggering a run: what is refused, and which new run it creates.
//!
//! The order of the checks is ours; the codes are Adobe's. An accepted re-trigger creates a *new* run.
//! Nothing published links it to the old one, which stays failed.

use axum::http::StatusCode;

use super::World;
use super::failure::Failure;
use super::flow::FlowState;
use super::ledger::{Outcome, Retrigger};
use super::run::{Author, Lineage, Run, RunKey, RunStatus};
use crate::simulator::refusal::Refusal;

/// A re-trigger request.
#[derive(Clone, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) sandbox: &'a str,
    pub(crate) run_id: &'a str,
    pub(crate) op: Option<&'a str>,
    pub(crate) if_match: Option<&'a str>,
    pub(crate) author: Author,
}

/// An accepted re-trigger.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Issued {
    pub(crate) asked: RunKey,
    pub(crate) new: RunKey,
}

impl World {
    /// A person re-triggers a run in the user interface, under the same conditions as any client.
    /// Returns the id of the new run, or the code of the refusal, such as `1387-400`.
    pub fn person_retriggers(&mut self, run_id: &str) -> Result<String, String> {
        let key = self.runs.key_of(run_id).ok_or_else(|| "1439-404".to_owned())?;
        let flow = self.runs.get(key).map_or(0, |run| run.flow);
        let sandbox = self.flows[flow].setup.sandbox.clone();
        let op = self.quirks.retrigger_ops.first().cloned();
        let request = Request {
            sandbox: &sandbox,
            run_id,
            op: op.as_deref(),
            // The interface always knows the latest version.
            if_match: Some("*"),
            author: Author::Person,
        };
        let (number, result) = self.retrigger(&request);
        self.ledger.mark_answered(number);
        let issued = result.map_err(|refusal| refusal.code().to_owned())?;
        let new = self.runs.get(issued.new).map(|run| run.id.clone());
        new.ok_or_else(|| "1439-404".to_owned())
    }

    /// A run turns out to have succeeded, as if its failure had been reported too early.
    pub(crate) fn heal_run(&mut self, run_id: &str) {
        let now = self.now;
        let key = self.runs.key_of(run_id);
        if let Some(run) = key.and_then(|key| self.runs.get_mut(key)) {
            run.status = RunStatus::Success;
            run.updated_at = now;
        }
    }

    /// Accepts or refuses a re-trigger, and records it; also returns the number of the record.
    pub(crate) fn retrigger(&mut self, request: &Request<'_>) -> (usize, Result<Issued, Refusal>) {
        let asked = self.runs.key_of(request.run_id);
        let flow = asked.and_then(|key| self.runs.get(key)).map(|run| run.flow);
        let result = self.may_retrigger(request).map(|key| self.issue(key, &request.author));
        let number = self.ledger.write(Retrigger {
            at_ms: self.now_ms(),
            sandbox: request.sandbox.to_owned(),
            by: request.author.client().to_owned(),
            flow_id: flow.map(|flow| self.flows[flow].id.clone()),
            asked_run: request.run_id.to_owned(),
            root_run: asked.map_or(request.run_id.to_owned(), |key| self.lineage_of(key).root_id),
            outcome: match &result {
                Ok(issued) => self.accepted(*issued),
                Err(refusal) => Outcome::Refused { code: refusal.code().to_owned() },
            },
            answered: false,
        });
        (number, result)
    }

    fn may_retrigger(&self, request: &Request<'_>) -> Result<RunKey, Refusal> {
        let refuse = |number, message| Err(Refusal::bad_request(number, message));
        if !request.op.is_some_and(|op| self.quirks.retrigger_ops.iter().any(|known| known == op)) {
            return refuse(1401, "The given flow run action is not supported.");
        }
        let (key, run) = self
            .run_in(request.sandbox, request.run_id)
            .ok_or_else(|| Refusal::not_found("runs", request.run_id))?;
        let flow = &self.flows[run.flow];
        if !(flow.setup.spec.is_batch_source() && flow.setup.retriggerable) {
            return refuse(1333, "flowRunAction is not supported for this source.");
        }
        if flow.setup.state != FlowState::Enabled {
            let state = flow.setup.state.as_str();
            let message = format!("A flow in state {state} cannot be re-triggered; enable it.");
            return Err(Refusal::bad_request(1388, message));
        }
        self.check_version(run, request.if_match)?;
        if !self.is_retriggerable(run) {
            return refuse(1387, "The run is in a state that does not allow re-triggering.");
        }
        Ok(key)
    }

    fn check_version(&self, run: &Run, if_match: Option<&str>) -> Result<(), Refusal> {
        match if_match {
            Some(etag) if etag != "*" && etag != run.etag() => {
                let message = "The supplied version does not match the current one.";
                Err(Refusal::flow_service(1404, StatusCode::PRECONDITION_FAILED, message))
            }
            None if self.quirks.require_if_match => {
                Err(Refusal::bad_request(1403, "The If-Match header is missing."))
            }
            _ => Ok(()),
        }
    }

    /// Failed, or successful without a record; and not being retried already.
    fn is_retriggerable(&self, run: &Run) -> bool {
        let state_allows = match run.status {
            RunStatus::Failed => true,
            RunStatus::Success => run.records == 0,
            _ => false,
        };
        let issued = run.issued.and_then(|key| self.runs.get(key));
        let being_retried = issued.is_some_and(|issued| !issued.is_finished());
        let refused_as_issued = run.lineage.is_some() && self.quirks.issued_runs_refused;
        state_allows && (!being_retried || self.quirks.accepts_repeats) && !refused_as_issued
    }

    fn issue(&mut self, asked: RunKey, author: &Author) -> Issued {
        let lineage = self.lineage_of(asked);
        let (flow, asked_failure) =
            self.runs.get(asked).map_or((0, None), |run| (run.flow, run.failure.clone()));
        let (ordinal, failure) = match self.runs.get_mut(lineage.root) {
            Some(root) => {
                root.retriggers += 1;
                (root.retriggers, root.failure.clone())
            }
            // The original run was forgotten; its failure is that of the run asked for.
            None => (u32::MAX, asked_failure),
        };
        let failure = failure.and_then(|failure| match ordinal < failure.heals_after {
            true => Some(failure),
            false => failure.heals_partly.then_some(Failure { heals_after: 0, ..failure }),
        });
        let new = self.issue_run(flow, author.clone(), lineage, failure);
        if let Some(run) = self.runs.get_mut(asked) {
            run.issued = Some(new);
        }
        Issued { asked, new }
    }

    /// The origin of the runs that re-triggers of this run create.
    fn lineage_of(&self, key: RunKey) -> Lineage {
        let run = self.runs.get(key);
        let own = || Lineage { root: key, root_id: run.map_or(String::new(), |r| r.id.clone()) };
        run.and_then(|run| run.lineage.clone()).unwrap_or_else(own)
    }

    fn accepted(&self, issued: Issued) -> Outcome {
        let new = self.runs.get(issued.new);
        let root = self.runs.get(self.lineage_of(issued.new).root);
        Outcome::Accepted {
            new_run_id: new.map_or(String::new(), |run| run.id.clone()),
            etag: new.map_or(String::new(), Run::etag),
            ordinal: root.map_or(0, |root| root.retriggers),
        }
    }

    /// A run by id, if it belongs to this sandbox.
    pub(crate) fn run_in(&self, sandbox: &str, id: &str) -> Option<(RunKey, &Run)> {
        let key = self.runs.key_of(id)?;
        let run = self.runs.get(key)?;
        (self.flows[run.flow].setup.sandbox == sandbox).then_some((key, run))
    }
}
