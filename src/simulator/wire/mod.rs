//! What Flow Service sends, as JSON.
//!
//! These types follow Adobe's examples and share no code with the client, so that a misreading in one
//! does not hide a misreading in the other.

mod flow;
mod run;
mod spec;
#[cfg(test)]
mod tests;
pub(crate) mod view;

use serde::Serialize;
use serde_json::{Value, json};

pub(super) use flow::FlowItem;
pub(super) use run::RunItem;
pub(super) use spec::spec_item;

/// The wrapper of every list and, mostly, of single resources too.
#[derive(Serialize)]
pub(super) struct List<T> {
    items: Vec<T>,
    #[serde(rename = "_links")]
    links: Links,
}

/// `{}` on the last page.
#[derive(Default, Serialize)]
struct Links {
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Link>,
}

#[derive(Serialize)]
struct Link {
    href: String,
}

impl<T> List<T> {
    pub(super) fn new(items: Vec<T>, next: Option<String>) -> Self {
        Self { items, links: Links { next: next.map(|href| Link { href }) } }
    }
}

/// The answer to `GET` of one resource: a list of one, unless the quirks ask for the bare object.
pub(super) fn single(item: impl Serialize, bare: bool) -> Value {
    if bare { json!(item) } else { json!(List::new(vec![item], None)) }
}

/// The id and version of a spec, as flows and runs refer to it.
#[derive(Serialize)]
struct SpecRef {
    id: &'static str,
    version: &'static str,
}

impl SpecRef {
    fn new(id: &'static str) -> Self {
        Self { id, version: "1.0" }
    }
}
