//! Flows and runs as a caller sees them: with what is around them, and with the quirks in force.

use super::flow::Flow;
use super::flow::FlowKey;
use super::query::Field;
use super::query::Filterable;
use super::query::Value;
use super::quirks::Quirks;
use super::run::Run;
use super::run::RunStatus;
use super::world::World;
use super::world::millis;

/// A run and its surroundings.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunView<'w> {
    pub(super) run: &'w Run,
    pub(super) flow: &'w Flow,
    pub(super) world: &'w World,
}

/// A flow and its surroundings.
#[derive(Clone, Copy, Debug)]
pub(super) struct FlowView<'w> {
    pub(super) key: FlowKey,
    pub(super) world: &'w World,
}

impl World {
    pub(super) fn view_run<'w>(&'w self, run: &'w Run) -> RunView<'w> {
        RunView { run, flow: &self.flows[run.flow], world: self }
    }
}

impl Quirks {
    fn spell(&self, status: RunStatus) -> &'static str {
        status.spelled(self.status_spelling)
    }
}

impl RunView<'_> {
    pub(super) fn status(&self) -> &'static str {
        let quirks = &self.world.quirks;
        let age = self.world.now_ms() - self.run.created_at;
        let seems_failed = self.run.lineage.is_some()
            && age < i64::try_from(quirks.false_failure_ms).unwrap_or(i64::MAX);
        quirks.spell(if seems_failed { RunStatus::Failed } else { self.run.status })
    }

    /// Whether the run is found by its id yet.
    pub(super) fn is_readable(&self) -> bool {
        let delay = i64::try_from(self.world.quirks.unreadable_ms).unwrap_or(i64::MAX);
        self.world.now_ms() - self.run.created_at >= delay
    }

    /// The window of data that the run processes, in epoch milliseconds: that of the run which failed
    /// first. No two runs of a flow share one otherwise.
    pub(super) fn window(&self) -> Option<(i64, i64)> {
        const HOUR: i64 = 3_600_000;
        let key = self.world.runs.key_of(&self.run.id)?;
        let key = self.run.lineage.as_ref().map_or(key, |lineage| lineage.root);
        let root = self.world.runs.get(key).filter(|_| self.world.quirks.windows)?;
        let end = root.created_at - i64::try_from(key % 3_600).unwrap_or(0) * 1_000;
        Some((end - self.flow.setup.every.map_or(HOUR, millis), end))
    }
}

impl<'w> FlowView<'w> {
    pub(super) fn flow(&self) -> &'w Flow {
        &self.world.flows[self.key]
    }

    pub(super) fn last_run(&self) -> Option<&'w Run> {
        self.world.runs.of_flow(self.key).next()
    }

    fn last_run_state(&self) -> Option<&'static str> {
        self.last_run().map(|run| self.world.quirks.spell(run.status))
    }
}

impl Filterable for RunView<'_> {
    fn value(&self, field: Field) -> Value<'_> {
        match field {
            Field::Id => Value::Text(&self.run.id),
            Field::FlowId => Value::Text(&self.flow.id),
            Field::FlowSpecId => Value::Text(self.flow.setup.spec.id()),
            Field::State | Field::Status => Value::Text(self.status()),
            Field::Started => self.run.started_at.into(),
            Field::Completed => self.run.completed_at().into(),
            Field::Created => Value::Time(self.run.created_at),
            Field::Updated => Value::Time(self.run.updated_at),
            _ => Value::Absent,
        }
    }
}

impl Filterable for FlowView<'_> {
    fn value(&self, field: Field) -> Value<'_> {
        let flow = self.flow();
        let is_destination = flow.setup.spec.is_destination();
        // Adobe publishes the one that is true, and leaves out the other.
        let flag = |present: bool| if present { Value::Text("true") } else { Value::Absent };
        match field {
            Field::Id => Value::Text(&flow.id),
            Field::Name => Value::Text(&flow.setup.name),
            Field::State => Value::Text(flow.state.as_str()),
            Field::FlowSpecId => Value::Text(flow.setup.spec.id()),
            Field::IsSourceFlow => flag(!is_destination),
            Field::IsDestinationFlow => flag(is_destination),
            Field::LastRunState => self.last_run_state().map_or(Value::Absent, Value::Text),
            Field::LastRunStarted => self.last_run().and_then(|run| run.started_at).into(),
            Field::Created => Value::Time(flow.created_at),
            Field::Updated => Value::Time(flow.updated_at),
            _ => Value::Absent,
        }
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(at: Option<i64>) -> Self {
        at.map_or(Value::Absent, Value::Time)
    }
}
