//! What reading the settings yields besides the settings: faults, warnings, the effective
//! configuration as text, and what each key accepts.

use super::effective_config::EffectiveConfig;
use super::fault::{Fault, Faults};
use super::origin::Origin;
use super::shape::Shapes;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Collects while the tables are read.
#[derive(Debug, Default)]
pub(crate) struct Report {
    faults: Vec<Fault>,
    warnings: Vec<String>,
    /// The durations without a fault of their own, for the cross-checks.
    pub(crate) durations: BTreeMap<String, CheckedDuration>,
    /// The effective configuration as text.
    pub(crate) effective: EffectiveConfig,
    /// What each key accepts.
    pub(crate) shapes: Shapes,
    /// Every key of the reference file, with its section.
    pub(crate) known: BTreeSet<String>,
    /// Whether a file could not be read: it may contain what seems to be missing.
    is_partial: bool,
    /// True if Adobe is not called: credentials that are missing or may not be read are no fault.
    pub(crate) is_offline: bool,
}

/// A duration, and where it was written.
#[derive(Debug, Clone)]
pub(crate) struct CheckedDuration {
    pub(crate) duration: Duration,
    pub(crate) origin: Origin,
}

impl Report {
    /// For settings whose credentials are not used.
    pub(crate) fn offline() -> Self {
        Self { is_offline: true, ..Self::default() }
    }

    /// Adds a fault of one key.
    pub(crate) fn fault(&mut self, key: &str, origin: Origin, message: impl Into<String>) {
        self.faults.push(Fault::new(key, origin, message));
    }

    /// Adds a file that cannot be read or parsed.
    pub(crate) fn unreadable_file(&mut self, origin: Origin, message: impl Into<String>) {
        self.is_partial = true;
        self.faults.push(Fault::of_source(origin, message));
    }

    /// Adds a required key that is not set, unless an unreadable file may set it.
    pub(crate) fn missing(&mut self, key: &str, origin: Origin, message: impl Into<String>) {
        if !self.is_partial {
            self.fault(key, origin, message);
        }
    }

    /// Adds a warning about something legal but risky.
    pub(crate) fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    /// The warnings, the effective configuration and the shapes.
    ///
    /// # Errors
    /// All faults, if there is any.
    pub(crate) fn conclude(self) -> Result<(Vec<String>, EffectiveConfig, Shapes), Faults> {
        if self.faults.is_empty() {
            Ok((self.warnings, self.effective, self.shapes))
        } else {
            Err(Faults(self.faults))
        }
    }
}
