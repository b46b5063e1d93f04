//! `[[sandbox]]`: the sandboxes that flowmend serves, and which of their dataflows.

use crate::domain::model::ids::SandboxName;
use crate::domain::policy::rule::Scope;
use crate::settings::pattern::Pattern;
use crate::settings::read::origin::Origin;
use crate::settings::read::report::Report;
use crate::settings::read::section::{Section, read_list};
use crate::settings::read::text::{is_header_value, nearest, quoted};
use config::{Map, Value};

const MISSING: &str = "no sandbox configured; add [[sandbox]] with name = \"prod\", or set \
    FLOWMEND__SANDBOX=prod";

/// One `[[sandbox]]`.
#[derive(Debug, Clone)]
pub struct SandboxSettings {
    /// Its name, sent as `x-sandbox-name`. `FLOWMEND__SANDBOX=prod,dev` names several.
    pub name: SandboxName,
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

impl SandboxSettings {
    /// Whether dataflows besides `known` (ids and names) may be selected: by a glob, or by a pattern
    /// that matches none of them.
    pub fn may_select_more<'k>(
        &self,
        known: impl Iterator<Item = (&'k str, &'k str)> + Clone,
    ) -> bool {
        self.include.iter().any(|pattern| {
            pattern.is_glob() || !known.clone().any(|(id, name)| pattern.matches(id, name))
        })
    }

    /// Whether the dataflow is included by its id or name, and not excluded by either. One without a
    /// name may be one that is excluded by its name.
    pub fn selects(&self, flow_id: &str, name: &str) -> bool {
        let included = self.include.iter().any(|pattern| pattern.matches(flow_id, name));
        let may_be_excluded = name.is_empty() && !self.exclude.is_empty();
        included && !may_be_excluded && !self.excludes(flow_id, name)
    }

    /// Whether the dataflow is excluded by its id or name.
    pub fn excludes(&self, flow_id: &str, name: &str) -> bool {
        self.exclude.iter().any(|pattern| pattern.matches(flow_id, name))
    }

    /// The patterns that match none of `flows` (ids and names), each with its key.
    pub fn unmatched<'s>(
        &'s self,
        flows: &'s [(String, String)],
    ) -> impl Iterator<Item = (&'static str, &'s str)> {
        let keyed = |key, patterns: &'s [Pattern]| patterns.iter().map(move |it| (key, it));
        let all = keyed("include", &self.include).chain(keyed("exclude", &self.exclude));
        all.filter(|(_, it)| !flows.iter().any(|(id, name)| it.matches(id, name)))
            .map(|(key, it)| (key, it.as_str()))
    }
}

/// Reads all `[[sandbox]]`; faulty ones are skipped.
pub(crate) fn read_all(
    lists: &mut Map<String, Value>,
    report: &mut Report,
) -> Vec<SandboxSettings> {
    let origin = lists.get("sandbox").map_or(Origin::Unset, Origin::of);
    let (mut sandboxes, mut is_configured) = (Vec::<SandboxSettings>::new(), false);
    read_list("sandbox", "name", lists, report, |section| {
        is_configured = true;
        let Some(sandbox) = read(section) else { return };
        if sandboxes.iter().any(|other| other.name == sandbox.name) {
            section.fault("name", "must be unique; put both selections into one [[sandbox]]");
        }
        sandboxes.push(sandbox);
    });
    if !is_configured {
        report.missing("sandbox", origin, MISSING);
    }
    sandboxes
}

fn read(section: &mut Section<'_>) -> Option<SandboxSettings> {
    section.require("name", "set the sandbox's name, such as \"prod\"");
    let name = section.parsed("name", sandbox_name);
    section.list_by_default("include", &["*"]);
    let include = section.list("include", Pattern::parse);
    section.list_by_default("exclude", &[]);
    let exclude = section.list("exclude", Pattern::parse);
    if include.as_ref().is_some_and(|read| read.value.is_empty()) {
        section.report.warn(format!("{}.include = []: selects no dataflow at all", section.name));
    }
    Some(SandboxSettings { name: name?, include: include?.value, exclude: exclude?.value })
}

fn sandbox_name(text: &str) -> Result<SandboxName, String> {
    if text == "*" {
        return Err("must be one sandbox, not \"*\"; add a [[sandbox]] for each".into());
    }
    if text.is_empty() || !is_header_value(text) {
        return Err(format!(
            "{} is not a valid sandbox name; use the name that Adobe shows for it, not the title",
            quoted(text)
        ));
    }
    Ok(SandboxName::new(text))
}

/// The one of `sandboxes` that is called `name`; the error is a complete message.
pub(crate) fn known(name: &str, sandboxes: &[SandboxSettings]) -> Result<SandboxName, String> {
    let names = sandboxes.iter().map(|sandbox| &sandbox.name);
    if let Some(known) = names.clone().find(|known| known.as_str() == name) {
        return Ok(known.clone());
    }
    Err(match nearest(name, names.map(SandboxName::as_str)) {
        Some(near) => {
            format!("no [[sandbox]] is called {}; did you mean \"{near}\"?", quoted(name))
        }
        None => format!("no [[sandbox]] is called {}; add it, or remove this key", quoted(name)),
    })
}

/// Reads the keys `sandbox` and `dataflow`, which limit what a table applies to.
pub(crate) fn read_scope(section: &mut Section<'_>, sandboxes: &[SandboxSettings]) -> Scope {
    let sandbox = section.parsed("sandbox", |name| known(name, sandboxes));
    let dataflow = section.parsed("dataflow", Pattern::parse);
    Scope { sandbox, dataflow: dataflow.map(|pattern| pattern.matcher()) }
}
