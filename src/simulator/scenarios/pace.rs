//! How often flows run.

use std::time::Duration;

use fastrand::Rng;
use serde::{Deserialize, Serialize};

/// How often flows run and how long their runs take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// For watching: a flow runs every 10 to 30 seconds, a run takes 1 to 3.
    #[default]
    Demo,
    /// Realistic: a flow runs every 15 minutes to once a day, a run takes 2 to 10 minutes.
    Realistic,
}

impl Pace {
    /// Time from one scheduled run of a flow to the next; `usual` is the realistic one.
    pub(crate) fn every(self, usual: Duration, rng: &mut Rng) -> Duration {
        match self {
            Self::Demo => Duration::from_millis(rng.u64(10_000..=30_000)),
            Self::Realistic => usual,
        }
    }

    /// How long the runs of a flow take.
    pub(crate) fn run_time(self, rng: &mut Rng) -> Duration {
        Duration::from_millis(match self {
            Self::Demo => rng.u64(1_000..=3_000),
            Self::Realistic => rng.u64(120_000..=600_000),
        })
    }
}
