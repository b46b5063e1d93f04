//! Listings: many things read page by page, and whether that was all of them.

use super::error::ApiError;
use jiff::Timestamp;
use std::collections::HashMap;

/// What was listed. An incomplete listing may show that something is there, never that something
/// is missing.
#[derive(Debug, Clone)]
pub struct Listing<T> {
    /// What was read, each id once; of two readings the later one.
    pub items: Vec<T>,
    /// The platform's time just before the first request: what changed earlier is in a complete listing.
    pub begun_at: Timestamp,
    /// Why it is incomplete; `None` if it is not.
    pub fault: Option<ApiError>,
    /// Where the window held too much for one listing: everything before this time was read, and the
    /// rest is listed by asking for what is since then. `None` if the whole window was read.
    pub until: Option<Timestamp>,
}

impl<T> Listing<T> {
    /// True if everything that was asked for was read.
    pub fn is_complete(&self) -> bool {
        self.fault.is_none() && self.until.is_none()
    }
}

/// Things that have an id.
pub(super) trait Identified {
    fn id(&self) -> &str;
}

impl Identified for crate::domain::model::run::Run {
    fn id(&self) -> &str {
        self.id.as_str()
    }
}

impl Identified for crate::domain::model::flow::Flow {
    fn id(&self) -> &str {
        self.id.as_str()
    }
}

/// What has been read so far. Pages are no snapshot: something made between two of them pushes the
/// last item of one to the top of the next, so the same item may come twice.
#[derive(Debug)]
pub(super) struct Harvest<T> {
    items: Vec<T>,
    places: HashMap<String, usize>,
    /// Pages that were read.
    pub(super) pages: usize,
    /// Items that name no id. They can be neither selected nor re-triggered, so they are left out.
    pub(super) nameless: usize,
    /// Why reading stopped early.
    pub(super) fault: Option<ApiError>,
}

impl<T> Default for Harvest<T> {
    fn default() -> Self {
        Self { items: Vec::new(), places: HashMap::new(), pages: 0, nameless: 0, fault: None }
    }
}

impl<T: Identified> Harvest<T> {
    pub(super) fn push(&mut self, item: T) {
        match self.places.get(item.id()) {
            Some(&place) => self.items[place] = item,
            None => {
                self.places.insert(item.id().to_owned(), self.items.len());
                self.items.push(item);
            }
        }
    }

    pub(super) fn push_read(&mut self, item: Option<T>) {
        match item {
            Some(item) => self.push(item),
            None => self.nameless += 1,
        }
    }

    /// Takes in `other`, which was read later.
    pub(super) fn merge(&mut self, other: Self) {
        self.pages += other.pages;
        self.nameless += other.nameless;
        self.fault = self.fault.take().or(other.fault);
        for item in other.items {
            self.push(item);
        }
    }

    pub(super) fn items(&self) -> impl Iterator<Item = &T> {
        self.items.iter()
    }

    pub(super) fn has_too_many_pages(&self) -> bool {
        matches!(self.fault, Some(ApiError::TooManyPages { .. }))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Ends reading; only items that `wanted` wants are kept.
    pub(super) fn finish(self, begun_at: Timestamp, wanted: impl Fn(&T) -> bool) -> Listing<T> {
        if self.nameless > 0 {
            tracing::warn!(items = self.nameless, "items without an id were left out of a listing");
        }
        let items = self.items.into_iter().filter(|item| wanted(item)).collect();
        Listing { items, begun_at, fault: self.fault, until: None }
    }

    /// Makes items without an id a fault: any of them could be the one that is looked for.
    pub(super) fn insist_on_names(&mut self) {
        if self.fault.is_none() && self.nameless > 0 {
            self.fault = Some(ApiError::Nameless { count: self.nameless });
        }
    }
}
