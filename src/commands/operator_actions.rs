//! `flowmend retry` and `flowmend dismiss`: what an operator decides about single recoveries.
//!
//! Both change the store only; the daemon takes it up at its next pass.

use super::{Environment, Exit, load, open_to_amend, print};
use crate::cli::{ConfigArgs, DismissArgs, RetryArgs};
use crate::clock::{Clock, SystemClock};
use crate::domain::model::ids::RunId;
use crate::domain::policy::rule;
use crate::domain::policy::schedule::Jitter;
use crate::domain::recovery::Terms;
use crate::domain::recovery::{Change, Recovery};
use crate::settings::Settings;
use crate::store::{Batch, Filter, SqliteStore, Store};
use std::fmt::Write;
use std::sync::Arc;

pub(super) async fn retry(args: RetryArgs, environment: Environment) -> anyhow::Result<Exit> {
    let Some(mut desk) = Desk::open(&args.config, &environment).await? else {
        return Ok(Exit::BadConfig);
    };
    let mut recoveries = desk.named(&args.runs).await?;
    let whole_flow = args.runs.is_empty() && !args.all_held && !args.all_given_up;
    for (wanted, state) in [(args.all_held, "held"), (args.all_given_up, "given_up")] {
        if wanted || whole_flow {
            let filter = Filter { state: Some(state.to_owned()), ..Filter::default() };
            recoveries.extend(desk.store.recoveries(&filter).await?);
        }
    }
    let wanted = |recovery: &Recovery| match &args.flow {
        Some(flow) => *flow == recovery.flow_id || flow.as_str() == recovery.flow_name,
        None => true,
    };
    recoveries.retain(wanted);
    for recovery in &recoveries {
        let change = recovery.retry(desk.terms_for(recovery));
        desk.decide(recovery, change, "retried", args.dry_run).await?;
    }
    desk.close().await
}

pub(super) async fn dismiss(args: DismissArgs, environment: Environment) -> anyhow::Result<Exit> {
    let Some(mut desk) = Desk::open(&args.config, &environment).await? else {
        return Ok(Exit::BadConfig);
    };
    for recovery in &desk.named(&args.runs).await? {
        let change = recovery.dismiss(&args.reason, desk.terms_for(recovery));
        desk.decide(recovery, change, "dismissed", false).await?;
    }
    desk.close().await
}

/// Where an operator's decisions are written down, and what is said about them.
struct Desk {
    settings: Arc<Settings>,
    store: SqliteStore,
    report: String,
    /// Something that was asked for could not be done.
    left_alone: bool,
}

impl Desk {
    /// `None` for a faulty configuration, which has been printed.
    async fn open(args: &ConfigArgs, environment: &Environment) -> anyhow::Result<Option<Self>> {
        let Ok(settings) = load(args, environment) else { return Ok(None) };
        let store = open_to_amend(&settings).await?;
        Ok(Some(Self { settings, store, report: String::new(), left_alone: false }))
    }

    async fn named(&mut self, runs: &[RunId]) -> anyhow::Result<Vec<Recovery>> {
        let mut recoveries = Vec::new();
        for run in runs {
            match self.store.recovery_of(run).await? {
                Some(recovery) => recoveries.push(recovery),
                None => {
                    self.left_alone = true;
                    writeln!(self.report, "{run}  no recovery owns this run")?;
                }
            }
        }
        Ok(recoveries)
    }

    fn terms_for(&self, recovery: &Recovery) -> Terms<'_> {
        let policy =
            self.settings.policy_for(&recovery.sandbox, &recovery.flow_id, &recovery.flow_name);
        let Recovery { sandbox, flow_id, flow_name, failure, .. } = recovery;
        let (rules, base) = (&self.settings.rules, policy.retry);
        let (rule, policy) = rule::in_force(rules, base, sandbox, flow_id, flow_name, failure);
        Terms { policy, rule, jitter: Jitter::new(0), now: SystemClock::new().now() }
    }

    /// Stores `change`, unless this is a dry run, and says what became of it.
    async fn decide(
        &mut self,
        recovery: &Recovery,
        change: Option<Change>,
        done: &str,
        dry_run: bool,
    ) -> anyhow::Result<()> {
        let outcome = match change {
            None => Err(format!("left alone: it is {}", recovery.state.name())),
            Some(_) if dry_run => Ok(format!("would be {done}")),
            Some(change) => {
                let batch = Batch { changes: vec![change], ..Batch::default() };
                match self.store.amend(&batch).await?.applied.first() {
                    Some(true) => Ok(done.to_owned()),
                    _ => Err("left alone: it changed just now, try again".to_owned()),
                }
            }
        };
        self.left_alone |= outcome.is_err();
        let outcome = outcome.unwrap_or_else(|why| why);
        writeln!(self.report, "{}  {}  {outcome}", recovery.root_run_id, recovery.flow_name)?;
        Ok(())
    }

    async fn close(self) -> anyhow::Result<Exit> {
        self.store.close().await;
        print(if self.report.is_empty() { "No recovery matches.\n" } else { &self.report })?;
        Ok(if self.left_alone { Exit::Failed } else { Exit::Done })
    }
}
