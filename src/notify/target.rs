//! The task of one target: compose, store, send, repeat.

use super::compose::{Composer, OLDEST, wanted};
use super::courier::{Answer, Courier};
use super::digest;
use super::notice::Notice;
use super::signs::Reported;
use super::sources::Sources;
use crate::daemon::Standing;
use crate::domain::model::journal::Entry;
use crate::settings::NotifyTarget;
use crate::store::{Message, StoreError, TargetRow};
use crate::telemetry::chain;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
/// How often the journal is read.
const IDLE: Duration = Duration::from_secs(2);
/// How long events are collected before they become messages.
const COLLECT: Duration = Duration::from_secs(5);
/// How many entries are read at a time.
const ENTRIES: u32 = 2_000;
/// The position is stored after this many entries, even if none was reported.
const UNREPORTED: i64 = 1_000;
/// How often a receiver may ask to wait for one message.
const WAITS: u32 = 10;
/// The longest wait that a receiver may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);
/// The longest time between two attempts to deliver a message.
const LONGEST_BACKOFF: Duration = Duration::from_secs(5 * 60);
/// The time after a failure of the store.
const STORE_BACKOFF: Duration = Duration::from_secs(30);

/// Notifies one target.
pub(super) struct Target {
    target: NotifyTarget,
    sources: Sources,
    courier: Courier,
    /// Whether the store knows it.
    is_registered: bool,
    /// Up to where the journal was read without anything to report.
    seen: i64,
    /// How often the oldest message could not be delivered.
    failures: u32,
    /// How often its receiver asked to wait.
    waits: u32,
}

impl Target {
    /// # Errors
    /// If its client cannot be built; in words.
    pub(super) fn new(target: NotifyTarget, sources: Sources) -> Result<Self, String> {
        let courier = Courier::new(&target.address)?;
        let (is_registered, seen, failures, waits) = (false, 0, 0, 0);
        Ok(Self { target, sources, courier, is_registered, seen, failures, waits })
    }

    /// Runs until it is dropped.
    pub(super) async fn run(mut self) {
        let mut is_failing = false;
        loop {
            let wait = match self.turn().await {
                Ok(wait) => {
                    is_failing = false;
                    wait
                }
                Err(error) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        let error = chain(&error);
                        tracing::warn!(
                            target = self.target.name,
                            error,
                            "notifications not stored"
                        );
                    }
                    STORE_BACKOFF
                }
            };
            self.sources.clock.sleep(wait).await;
        }
    }

    /// One step; returns how long to wait before the next one.
    async fn turn(&mut self) -> Result<Duration, StoreError> {
        // A new target is registered before the first pass, so that it gets the events of that pass.
        let Some(row) = self.row().await? else { return Ok(IDLE) };
        // A standby leaves the journal to the holder.
        let is_holder = self.sources.pulse.signs().standing == Standing::Holder;
        if row.stopped.is_some() || !is_holder {
            return Ok(IDLE);
        }
        if row.queued == 0 && !self.compose(&row).await? {
            return Ok(IDLE);
        }
        let mut queue = self.sources.outbox.queued(&row.name).await?.into_iter();
        match queue.next() {
            Some((key, message)) => self.deliver(key, &message).await,
            None => Ok(IDLE),
        }
    }

    async fn row(&mut self) -> Result<Option<TargetRow>, StoreError> {
        let (outbox, name) = (&self.sources.outbox, &self.target.name);
        if self.is_registered {
            let rows = outbox.notify_targets().await?;
            return Ok(rows.into_iter().find(|row| row.name == *name));
        }
        let url = self.target.address.url.expose_secret();
        let digest = Sha256::digest(url.as_bytes());
        let address: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let row = outbox.notify_target(name, &address, self.sources.clock.now()).await?;
        if let Some((why, _)) = &row.stopped {
            tracing::warn!(target = name, why, "notification target is stopped");
        }
        self.is_registered = true;
        Ok(Some(row))
    }

    /// Stores the messages that are due. Returns whether there are any.
    async fn compose(&mut self, row: &TargetRow) -> Result<bool, StoreError> {
        let Sources { store, outbox, pulse, clock } = &self.sources;
        let from = self.seen.max(row.position);
        let mut entries = outbox.entries_after(from, ENTRIES).await?;
        let is_wanted = |(_, entry): &(i64, Entry)| wanted(&self.target, entry).is_some();
        if entries.iter().any(is_wanted) {
            // What happens together becomes one message.
            clock.sleep(COLLECT).await;
            entries = outbox.entries_after(from, ENTRIES).await?;
        }
        let now = clock.now();
        let mutes = outbox.mutes().await?;
        let (target, store, since) = (&self.target, store.as_ref(), row.since);
        let composer = Composer { target, store, since, now, mutes: &mutes };
        let mut notices = composer.messages(&entries).await?;
        let mut reported = Reported::parse(&row.memory);
        notices.extend(reported.update(&self.target, &pulse.signs(), pulse.is_alive(), now));
        notices.extend(digest::due(target, store, &mut reported, now).await?);
        let memory = reported.render();
        let position = entries.last().map_or(from, |(position, _)| *position);
        let is_far = position - row.position >= UNREPORTED;
        if !notices.is_empty() || memory != row.memory || is_far {
            let messages: Vec<Message> = notices
                .into_iter()
                .map(|(id, notice)| Message {
                    id,
                    at: now,
                    content: serde_json::to_string(&notice).unwrap_or_default(),
                })
                .collect();
            let is_due = !messages.is_empty();
            if !outbox.enqueue(row, position, &memory, &messages).await? {
                return Ok(false);
            }
            self.seen = position;
            return Ok(is_due);
        }
        self.seen = position;
        Ok(false)
    }

    /// Sends a message once.
    async fn deliver(&mut self, key: i64, message: &Message) -> Result<Duration, StoreError> {
        let (outbox, clock) = (&self.sources.outbox, &self.sources.clock);
        let (name, now) = (&self.target.name, clock.now());
        let Ok(notice) = serde_json::from_str::<Notice>(&message.content) else {
            tracing::warn!(
                target = name,
                id = message.id,
                "notification dropped: it is not readable"
            );
            outbox.dequeue(key).await?;
            return Ok(Duration::ZERO);
        };
        let answer = self.courier.send(&self.target, &message.id, &notice, now).await;
        match &answer {
            Answer::Delivered => {
                tracing::debug!(target = name, id = message.id, "notification sent");
                return self.done(key).await;
            }
            Answer::Gone(status) => {
                let why = format!("the receiver answered {status}");
                tracing::warn!(
                    target = name,
                    why,
                    "notification target stopped; correct its URL, or run `flowmend notify test`"
                );
                outbox.stop_target(name, Some(&why), now).await?;
                return Ok(IDLE);
            }
            Answer::Wait(_) => self.waits += 1,
            Answer::Failed(error) => {
                if self.failures == 0 {
                    tracing::warn!(target = name, error, "notification failed; it is sent again");
                }
                self.failures += 1;
            }
        }
        let age = Duration::try_from(message.at.duration_until(now)).unwrap_or_default();
        if self.waits > WAITS || age > OLDEST {
            tracing::warn!(target = name, id = message.id, "notification dropped: not accepted");
            return self.done(key).await;
        }
        let own = (5 * SECOND).saturating_mul(1 << self.failures.min(8)).min(LONGEST_BACKOFF);
        Ok(match answer {
            Answer::Wait(Some(wait)) => wait.clamp(SECOND, LONGEST_WAIT),
            _ => own,
        })
    }

    /// Removes a message. At most one a second is sent.
    async fn done(&mut self, key: i64) -> Result<Duration, StoreError> {
        (self.failures, self.waits) = (0, 0);
        self.sources.outbox.dequeue(key).await?;
        Ok(SECOND)
    }
}
