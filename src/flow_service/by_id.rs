//! Reading things by id: many in one request where the platform accepts that, else one by one.

use super::listing::{Harvest, Identified, Listing};
use super::query::Filter;
use super::reader::{Reader, unreadable};
use super::shapes::{Feature, IDS_PER_REQUEST, concerns_form};
use super::wire;
use crate::domain::model::ids::SandboxName;
use futures_util::{StreamExt, stream};
use serde_json::Value;
use std::collections::BTreeSet;

/// What is read by id: the resource (and endpoint) of the listing, the endpoint of a single one, and
/// the feature that saves requests.
pub(super) type Kind = (&'static str, &'static str, Feature);

impl Reader {
    /// Reads things by id, many in one request where the platform accepts that.
    pub(super) async fn by_id<T: Identified>(
        &self,
        of: Kind,
        sandbox: &SandboxName,
        ids: &[&str],
        read: fn(&Value) -> Option<T>,
    ) -> Listing<T> {
        let begun = self.gateway.clock.local_now();
        let wanted: BTreeSet<&str> =
            ids.iter().copied().filter(|id| wire::is_usable_id(id)).collect();
        let ids: Vec<&str> = wanted.iter().copied().collect();
        let mut chunks = ids.chunks(IDS_PER_REQUEST.min(self.page_size));
        let mut harvest = Harvest::default();
        // The first goes alone, to see whether a list is accepted.
        if let Some(first) = chunks.next() {
            harvest.merge(self.chunk_of_ids(of, sandbox, first, read).await);
        }
        let mut rest = stream::iter(chunks)
            .map(|chunk| self.chunk_of_ids(of, sandbox, chunk, read))
            .buffered(self.max_concurrent);
        while harvest.fault.is_none()
            && let Some(next) = rest.next().await
        {
            harvest.merge(next);
        }
        harvest.insist_on_names();
        harvest.finish(self.gateway.clock.at(begun), |item| wanted.contains(item.id()))
    }

    async fn chunk_of_ids<T: Identified>(
        &self,
        of: Kind,
        sandbox: &SandboxName,
        ids: &[&str],
        read: fn(&Value) -> Option<T>,
    ) -> Harvest<T> {
        match self.list_of_ids(of, sandbox, ids, read).await {
            Some(listed) => listed,
            None => self.one_by_one(of, sandbox, ids, read).await,
        }
    }

    /// `None` if they have to be asked for one by one.
    async fn list_of_ids<T: Identified>(
        &self,
        of: Kind,
        sandbox: &SandboxName,
        ids: &[&str],
        read: fn(&Value) -> Option<T>,
    ) -> Option<Harvest<T>> {
        let (resource, endpoint, feature) = of;
        if ids.len() < 2 || !self.shapes.allows(feature) {
            return None;
        }
        let filter = Filter::one_of("id", ids.iter().copied());
        let harvest = self.pages(resource, sandbox, &[filter], read).await;
        match &harvest.fault {
            Some(error) if concerns_form(error) && harvest.pages == 0 => {
                self.shapes.refuse(feature, error);
                None
            }
            Some(error) if error.is_not_found() => None,
            Some(_) => Some(harvest),
            // Nothing at all, of several: is that so, or is the list taken for one strange id?
            None if harvest.is_empty() => {
                let probe = self.one(resource, endpoint, sandbox, ids[0], read).await;
                if probe.is_empty() && probe.fault.is_none() {
                    return Some(harvest);
                }
                if !probe.is_empty() {
                    self.shapes.refuse(feature, &unreadable("a list of ids finds none of them"));
                }
                None
            }
            None => Some(harvest),
        }
    }

    async fn one_by_one<T: Identified>(
        &self,
        (resource, endpoint, _): Kind,
        sandbox: &SandboxName,
        ids: &[&str],
        read: fn(&Value) -> Option<T>,
    ) -> Harvest<T> {
        let mut harvest = Harvest::default();
        let mut answers = stream::iter(ids)
            .map(|id| self.one(resource, endpoint, sandbox, id, read))
            .buffered(self.max_concurrent);
        while harvest.fault.is_none()
            && let Some(next) = answers.next().await
        {
            harvest.merge(next);
        }
        harvest
    }
}
