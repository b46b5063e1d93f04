//! Pages of matches.
//!
//! Pages are not a snapshot: a page is "skip so many of the newest", as in the real service, so a
//! record that comes into being between two pages pushes another onto both of them. A client has to
//! remove duplicates; it misses nothing.

use super::Query;
use super::field::{Filterable, Resource};

/// One page.
#[derive(Debug)]
pub(crate) struct Page<R> {
    pub(crate) items: Vec<R>,
    /// `href` of the next page, unless this is the last.
    pub(crate) next: Option<String>,
}

impl Query {
    /// The page asked for, of `records`, which come newest first.
    pub(crate) fn page_of<R: Filterable>(
        &self,
        resource: Resource,
        records: impl Iterator<Item = R>,
        href_repeats_filters: bool,
    ) -> Page<R> {
        let matches = records.filter(|record| self.matches(record));
        // One more than wanted tells whether there is a next page.
        let wanted = self.limit + 1;
        let mut items: Vec<R> = matches.skip(self.offset).take(wanted).collect();
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        let next = more
            .then(|| self.params.href(resource, self.offset + self.limit, href_repeats_filters));
        Page { items, next }
    }
}
