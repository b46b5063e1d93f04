//! The daily digest: what is still on hold.

use super::notice::{Group, Notice, shortened};
use super::signs::Reported;
use crate::domain::model::topic::Topic;
use crate::domain::recovery::{Recovery, State};
use crate::settings::NotifyTarget;
use crate::store::{Filter, Store, StoreError};
use jiff::{Timestamp, ToSpan};

/// The digest for `target` with its id, if one is due and something is on hold. Changes what is
/// reported. The first digest is due at the first such time after the target was added.
pub(super) async fn due(
    target: &NotifyTarget,
    store: &dyn Store,
    reported: &mut Reported,
    now: Timestamp,
) -> Result<Option<(String, Notice)>, StoreError> {
    let Some(digest) = &target.digest else { return Ok(None) };
    let local = now.to_zoned(digest.time_zone.clone());
    let is_past = local.time() >= digest.at;
    let day = if is_past { local.date() } else { local.date().saturating_sub(1.day()) };
    let last = reported.digest.replace(day);
    if last.is_none_or(|last| last >= day) {
        return Ok(None);
    }
    let filter = Filter { states: vec!["held".to_owned()], ..Filter::default() };
    let mut held = store.recoveries(&filter).await?;
    held.retain(|it| target.scope.covers(&it.sandbox, &it.flow_id, &it.flow_name));
    held.sort_by_key(|recovery| recovery.failed_at);
    Ok((!held.is_empty()).then(|| (format!("digest-{day}"), notice(&held, now))))
}

fn notice(held: &[Recovery], now: Timestamp) -> Notice {
    let groups = held.iter().filter_map(group).collect();
    let notice = Notice::about_daemon(Topic::Digest, "digest".to_owned(), now);
    notice.with_groups(groups)
}

fn group(recovery: &Recovery) -> Option<Group> {
    let State::Held { why, .. } = &recovery.state else { return None };
    let error = recovery.failure.errors.first();
    Some(Group {
        sandbox: recovery.sandbox.clone(),
        flow_id: recovery.flow_id.clone(),
        flow_name: recovery.flow_name.clone(),
        reason: why.as_str().to_owned(),
        explanation: why.explanation().to_owned(),
        error: error.map(|it| shortened(&format!("{}: {}", it.code, it.message))),
        count: 1,
        run_ids: vec![recovery.root_run_id.clone()],
        attempts: None,
        duration_s: None,
    })
}
