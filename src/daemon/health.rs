//! Health: what `/livez`, `/readyz` and the service manager's watchdog conclude from the vital signs.
//!
//! *Alive* means that a restart would not help: every loop moves. *Ready* means that the work is done:
//! the store is usable, every sandbox was read completely a short time ago, and Adobe accepts the
//! credentials. A standby is both.

use super::vitals::{SandboxSigns, Signs, Standing, Vitals};
use crate::domain::model::ids::SandboxName;
use crate::domain::model::trouble::Cause;
use jiff::Timestamp;
use serde::Serialize;
use std::time::Duration;

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked; a sandbox's checks end with its name.
    pub name: String,
    /// Whether it is well.
    pub ok: bool,
    /// Since when it is as it is, if that is known.
    pub since: Option<Timestamp>,
    /// In words.
    pub detail: String,
}

impl Check {
    fn new(name: impl Into<String>, ok: bool, detail: impl Into<String>) -> Self {
        Self { name: name.into(), ok, since: None, detail: detail.into() }
    }

    fn since(self, since: Option<Timestamp>) -> Self {
        Self { since, ..self }
    }
}

impl Vitals {
    /// The checks of `/livez`.
    pub fn liveness(&self) -> Vec<Check> {
        let still = self.still_for().unwrap_or_default().as_secs();
        vec![Check::new("loops", self.is_alive(), format!("the slowest moved {still} s ago"))]
    }

    /// The checks of `/readyz`.
    pub fn readiness(&self) -> Vec<Check> {
        let signs = self.signs();
        let mut checks = store_checks(&signs);
        if signs.standing == Standing::Holder {
            let stale = signs.limits.staleness;
            let now = self.now();
            checks.push(credentials(&signs));
            checks.extend(signs.sandboxes.iter().map(|(name, it)| sandbox(name, it, stale, now)));
        }
        checks
    }
}

fn store_checks(signs: &Signs) -> Vec<Check> {
    match &signs.standing {
        Standing::Starting => vec![Check::new("lease", false, "not requested yet")],
        Standing::Holder => {
            vec![Check::new("store", true, "usable"), Check::new("lease", true, "held")]
        }
        Standing::Standby { holder } => {
            let detail = format!("standby: held by {}", holder.as_str());
            vec![Check::new("store", true, "usable"), Check::new("lease", true, detail)]
        }
        Standing::StoreFailed { since, error } => {
            vec![Check::new("store", false, error).since(Some(*since))]
        }
    }
}

fn credentials(signs: &Signs) -> Check {
    let troubles = signs.sandboxes.values().filter_map(|it| it.trouble.as_ref());
    let refused = troubles.filter(|it| it.cause == Cause::Credentials).min_by_key(|it| it.since);
    match refused {
        Some(trouble) => {
            Check::new("credentials", false, &trouble.error).since(Some(trouble.since))
        }
        None => Check::new("credentials", true, "not refused"),
    }
}

/// Whether a sandbox was read completely, not longer than `stale` ago.
fn sandbox(name: &SandboxName, signs: &SandboxSigns, stale: Duration, now: Timestamp) -> Check {
    let title = format!("sandbox {name}");
    let Some(complete) = signs.last_complete else {
        let detail = match &signs.trouble {
            Some(trouble) => trouble.error.as_str(),
            None => "not read completely yet",
        };
        return Check::new(title, false, detail);
    };
    let age = Duration::try_from(complete.duration_until(now)).unwrap_or_default();
    let detail = match &signs.trouble {
        Some(trouble) => format!("last complete pass {} s ago: {}", age.as_secs(), trouble.error),
        None => format!("last complete pass {} s ago", age.as_secs()),
    };
    Check::new(title, age <= stale, detail).since(Some(complete))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::model::trouble::Trouble;
    use crate::store::Owner;
    use std::collections::BTreeMap;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn state(signs: &SandboxSigns) -> (bool, String) {
        let check = sandbox(&SandboxName::new("prod"), signs, Duration::from_secs(180), at(1000));
        (check.ok, check.detail)
    }

    #[test]
    fn a_sandbox_is_ready_while_its_last_complete_pass_is_young() {
        let trouble = Trouble {
            cause: Cause::Unreachable,
            since: at(900),
            error: "cannot list the failed runs".to_owned(),
            passes: 2,
        };
        let read = |second| SandboxSigns { last_complete: Some(at(second)), ..Default::default() };
        let troubled = SandboxSigns { trouble: Some(trouble), ..read(820) };
        assert_eq!(state(&SandboxSigns::default()), (false, "not read completely yet".to_owned()));
        assert_eq!(state(&read(820)), (true, "last complete pass 180 s ago".to_owned()));
        assert_eq!(state(&read(819)), (false, "last complete pass 181 s ago".to_owned()));
        let (ok, detail) = state(&troubled);
        assert!(ok && detail.ends_with("180 s ago: cannot list the failed runs"), "{detail}");
    }

    #[test]
    fn refused_credentials_are_named_and_a_standby_is_ready() {
        let refused = |since| SandboxSigns {
            trouble: Some(Trouble {
                cause: Cause::Credentials,
                since: at(since),
                error: "invalid_client".to_owned(),
                passes: 1,
            }),
            ..SandboxSigns::default()
        };
        let names = [SandboxName::new("a"), SandboxName::new("b")];
        let sandboxes: BTreeMap<_, _> = names.into_iter().zip([refused(9), refused(5)]).collect();
        let check =
            credentials(&Signs { standing: Standing::Holder, sandboxes, ..Signs::default() });
        assert_eq!(
            (check.ok, check.since, check.detail.as_str()),
            (false, Some(at(5)), "invalid_client")
        );

        let standing = Standing::Standby { holder: Owner::new("other:1") };
        let checks = store_checks(&Signs { standing, ..Signs::default() });
        assert!(checks.iter().all(|check| check.ok), "{checks:?}");
        assert!(store_checks(&Signs::default()).iter().any(|check| !check.ok));
    }
}
