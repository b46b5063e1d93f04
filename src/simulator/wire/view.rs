//! Flows and runs as a caller sees them: with what is around them, and with the quirks in force.

use crate::simulator::query::{Field, Filterable, Value};
use crate::simulator::quirks::Quirks;
use crate::simulator::world::World;
use crate::simulator::world::flow::{Flow, FlowKey};
use crate::simulator::world::run::{Run, RunStatus};

/// A run and its surroundings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunView<'w> {
    pub(crate) run: &'w Run,
    pub(crate) flow: &'w Flow,
    pub(crate) world: &'w World,
}

/// A flow and its surroundings.
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

impl Quirks {
    fn spell(&self, status: RunStatus) -> &'static str {
        status.spelled(self.status_spelling)
    }
}

impl RunView<'_> {
    pub(crate) fn status(&self) -> &'static str {
        self.world.quirks.spell(self.run.status)
    }
}

impl<'w> FlowView<'w> {
    pub(crate) fn flow(&self) -> &'w Flow {
        &self.world.flows[self.key]
    }

    pub(crate) fn last_run(&self) -> Option<&'w Run> {
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
