//! Reports to the service manager (systemd): when the daemon is ready, how it is doing, and that its
//! loops still move.

use crate::clock::{Clock, SystemClock};
use crate::daemon::{Signs, Standing, Trouble, Vitals};
use crate::store::Store;
use jiff::Timestamp;
use sd_notify::NotifyState;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How often the status text is renewed: it says how long ago something was.
const STATUS_INTERVAL: Duration = Duration::from_secs(10);

/// How much more time to start is asked for each time: the first reading of a large sandbox takes long.
const START_EXTENSION: Duration = Duration::from_secs(60);

/// How long the last reports may take.
const CLOSE_LIMIT: Duration = Duration::from_millis(200);

/// A connection to the service manager, if there is one.
#[derive(Debug)]
pub(super) struct ServiceManager(Option<(mpsc::UnboundedSender<Notice>, JoinHandle<()>)>);

/// What the command reports.
#[derive(Debug, Clone, Copy)]
enum Notice {
    Reloading,
    Reloaded,
    Stopping,
}

impl ServiceManager {
    /// Connects to the service manager that started this process, and reports from now on.
    pub(super) fn connect(vitals: Arc<Vitals>, store: Arc<dyn Store>) -> Self {
        if std::env::var_os("NOTIFY_SOCKET").is_none() {
            return Self(None);
        }
        let (notices, received) = mpsc::unbounded_channel();
        let reporter = Reporter { vitals, store, is_ready: false, counted: None };
        Self(Some((notices, tokio::spawn(reporter.run(received)))))
    }

    /// The configuration is being read again.
    pub(super) fn reloading(&self) {
        self.send(Notice::Reloading);
    }

    /// The new configuration is in force, or the old one stays in force.
    pub(super) fn reloaded(&self) {
        self.send(Notice::Reloaded);
    }

    /// The daemon is stopping.
    pub(super) fn stopping(&self) {
        self.send(Notice::Stopping);
    }

    /// Reports nothing more, after what is still to be sent.
    pub(super) async fn close(self) {
        if let Some((notices, reporter)) = self.0 {
            drop(notices);
            let _ = tokio::time::timeout(CLOSE_LIMIT, reporter).await;
        }
    }

    fn send(&self, notice: Notice) {
        if let Some((notices, _)) = &self.0 {
            // It fails only if the reporter panicked.
            let _ = notices.send(notice);
        }
    }
}

/// Reports until the connection is closed.
struct Reporter {
    vitals: Arc<Vitals>,
    store: Arc<dyn Store>,
    is_ready: bool,
    /// The recoveries after the pass that ended then.
    counted: Option<(Timestamp, Counts)>,
}

impl Reporter {
    async fn run(mut self, mut notices: mpsc::UnboundedReceiver<Notice>) {
        let watchdog = sd_notify::watchdog_enabled().filter(|period| !period.is_zero());
        // Three times in each period, so that one late turn does no harm.
        let mut feeding = tokio::time::interval(watchdog.map_or(STATUS_INTERVAL, |it| it / 3));
        let mut renewal = tokio::time::interval(STATUS_INTERVAL);
        let mut changes = self.vitals.changes();
        changes.mark_changed();
        loop {
            tokio::select! {
                _ = feeding.tick() => {
                    if watchdog.is_some() && self.vitals.is_alive() {
                        send(&[NotifyState::Watchdog]).await;
                    }
                }
                notice = notices.recv() => match notice {
                    Some(notice) => self.pass_on(notice).await,
                    None => return,
                },
                _ = renewal.tick() => self.renew_status().await,
                Ok(()) = changes.changed(), if !self.is_ready => {
                    if is_ready(&self.vitals.signs()) {
                        self.is_ready = true;
                        send(&[NotifyState::Ready]).await;
                        self.renew_status().await;
                    }
                }
            }
        }
    }

    /// A service that is not ready yet does not reload: what becomes ready is the new configuration.
    async fn pass_on(&self, notice: Notice) {
        match notice {
            Notice::Stopping => send(&[NotifyState::Stopping]).await,
            Notice::Reloading if self.is_ready => {
                let now = NotifyState::monotonic_usec_now();
                let states: Vec<_> = [NotifyState::Reloading].into_iter().chain(now).collect();
                send(&states).await;
            }
            Notice::Reloaded if self.is_ready => send(&[NotifyState::Ready]).await,
            Notice::Reloading | Notice::Reloaded => {}
        }
    }

    async fn renew_status(&mut self) {
        let signs = self.vitals.signs();
        self.count(&signs).await;
        let counts = self.counted.map(|(_, counts)| counts);
        let text = status(&signs, counts, SystemClock::new().now());
        let mut states = vec![NotifyState::Status(&text)];
        if !self.is_ready && self.vitals.is_alive() {
            let microseconds = u32::try_from(START_EXTENSION.as_micros()).unwrap_or(u32::MAX);
            states.push(NotifyState::ExtendTimeoutUsec(microseconds));
        }
        send(&states).await;
    }

    /// Counts the recoveries, once after each pass.
    async fn count(&mut self, signs: &Signs) {
        let Some(ended) = signs.sandboxes.values().filter_map(|it| it.pass_ended).max() else {
            return;
        };
        if self.counted.is_none_or(|(at, _)| at != ended) {
            let mut by_state = Vec::new();
            for sandbox in signs.sandboxes.keys() {
                by_state.extend(self.store.count_open(sandbox).await.unwrap_or_default());
            }
            self.counted = Some((ended, Counts::of(&by_state)));
        }
    }
}

/// Sends in a thread of its own: a service manager that does not read must not stop anything here.
async fn send(states: &[NotifyState<'_>]) {
    let lines: Vec<String> = states.iter().map(ToString::to_string).collect();
    let text = lines.join("\n");
    let _ =
        tokio::task::spawn_blocking(move || sd_notify::notify(&[NotifyState::Custom(&text)])).await;
}

/// True once the first pass over every sandbox has ended, or it is clear why there is none.
fn is_ready(signs: &Signs) -> bool {
    match signs.standing {
        Standing::Starting => false,
        Standing::Standby { .. } | Standing::StoreFailed { .. } => true,
        Standing::Holder => signs.sandboxes.values().all(|sandbox| sandbox.pass_ended.is_some()),
    }
}

/// How many recoveries flowmend works on, and how many wait for a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    healing: u64,
    held: u64,
}

impl Counts {
    fn of(by_state: &[(String, u64)]) -> Self {
        let mut counts = Self::default();
        for (state, count) in by_state {
            match state.as_str() {
                "waiting" | "triggering" | "in_doubt" | "watching" => counts.healing += count,
                "held" => counts.held += count,
                _ => {}
            }
        }
        counts
    }
}

/// One line: what is wrong, if anything, how much there is to do, and how current that is.
fn status(signs: &Signs, counts: Option<Counts>, now: Timestamp) -> String {
    let text = match &signs.standing {
        Standing::Starting => "starting".to_owned(),
        Standing::Standby { holder } => {
            format!("standby: {} holds the store", holder.as_str())
        }
        Standing::StoreFailed { since, error } => {
            format!("the store failed {}: {error}", ago(*since, now))
        }
        Standing::Holder => at_work(signs, counts, now),
    };
    // A line break would end the text.
    text.replace(char::is_control, " ")
}

fn at_work(signs: &Signs, counts: Option<Counts>, now: Timestamp) -> String {
    let mut parts = Vec::new();
    for (sandbox, signs) in &signs.sandboxes {
        if let Some(Trouble { since, error, .. }) = &signs.trouble {
            parts.push(format!("{}: {error} (first {})", sandbox.as_str(), ago(*since, now)));
        }
    }
    if let Some(Counts { healing, held }) = counts {
        let need = if held == 1 { "needs" } else { "need" };
        parts.push(format!("{healing} healing, {held} {need} you"));
    }
    let complete: Option<Vec<Timestamp>> =
        signs.sandboxes.values().map(|sandbox| sandbox.last_complete).collect();
    parts.push(match complete.and_then(|all| all.into_iter().min()) {
        Some(oldest) => format!("last pass {}", ago(oldest, now)),
        None => "no complete pass yet".to_owned(),
    });
    parts.join("; ")
}

fn ago(then: Timestamp, now: Timestamp) -> String {
    match now.duration_since(then).as_secs().max(0) {
        seconds @ 0..120 => format!("{seconds} s ago"),
        seconds @ 120..7_200 => format!("{} min ago", seconds / 60),
        seconds => format!("{} h ago", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::{Cause, SandboxSigns};
    use crate::domain::model::ids::SandboxName;
    use crate::store::Owner;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn holder(sandboxes: &[(&str, SandboxSigns)]) -> Signs {
        let sandboxes =
            sandboxes.iter().map(|(name, signs)| (SandboxName::new(*name), signs.clone()));
        Signs { standing: Standing::Holder, sandboxes: sandboxes.collect(), ..Signs::default() }
    }

    fn complete(second: i64) -> SandboxSigns {
        SandboxSigns {
            pass_ended: Some(at(second)),
            last_complete: Some(at(second)),
            ..SandboxSigns::default()
        }
    }

    #[test]
    fn the_status_says_what_there_is_to_do_and_how_current_that_is() {
        let signs = holder(&[("dev", complete(990)), ("prod", complete(988))]);
        let counts = [("waiting", 1), ("watching", 1), ("held", 1), ("recovered", 9)]
            .map(|(state, count)| (state.to_owned(), count));
        let text = status(&signs, Some(Counts::of(&counts)), at(1000));
        assert_eq!(text, "2 healing, 1 needs you; last pass 12 s ago");
        let text = status(&signs, Some(Counts { healing: 0, held: 2 }), at(2000));
        assert_eq!(text, "0 healing, 2 need you; last pass 16 min ago");
    }

    #[test]
    fn the_status_begins_with_what_is_wrong_and_is_one_line() {
        let error = "cannot list:\nrefused".to_owned();
        let (cause, since) = (Cause::Credentials, at(100));
        let trouble = Some(Trouble { cause, since, error, passes: 3 });
        let sick = SandboxSigns { pass_ended: Some(at(990)), trouble, ..SandboxSigns::default() };
        let text = status(&holder(&[("prod", sick)]), None, at(1000));
        assert_eq!(text, "prod: cannot list: refused (first 15 min ago); no complete pass yet");
        let standing = Standing::Standby { holder: Owner::new("host:7") };
        let text = status(&Signs { standing, ..Signs::default() }, None, at(0));
        assert_eq!(text, "standby: host:7 holds the store");
    }

    #[test]
    fn it_is_ready_when_the_first_pass_over_every_sandbox_has_ended_or_another_one_works() {
        let fresh = SandboxSigns::default();
        assert!(!is_ready(&Signs::default()));
        assert!(!is_ready(&holder(&[("dev", complete(1)), ("prod", fresh.clone())])));
        let failed = SandboxSigns { pass_ended: Some(at(1)), ..fresh };
        assert!(is_ready(&holder(&[("dev", complete(1)), ("prod", failed)])));
        let standing = Standing::Standby { holder: Owner::new("host:7") };
        assert!(is_ready(&Signs { standing, ..Signs::default() }));
    }
}
