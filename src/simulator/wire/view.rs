//! Flows and runs together with their world, as filters and JSON need them.

use crate::simulator::query::{Field, Filterable, Value};
use crate::simulator::world::flow::{Flow, FlowKey};
use crate::simulator::world::run::{Run, RunStatus};
use crate::simulator::world::{World, millis};

/// A run in its world.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunView<'w> {
    pub(crate) run: &'w Run,
    pub(crate) flow: &'w Flow,
    pub(crate) world: &'w World,
}

/// A flow in its world.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FlowView<'w> {
    pub(crate) key: FlowKey,
    pub(crate) world: &'w World,
}

impl World {
    pub(crate) fn view_run<'w>(&'w self, run: &'w Run) -> RunView<'w> {
        RunView { run, flow: &self.flows[run.flow], world: self }
    }
}

impl RunView<'_> {
    pub(crate) fn status(&self) -> &'static str {
        let quirks = &self.world.quirks;
        let seems_failed =
            self.run.lineage.is_some() && self.age() < saturated(quirks.false_failure_ms);
        let status = if seems_failed { RunStatus::Failed } else { self.run.status };
        status.spelled(quirks.status_spelling)
    }

    /// Whether the run can be read by its id already.
    pub(crate) fn is_readable(&self) -> bool {
        self.age() >= saturated(self.world.quirks.unreadable_ms)
    }

    fn age(&self) -> i64 {
        self.world.now_ms() - self.run.created_at
    }

    /// The window of data that the run processes, in epoch milliseconds: that of the original failed
    /// run. Apart from that, no two runs of a flow have the same one.
    pub(crate) fn window(&self) -> Option<(i64, i64)> {
        const HOUR: i64 = 3_600_000;
        let key = self.world.runs.key_of(&self.run.id)?;
        let key = self.run.lineage.as_ref().map_or(key, |lineage| lineage.root);
        let root = self.world.runs.get(key).filter(|_| self.world.quirks.windows)?;
        let end = root.created_at - i64::try_from(key % 3_600).unwrap_or(0) * 1_000;
        Some((end - self.flow.setup.every.map_or(HOUR, millis), end))
    }
}

fn saturated(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

impl<'w> FlowView<'w> {
    pub(crate) fn flow(&self) -> &'w Flow {
        &self.world.flows[self.key]
    }

    pub(crate) fn last_run(&self) -> Option<&'w Run> {
        self.world.runs.of_flow(self.key).next()
    }
}

impl Filterable for RunView<'_> {
    fn value(&self, field: Field) -> Value<'_> {
        match field {
            Field::Id => Value::Text(&self.run.id),
            Field::FlowId => Value::Text(&self.flow.id),
            Field::Status => Value::Text(self.status()),
            Field::Started if self.world.quirks.duration_absent => Value::Absent,
            Field::Started => self.run.started_at.map_or(Value::Absent, Value::Time),
            Field::Created => Value::Time(self.run.created_at),
            Field::Updated if self.world.quirks.updated_at_absent => Value::Absent,
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
            Field::IsSourceFlow => flag(!is_destination),
            Field::IsDestinationFlow => flag(is_destination),
            Field::Created => Value::Time(flow.created_at),
            Field::Updated => Value::Time(flow.updated_at),
            _ => Value::Absent,
        }
    }
}
