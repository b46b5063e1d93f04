//! Whether `createdClient` shows which runs are ours. The first run that is issued for us tells.

use super::gather::Gatherer;
use super::memory::Memory;
use super::reads::Reading;
use crate::domain::plan::snapshot::ClientIdTrust;
use crate::store::{ClientMark, Progress};
use jiff::Timestamp;

impl Gatherer<'_> {
    /// What is known of our client's mark; nothing yet where we have just become another client.
    pub(super) fn client(
        &self,
        memory: &mut Memory,
        progress: Option<&Progress>,
        now: Timestamp,
    ) -> ClientMark {
        let ours = self.service.client_id();
        match progress.and_then(|progress| progress.client.clone()) {
            Some(mark) if mark.id == ours => mark,
            another => {
                if another.is_some() {
                    memory.issued.clear();
                }
                ClientMark { id: ours.to_owned(), since: now, named: None }
            }
        }
    }

    /// A run that was issued for us is ours: whether it names our client tells
    /// whether the field can be used to find the run of a doubtful call.
    pub(super) fn check_client(
        &self,
        mut client: ClientMark,
        memory: &mut Memory,
        reading: &Reading,
    ) -> ClientMark {
        memory.issued.retain(|issued| {
            let run = reading.runs.get(issued);
            let Some(named) = run.and_then(|run| run.created_client.as_deref()) else {
                return run.is_none();
            };
            let ours = named == client.id;
            if !ours && client.named != Some(false) {
                tracing::warn!(
                    sandbox = self.sandbox.name.as_str(),
                    run_id = issued.as_str(),
                    "issued run names another client; only the name of ours is used to find runs in doubt"
                );
            }
            client.named = Some(ours && client.named != Some(false));
            false
        });
        client
    }

    pub(super) fn mark(&self, client: ClientMark) -> ClientIdTrust {
        match client.named {
            _ if !self.settings.adobe.match_created_client => ClientIdTrust::Ignored,
            Some(true) => ClientIdTrust::Proven { client: client.id, since: client.since },
            _ => ClientIdTrust::Supposed(client.id),
        }
    }
}
