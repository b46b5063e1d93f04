//! What reading the settings brings to light beside the settings themselves: faults, warnings, the
//! origin of every value, and the text in which the effective settings are shown.

use super::fault::{Fault, Faults, Origin};
use super::shape::Shapes;
use super::shown::Shown;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Collects while the sections are read.
#[derive(Debug, Default)]
pub(super) struct Report {
    faults: Vec<Fault>,
    warnings: Vec<String>,
    durations: BTreeMap<String, Noted>,
    /// The effective settings as text.
    pub(super) shown: Shown,
    /// What each key accepts.
    pub(super) shapes: Shapes,
    /// Every key of the reference file, with its section.
    pub(super) known: BTreeSet<String>,
    /// A layer could not be read: what seems to be missing may be in there.
    partial: bool,
}

/// A duration that was read without fault.
#[derive(Debug, Clone)]
pub(super) struct Noted {
    pub(super) duration: Duration,
    pub(super) origin: Origin,
}

impl Report {
    /// A key that is wrong; `message` says what is wrong with it and what would be right.
    pub(super) fn fault(&mut self, key: &str, origin: Origin, message: impl Into<String>) {
        self.faults.push(Fault::new(key, origin, message));
    }

    /// A layer that cannot be read as a whole.
    pub(super) fn broken_layer(&mut self, origin: Origin, message: impl Into<String>) {
        self.partial = true;
        self.faults.push(Fault::of_source(origin, message));
    }

    /// A key that has to be set and is not. Said only when every layer was read.
    pub(super) fn missing(&mut self, key: &str, origin: Origin, message: impl Into<String>) {
        if !self.partial {
            self.fault(key, origin, message);
        }
    }

    /// Something legal but risky.
    pub(super) fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    /// Remembers a duration, to be held against others once all are read.
    pub(super) fn note(&mut self, key: String, duration: Duration, origin: Origin) {
        self.durations.insert(key, Noted { duration, origin });
    }

    /// What was remembered of `key`; `None` where it was faulty.
    pub(super) fn noted(&self, key: &str) -> Option<&Noted> {
        self.durations.get(key)
    }

    /// The warnings, the shown settings and what each key accepts, or, if there is any, the faults.
    pub(super) fn conclude(self) -> Result<(Vec<String>, Shown, Shapes), Faults> {
        if self.faults.is_empty() {
            Ok((self.warnings, self.shown, self.shapes))
        } else {
            Err(Faults(self.faults))
        }
    }
}
