//! Reads things by id: many in one request if Adobe accepts that, else one by one.

use super::forms::{Feature, IDS_PER_REQUEST, concerns_form};
use super::listing::{Identified, Listing, PageAccumulator};
use super::reader::{Reader, unreadable};
use crate::domain::model::ids::SandboxName;
use crate::flow_service::query::PropertyFilter;
use crate::flow_service::wire;
use serde_json::Value;
use std::collections::BTreeSet;

/// What is read by id: the resource (and endpoint) of the listing, the endpoint of a single thing, and
/// the feature that saves requests.
pub(super) type Kind = (&'static str, &'static str, Feature);

impl Reader {
    /// Reads things by id, many in one request if Adobe accepts that.
    pub(crate) async fn by_id<T: Identified>(
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
        let read_chunk = |chunk| self.chunk_of_ids(of, sandbox, chunk, read);
        // The first is sent alone, to see whether Adobe accepts a list.
        let first = match chunks.next() {
            Some(first) => read_chunk(first).await,
            None => PageAccumulator::default(),
        };
        let mut found = self.read_rest(first, chunks, read_chunk).await;
        found.require_ids();
        found.finish(self.gateway.clock.at(begun), |item| wanted.contains(item.id()))
    }

    async fn chunk_of_ids<T: Identified>(
        &self,
        of: Kind,
        sandbox: &SandboxName,
        ids: &[&str],
        read: fn(&Value) -> Option<T>,
    ) -> PageAccumulator<T> {
        match self.list_of_ids(of, sandbox, ids, read).await {
            Some(listed) => listed,
            None => self.one_by_one(of, sandbox, ids, read).await,
        }
    }

    /// `None` if they must be read one by one.
    async fn list_of_ids<T: Identified>(
        &self,
        of: Kind,
        sandbox: &SandboxName,
        ids: &[&str],
        read: fn(&Value) -> Option<T>,
    ) -> Option<PageAccumulator<T>> {
        let (resource, endpoint, feature) = of;
        if ids.len() < 2 || !self.forms.allows(feature) {
            return None;
        }
        let filter = PropertyFilter::one_of("id", ids.iter().copied());
        let found = self.pages(resource, sandbox, &[filter], read).await;
        match &found.fault {
            Some(error) if concerns_form(error) && found.pages == 0 => {
                self.forms.refuse(feature, error);
                None
            }
            Some(error) if error.is_not_found() => None,
            Some(_) => Some(found),
            // None of several was found: do they not exist, or does Adobe read the list as one id?
            None if found.is_empty() => {
                let probe = self.one(resource, endpoint, sandbox, ids[0], read).await;
                if probe.is_empty() && probe.fault.is_none() {
                    return Some(found);
                }
                if !probe.is_empty() {
                    self.forms.refuse(
                        feature,
                        &unreadable("a request for several ids returns none of them"),
                    );
                }
                None
            }
            None => Some(found),
        }
    }

    async fn one_by_one<T: Identified>(
        &self,
        (resource, endpoint, _): Kind,
        sandbox: &SandboxName,
        ids: &[&str],
        read: fn(&Value) -> Option<T>,
    ) -> PageAccumulator<T> {
        let one = |id| self.one(resource, endpoint, sandbox, id, read);
        self.read_rest(PageAccumulator::default(), ids.iter().copied(), one).await
    }
}
