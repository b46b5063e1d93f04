//! What a key accepts, noted by the reader that accepts it, so that the schema cannot differ.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

/// What one key accepts.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    Whole(RangeInclusive<u32>),
    Number(RangeInclusive<f64>),
    Duration(RangeInclusive<Duration>),
    Flag,
    /// One of a few words.
    Word(Vec<&'static str>),
    Text,
    /// A list of texts.
    Texts,
}

/// What each key accepts, by its place: `retry.multiplier`, `dataflow.retry.multiplier`.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    pub(super) keys: BTreeMap<String, Shape>,
    /// Keys that have to be there wherever their table is.
    pub(super) required: BTreeSet<String>,
    /// What a list has where it is left out, in tables that the defaults file cannot hold.
    pub(super) defaults: BTreeMap<String, Vec<String>>,
}

impl Shapes {
    pub(super) fn accept(&mut self, place: String, shape: Shape) {
        self.keys.insert(place, shape);
    }

    pub(super) fn require(&mut self, place: String) {
        self.required.insert(place);
    }

    pub(super) fn default(&mut self, place: String, items: &[&str]) {
        self.defaults.insert(place, items.iter().map(|item| (*item).to_owned()).collect());
    }
}
