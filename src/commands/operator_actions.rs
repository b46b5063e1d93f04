//! `flowmend retry` and `flowmend dismiss`: an operator's decisions about single recoveries.
//!
//! Both change only the store; the daemon acts on it at its next pass.

use super::context::{Exit, open_to_amend, print, run_named};
use crate::cli::{DismissArgs, RetryArgs};
use crate::clock::{Clock, SystemClock};
use crate::domain::model::ids::RunId;
use crate::domain::policy::in_force::{InForce, Policies};
use crate::domain::policy::schedule::Jitter;
use crate::domain::recovery::Terms;
use crate::domain::recovery::{Change, Recovery};
use crate::settings::Settings;
use crate::store::{Batch, Filter, SqliteStore, Store};
use std::fmt::Write;

pub(super) async fn retry(settings: &Settings, args: RetryArgs) -> anyhow::Result<Exit> {
    let mut session = OperatorSession::open(settings).await?;
    let mut recoveries = session.named(&args.runs).await?;
    let whole_flow = args.runs.is_empty() && !args.all_held && !args.all_given_up;
    for (wanted, state) in [(args.all_held, "held"), (args.all_given_up, "given_up")] {
        if wanted || whole_flow {
            let filter = Filter { states: vec![state.to_owned()], ..Filter::default() };
            recoveries.extend(session.store.recoveries(&filter).await?);
        }
    }
    let wanted = |recovery: &Recovery| match &args.flow {
        Some(flow) => *flow == recovery.flow_id || flow.as_str() == recovery.flow_name,
        None => true,
    };
    recoveries.retain(wanted);
    for recovery in &recoveries {
        let change = recovery.retry(session.terms_for(recovery));
        session.decide(recovery, change, "retried", args.dry_run).await?;
    }
    session.close().await
}

pub(super) async fn dismiss(settings: &Settings, args: DismissArgs) -> anyhow::Result<Exit> {
    let mut session = OperatorSession::open(settings).await?;
    for recovery in &session.named(&args.runs).await? {
        let change = recovery.dismiss(&args.reason, session.terms_for(recovery));
        session.decide(recovery, change, "dismissed", false).await?;
    }
    session.close().await
}

/// Stores an operator's decisions, and collects what to print about them.
struct OperatorSession {
    policies: Policies,
    store: SqliteStore,
    report: String,
    /// True if a requested change could not be made.
    incomplete: bool,
}

impl OperatorSession {
    async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let store = open_to_amend(settings).await?;
        Ok(Self { policies: settings.policies(), store, report: String::new(), incomplete: false })
    }

    async fn named(&mut self, runs: &[RunId]) -> anyhow::Result<Vec<Recovery>> {
        let mut recoveries = Vec::new();
        for run in runs {
            let run = run_named(&self.store, run).await?;
            match self.store.recovery_of(&run).await? {
                Some(recovery) => recoveries.push(recovery),
                None => {
                    self.incomplete = true;
                    writeln!(self.report, "{run}  unknown run id")?;
                }
            }
        }
        Ok(recoveries)
    }

    fn terms_for(&self, recovery: &Recovery) -> Terms<'_> {
        let Recovery { sandbox, flow_id, flow_name, failure, .. } = recovery;
        let InForce { rule, retry } = self.policies.in_force(sandbox, flow_id, flow_name, failure);
        Terms { policy: retry, rule, jitter: Jitter::new(0), now: SystemClock::new().now() }
    }

    /// Stores `change`, unless this is a dry run, and reports the result.
    async fn decide(
        &mut self,
        recovery: &Recovery,
        change: Option<Change>,
        done: &str,
        dry_run: bool,
    ) -> anyhow::Result<()> {
        let outcome = match change {
            None => Err(format!("not changed: it is {}", recovery.state.name())),
            Some(_) if dry_run => Ok(format!("would be {done}")),
            Some(change) => {
                let batch = Batch { changes: vec![change], ..Batch::default() };
                match self.store.amend(&batch).await?.applied.first() {
                    Some(true) => Ok(done.to_owned()),
                    _ => Err("not changed: it was changed at the same time; try again".to_owned()),
                }
            }
        };
        self.incomplete |= outcome.is_err();
        let outcome = outcome.unwrap_or_else(|why| why);
        writeln!(self.report, "{}  {}  {outcome}", recovery.root_run_id, recovery.flow_name)?;
        Ok(())
    }

    async fn close(self) -> anyhow::Result<Exit> {
        self.store.close().await;
        print(if self.report.is_empty() { "No recovery matches.\n" } else { &self.report })?;
        Ok(if self.incomplete { Exit::Failed } else { Exit::Done })
    }
}
