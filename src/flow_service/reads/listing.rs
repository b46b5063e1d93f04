//! Listings: many things, read page by page, and whether they are complete.

use crate::flow_service::error::ApiError;
use jiff::Timestamp;
use std::collections::HashMap;

/// A listing. An incomplete one may prove that something exists, never that something is missing.
#[derive(Debug, Clone)]
pub struct Listing<T> {
    /// What was read, each id once; the later one of two.
    pub items: Vec<T>,
    /// Adobe's time just before the first request: a complete listing contains all earlier changes.
    pub begun_at: Timestamp,
    /// Why it is incomplete, unless `until` is the reason.
    pub fault: Option<ApiError>,
    /// Set if the window contains too much for one listing: everything before this time was read, and a
    /// listing since then contains the rest.
    pub until: Option<Timestamp>,
}

impl<T> Listing<T> {
    /// True if everything requested was read.
    pub fn is_complete(&self) -> bool {
        self.fault.is_none() && self.until.is_none()
    }
}

/// Watches the order of a listing that cannot be filtered by time: if it comes newest first, it need not
/// be read to its end.
#[derive(Debug)]
pub(crate) struct NewestFirst {
    since: Timestamp,
    last: Option<Timestamp>,
    falls: bool,
    rises: bool,
}

impl NewestFirst {
    /// Everything since then is wanted.
    pub(crate) fn since(since: Timestamp) -> Self {
        Self { since, last: None, falls: false, rises: false }
    }

    /// Takes the dates of the next page; true if it is older than what is wanted, and so are all pages
    /// after it.
    pub(crate) fn has_passed(&mut self, page: impl Iterator<Item = Option<Timestamp>>) -> bool {
        let mut old = None;
        for at in page {
            // Without a date it may be of any age.
            old = Some(old.unwrap_or(true) && at.is_some_and(|at| at < self.since));
            if let Some((last, at)) = self.last.zip(at) {
                self.falls |= at < last;
                self.rises |= at > last;
            }
            self.last = at.or(self.last);
        }
        old == Some(true) && self.falls && !self.rises
    }
}

/// Something with an id.
pub(crate) trait Identified {
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

/// What has been read so far. Pages are not a snapshot: something created between two of them pushes
/// the last item of one to the top of the next, so the same item may come twice.
#[derive(Debug)]
pub(crate) struct PageAccumulator<T> {
    items: Vec<T>,
    places: HashMap<String, usize>,
    /// Pages that were read.
    pub(crate) pages: usize,
    /// The number of items without an id. They can be neither selected nor re-triggered, so they are
    /// left out.
    pub(crate) without_id: usize,
    /// Why reading stopped early.
    pub(crate) fault: Option<ApiError>,
}

impl<T> Default for PageAccumulator<T> {
    fn default() -> Self {
        Self { items: Vec::new(), places: HashMap::new(), pages: 0, without_id: 0, fault: None }
    }
}

impl<T: Identified> PageAccumulator<T> {
    pub(crate) fn push(&mut self, item: T) {
        match self.places.get(item.id()) {
            Some(&place) => self.items[place] = item,
            None => {
                self.places.insert(item.id().to_owned(), self.items.len());
                self.items.push(item);
            }
        }
    }

    pub(crate) fn push_read(&mut self, item: Option<T>) {
        match item {
            Some(item) => self.push(item),
            None => self.without_id += 1,
        }
    }

    /// Adds `other`, which was read later.
    pub(crate) fn merge(&mut self, other: Self) {
        self.pages += other.pages;
        self.without_id += other.without_id;
        self.fault = self.fault.take().or(other.fault);
        for item in other.items {
            self.push(item);
        }
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = &T> {
        self.items.iter()
    }

    pub(crate) fn retain(&mut self, is_kept: impl Fn(&T) -> bool) {
        self.items.retain(is_kept);
        let places = self.items.iter().enumerate();
        self.places = places.map(|(place, item)| (item.id().to_owned(), place)).collect();
    }

    pub(crate) fn has_too_many_pages(&self) -> bool {
        matches!(self.fault, Some(ApiError::TooManyPages { .. }))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Ends reading; keeps only the items for which `is_wanted` returns true.
    pub(crate) fn finish(self, begun_at: Timestamp, is_wanted: impl Fn(&T) -> bool) -> Listing<T> {
        if self.without_id > 0 {
            tracing::warn!(items = self.without_id, "skipped items without an id in a listing");
        }
        let items = self.items.into_iter().filter(|item| is_wanted(item)).collect();
        Listing { items, begun_at, fault: self.fault, until: None }
    }

    /// Makes items without an id a fault: each of them could be the one that the caller needs.
    pub(crate) fn require_ids(&mut self) {
        if self.fault.is_none() && self.without_id > 0 {
            self.fault = Some(ApiError::WithoutId { count: self.without_id });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pages<'a> = &'a [&'a [Option<i64>]];

    #[test]
    fn a_listing_that_comes_newest_first_is_read_until_it_is_too_old() {
        let passed = |pages: Pages<'_>| {
            let at = |second: &Option<i64>| second.map(|it| Timestamp::from_second(it).unwrap());
            let mut order = NewestFirst::since(Timestamp::from_second(10).unwrap());
            pages.iter().position(|page| order.has_passed(page.iter().map(at)))
        };
        let table: [(Pages<'_>, Option<usize>); 7] = [
            (&[&[Some(12), Some(11)], &[Some(9), Some(8)]], Some(1)),
            (&[&[Some(12), Some(9)], &[Some(9), Some(9)]], Some(1)),
            // Oldest first, in any order, or all at once: the rest may be younger.
            (&[&[Some(1), Some(2)], &[Some(3), Some(4)]], None),
            (&[&[Some(9), Some(12)], &[Some(9), Some(8)]], None),
            (&[&[Some(9), Some(9)], &[Some(9)]], None),
            // One without a date may be young.
            (&[&[Some(9), None], &[Some(8)]], Some(1)),
            (&[&[], &[None]], None),
        ];
        for (pages, expected) in table {
            assert_eq!(passed(pages), expected, "{pages:?}");
        }
    }
}
