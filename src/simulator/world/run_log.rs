//! Every run of the world, by key, id, flow and age.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::flow::FlowKey;
use super::run::{Run, RunKey};

/// The most runs that are kept; beyond it the first created is dropped, as Adobe drops old runs.
const CAPACITY: usize = 250_000;

/// Runs and their indexes.
#[derive(Debug, Default)]
pub struct RunLog {
    /// By key, from `first` on.
    runs: VecDeque<Run>,
    first: RunKey,
    by_id: HashMap<String, RunKey>,
    by_age: BTreeSet<(i64, RunKey)>,
    by_flow: HashMap<FlowKey, BTreeSet<(i64, RunKey)>>,
}

impl RunLog {
    pub(crate) fn insert(&mut self, run: Run) -> RunKey {
        let key = self.first + self.runs.len() as RunKey;
        let age = (run.created_at, key);
        self.by_id.insert(run.id.clone(), key);
        self.by_age.insert(age);
        self.by_flow.entry(run.flow).or_default().insert(age);
        self.runs.push_back(run);
        if self.runs.len() > CAPACITY {
            self.forget_oldest();
        }
        key
    }

    fn forget_oldest(&mut self) {
        let Some(run) = self.runs.pop_front() else { return };
        let age = (run.created_at, self.first);
        self.first += 1;
        self.by_id.remove(&run.id);
        self.by_age.remove(&age);
        if let Some(runs) = self.by_flow.get_mut(&run.flow) {
            runs.remove(&age);
        }
    }

    /// The run with this key, unless it was dropped.
    pub fn get(&self, key: RunKey) -> Option<&Run> {
        self.runs.get(self.place(key)?)
    }

    /// [`RunLog::get`], to change it.
    pub fn get_mut(&mut self, key: RunKey) -> Option<&mut Run> {
        let place = self.place(key)?;
        self.runs.get_mut(place)
    }

    fn place(&self, key: RunKey) -> Option<usize> {
        key.checked_sub(self.first)?.try_into().ok()
    }

    /// The key of the run with this id.
    pub fn key_of(&self, id: &str) -> Option<RunKey> {
        self.by_id.get(id).copied()
    }

    /// All runs, newest first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Run> {
        self.by_age.iter().rev().filter_map(|(_, key)| self.get(*key))
    }

    /// The runs of one flow, newest first.
    pub fn of_flow(&self, flow: FlowKey) -> impl Iterator<Item = &Run> {
        let ages = self.by_flow.get(&flow);
        ages.into_iter().flat_map(|ages| ages.iter().rev()).filter_map(|(_, key)| self.get(*key))
    }

    /// The runs of several flows, newest first.
    pub(crate) fn of_flows(&self, flows: &[FlowKey]) -> Vec<&Run> {
        let mut ages: Vec<_> = flows.iter().filter_map(|f| self.by_flow.get(f)).flatten().collect();
        ages.sort_unstable_by(|a, b| b.cmp(a));
        ages.dedup();
        ages.into_iter().filter_map(|(_, key)| self.get(*key)).collect()
    }

    /// The runs with these ids, newest first.
    pub(crate) fn with_ids<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Vec<&Run> {
        let keys = ids.filter_map(|id| self.key_of(id));
        let mut ages: Vec<_> =
            keys.filter_map(|key| self.get(key).map(|run| (run.created_at, key))).collect();
        ages.sort_unstable_by(|a, b| b.cmp(a));
        ages.dedup();
        ages.into_iter().filter_map(|(_, key)| self.get(key)).collect()
    }
}
