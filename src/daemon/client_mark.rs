//! Whether `createdClient` identifies our runs. The first run that a re-trigger creates shows it.

use super::findings::Findings;
use super::memory::Memory;
use super::reads::Reading;
use super::sandbox_reader::SandboxReader;
use crate::domain::plan::snapshot::ClientIdTrust;
use crate::store::{ClientMark, Progress};
use jiff::Timestamp;

impl SandboxReader<'_> {
    /// What is known about our client id in runs; nothing yet if the client id has just changed.
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

    /// Takes a run that a re-trigger created. Whether it names our client shows whether the field
    /// can be used to find the run of a call in doubt.
    pub(super) fn check_client(
        &self,
        client: &mut ClientMark,
        memory: &mut Memory,
        reading: &Reading,
        findings: &mut Findings,
    ) {
        memory.issued.retain(|issued| {
            let run = reading.runs.get(issued);
            let Some(named) = run.and_then(|run| run.created_client.as_deref()) else {
                return run.is_none();
            };
            let ours = named == client.id;
            if !ours && client.named != Some(false) {
                findings.foreign_run = Some(issued.clone());
            }
            client.named = Some(ours && client.named != Some(false));
            false
        });
    }

    /// How far the client id of a run can be trusted.
    pub(super) fn client_trust(&self, client: ClientMark) -> ClientIdTrust {
        match client.named {
            _ if !self.settings.adobe.match_created_client => ClientIdTrust::Ignored,
            Some(true) => ClientIdTrust::Proven { client: client.id, since: client.since },
            _ => ClientIdTrust::Supposed(client.id),
        }
    }
}
