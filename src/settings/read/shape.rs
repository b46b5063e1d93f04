//! What each key accepts. The reader of a key records it, so the schema cannot differ.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

/// What one key accepts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
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
pub(crate) struct Shapes {
    pub(crate) keys: BTreeMap<String, Shape>,
    /// Keys that are required if their table is present.
    pub(crate) required: BTreeSet<String>,
    /// The defaults of lists in tables that the defaults file does not contain.
    pub(crate) defaults: BTreeMap<String, Vec<String>>,
}
