//! Whether pages have the requested size, and whether the link to the next one leads on.

use super::asker::{Asker, Page};
use super::finding::Observed;
use crate::flow_service::fields::text;
use crate::flow_service::query::{self, PropertyFilter};
use crate::flow_service::text::clean;

/// The size of the small pages that are requested.
const FEW: usize = 2;

/// What a page shows that was requested with `limit`; `None` if it shows nothing.
pub(super) fn size(page: &Page, limit: usize) -> Option<Observed> {
    let items = page.items.len();
    match (items, &page.next) {
        _ if items > limit => {
            Some(Observed::Different(format!("{items} items, though {limit} were requested")))
        }
        (_, Some(_)) if items < limit => Some(Observed::Different(format!(
            "{items} items and a next page, though {limit} were requested"
        ))),
        (_, Some(_)) => Some(Observed::AsAssumed(format!("limit={limit} returns {items} items"))),
        _ => None,
    }
}

/// Follows the link of a small page of a listing that has more than [`FEW`] items: what the page's size
/// and the next page show.
pub(super) async fn follow(
    asker: &mut Asker<'_>,
    resource: &'static str,
    flow: Option<&str>,
) -> (Option<Observed>, Observed) {
    let filters: Vec<_> =
        flow.iter().map(|flow| PropertyFilter::one_of("flowId", [*flow])).collect();
    let page = match asker.page(resource, &filters, FEW, None).await {
        Ok(page) => page,
        Err(observed) => return (Some(observed.clone()), observed),
    };
    let next = next(asker, resource, flow, &filters, &page).await;
    (size(&page, FEW), Observed::of(next))
}

async fn next(
    asker: &mut Asker<'_>,
    resource: &'static str,
    flow: Option<&str>,
    filters: &[PropertyFilter],
    page: &Page,
) -> Result<Observed, Observed> {
    let different = |what: &str| Observed::Different(what.to_owned());
    let href = match &page.next {
        Some(href) => href,
        None if page.items.len() > FEW => {
            return Ok(Observed::NotSeen("there is only one page".to_owned()));
        }
        None => return Ok(different("no link to the next page, though there are more items")),
    };
    let Some(token) = query::continuation_token(href) else {
        let what = format!("the link has no continuationToken: {}", clean(href, 80));
        return Ok(Observed::Different(what));
    };
    let second = asker.page(resource, filters, FEW, Some(&token)).await?;
    let id = |item| text(item, "/id");
    let is_new = |item| !page.items.iter().any(|it| id(it) == id(item));
    if !second.items.iter().any(is_new) {
        return Ok(different("the link leads to the same page again"));
    }
    if flow.is_some_and(|flow| second.items.iter().any(|it| text(it, "/flowId") != Some(flow))) {
        return Ok(different("the next page ignores the filters"));
    }
    Ok(Observed::AsAssumed(format!("the next {} items follow", second.items.len())))
}
