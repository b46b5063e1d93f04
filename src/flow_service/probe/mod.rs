//! What the live service shows for each assumption of `docs/ADOBE.md`. Reads only.
//!
//! A few dataflows and runs are read as a sample. Then each filter is sent once for something that the
//! sample contains, so it is known what the answer must contain.

mod asker;
mod assumption;
mod filters;
mod finding;
mod pages;
mod sample;
mod shown;

pub use assumption::Assumption;
pub use finding::{Finding, KnownRetrigger, Observed, Probed};

use super::reads::reader::Reader;
use crate::domain::model::ids::SandboxName;
use asker::Asker;
use sample::Sample;

/// See [`FlowService::probe`](super::FlowService::probe).
pub(super) async fn probe(
    reader: &Reader,
    client_id: &str,
    sandbox: &SandboxName,
    known: &[KnownRetrigger],
) -> Probed {
    let mut asker = Asker::new(reader, sandbox);
    let sample = Sample::read(&mut asker, client_id, known).await;
    let mut findings = Vec::new();
    for &assumption in Assumption::ALL {
        let observed = judge(assumption, &mut asker, &sample).await;
        findings.push(Finding { assumption, observed });
    }
    Probed { requests: asker.requests, findings }
}

async fn judge(assumption: Assumption, asker: &mut Asker<'_>, sample: &Sample) -> Observed {
    match assumption {
        Assumption::Operation | Assumption::NoIfMatch => sample.accepted(),
        Assumption::Target => sample.target(),
        Assumption::ListedSoon => Observed::NotSeen(
            "only a re-trigger shows it: flowmend explain RUN_ID has the times".to_owned(),
        ),
        Assumption::CreatedClient => sample.created_client(),
        Assumption::Window => sample.window(),
        Assumption::StartedWindow => sample.started_window(),
        Assumption::Slot => sample.slot(),
        Assumption::StaysFailed => sample.stays_failed(),
        Assumption::WholeSandbox => sample.whole_sandbox.clone(),
        Assumption::FlowList => filters::flow_list(asker, sample).await,
        Assumption::UpdatedAtFilter => filters::updated_at(asker, sample).await,
        Assumption::CreatedAtFilter => filters::created_at(asker, sample).await,
        Assumption::TimeSpan => filters::time_span(asker, sample).await,
        Assumption::StatusFilter => filters::status(asker, sample).await,
        Assumption::StatusList => filters::status_list(asker, sample).await,
        Assumption::RunIds => filters::run_ids(asker, sample).await,
        Assumption::FlowIds => filters::flow_ids(asker, sample).await,
        Assumption::PageSize => sample.page_size.clone(),
        Assumption::NewestFirst => sample.newest_first(),
        Assumption::NextPage => sample.next_page.clone(),
        Assumption::StatusWords => sample.status_words(),
        Assumption::Times => sample.times(),
        Assumption::RunTimes => sample.run_times(),
        Assumption::ETag => sample.etag(),
        Assumption::FlowName => sample.flow_name(),
        Assumption::Kind => sample.kind.clone(),
        Assumption::Internal => sample.internal(),
        Assumption::Causes => sample.causes(),
        Assumption::Throttling => throttling(asker),
        Assumption::EndedToken => Observed::NotSeen("no token ended meanwhile".to_owned()),
        Assumption::Date => date(asker),
    }
}

fn throttling(asker: &Asker<'_>) -> Observed {
    let limits: Vec<&str> = asker.limits.iter().map(String::as_str).collect();
    let limits = match limits[..] {
        [] => "no header about a limit".to_owned(),
        _ => limits.join(", "),
    };
    match asker.throttled {
        0 => Observed::NotSeen(format!("no 429 or 503 in {} requests; {limits}", asker.requests)),
        n => Observed::AsAssumed(format!(
            "429 or 503 for {n} of {} requests; {limits}",
            asker.requests
        )),
    }
}

fn date(asker: &Asker<'_>) -> Observed {
    match asker.offset {
        None if asker.answers == 0 => Observed::NotSeen("no answer".to_owned()),
        None => Observed::Different("no answer has a Date header".to_owned()),
        // Whole seconds, and the time that a request takes.
        Some(offset) if offset.abs().as_secs() <= 3 => {
            Observed::AsAssumed("it agrees with this machine's clock".to_owned())
        }
        Some(offset) => {
            let (far, than) = (offset.abs().as_secs(), offset.is_positive());
            let than = if than { "ahead of" } else { "behind" };
            Observed::Different(format!("it is {far} s {than} this machine's clock"))
        }
    }
}
