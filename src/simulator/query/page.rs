//! Pages of matches.
//!
//! Pages are not a snapshot. As in the real service, a page is "skip N of the newest", so a record
//! that is created between two requests pushes another one onto both pages. A client must remove
//! duplicates; it misses nothing.

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
    /// The page of `records` that the query asks for; `records` are newest first.
    pub(crate) fn page_of<R: Filterable>(
        &self,
        resource: Resource,
        records: impl Iterator<Item = R>,
        href_repeats_filters: bool,
    ) -> Page<R> {
        let matches = records.filter(|record| self.matches(record));
        // One more than the limit shows whether there is a next page.
        let wanted = self.limit + 1;
        let mut items: Vec<R> = matches.skip(self.offset).take(wanted).collect();
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        let next = more
            .then(|| self.params.href(resource, self.offset + self.limit, href_repeats_filters));
        Page { items, next }
    }
}
