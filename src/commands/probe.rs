//! `flowmend check --probe`: what the live service showed for each assumption.

use super::lines::wrapped;
use crate::domain::model::ids::SandboxName;
use crate::domain::model::journal::{Entry, Event};
use crate::domain::model::reason::Reason;
use crate::flow_service::{Finding, KnownRetrigger, Probed};
use crate::settings::Settings;
use crate::store::{Filter, SqliteStore, Store, StoreError};
use serde_json::{Value, json};

/// The most re-triggers of the store that are looked at.
const KNOWN: usize = 5;
/// How many recoveries are searched for them.
const SEARCHED: u32 = 20;
/// The width of the verdicts.
const VERDICT: usize = 14;

/// The newest re-triggers that Adobe accepted; none if there is no store.
pub(super) async fn known_retriggers(
    settings: &Settings,
    sandbox: &SandboxName,
) -> Vec<KnownRetrigger> {
    let Ok(store) = SqliteStore::open_existing(&settings.store.path).await else {
        return Vec::new();
    };
    let known = read_retriggers(&store, sandbox).await;
    store.close().await;
    known.unwrap_or_default()
}

async fn read_retriggers(
    store: &SqliteStore,
    sandbox: &SandboxName,
) -> Result<Vec<KnownRetrigger>, StoreError> {
    let filter =
        Filter { sandbox: Some(sandbox.clone()), limit: Some(SEARCHED), ..Filter::default() };
    let mut known = Vec::new();
    for recovery in store.recoveries(&filter).await? {
        let entries = store.journal(&recovery.root_run_id).await?;
        let by_adobe =
            |it: &&Entry| it.event == Event::Retriggered && it.reason == Reason::Accepted;
        for entry in entries.iter().filter(by_adobe) {
            let attempt = recovery.attempts.iter();
            let attempt = attempt.filter(|it| Some(&it.issued) == entry.new_run_id.as_ref());
            known.extend(attempt.map(|attempt| KnownRetrigger {
                root: recovery.root_run_id.clone(),
                asked: attempt.asked.clone(),
                issued: attempt.issued.clone(),
                accepted_at: attempt.accepted_at,
            }));
        }
    }
    // The newest, but one of a second attempt first: it shows more.
    known.sort_by_key(|it| std::cmp::Reverse((it.asked != it.root, it.accepted_at)));
    known.truncate(KNOWN);
    Ok(known)
}

/// One line per assumption.
pub(super) fn as_text(probed: &Probed, width: Option<usize>) -> String {
    let count =
        |verdict| probed.findings.iter().filter(|it| it.observed.verdict() == verdict).count();
    let mut text = format!(
        "  probe: {} requests, reading only; {} as assumed, {} different, {} not seen yet\n",
        probed.requests,
        count("as assumed"),
        count("different"),
        count("not seen yet")
    );
    for finding in &probed.findings {
        text.push_str(&wrapped(&line(finding), VERDICT + 4, width));
        text.push('\n');
    }
    text
}

fn line(Finding { assumption, observed }: &Finding) -> String {
    let settings = match assumption.settings() {
        [] => String::new(),
        settings => format!(" Setting: {}.", settings.join(", ")),
    };
    format!(
        "  {:<VERDICT$}{} Seen: {}.{settings}",
        observed.verdict(),
        assumption.sentence(),
        observed.seen().trim_end_matches('.'),
    )
}

/// The same for scripts.
pub(super) fn as_json(probed: &Probed) -> Value {
    let findings = probed.findings.iter().map(|Finding { assumption, observed }| {
        json!({
            "assumption": assumption.as_str(),
            "sentence": assumption.sentence(),
            "verdict": observed.verdict(),
            "seen": observed.seen(),
            "settings": assumption.settings(),
        })
    });
    json!({ "requests": probed.requests, "findings": findings.collect::<Vec<_>>() })
}
