//! `[[sandbox]]`: the sandboxes that are looked after, and which of their dataflows.

use super::credentials::is_header_value;
use super::fault::Origin;
use super::pattern::Pattern;
use super::report::Report;
use super::section::Section;
use super::text::{nearest, quoted};
use crate::domain::model::ids::SandboxName;
use crate::domain::policy::rule::Scope;
use config::{Map, Value, ValueKind};

const NEEDED: &str = "no sandbox is named, so there is nothing to look after; add [[sandbox]] with \
    name = \"prod\", or set FLOWMEND__SANDBOX=prod";

/// One `[[sandbox]]`.
#[derive(Debug, Clone)]
pub struct SandboxSettings {
    /// Its name, sent as `x-sandbox-name`. `FLOWMEND__SANDBOX=prod,dev` names several.
    pub name: SandboxName,
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

impl SandboxSettings {
    /// Whether dataflows may be selected besides `known`, which are ids and names: by a pattern with
    /// wildcards, or by one that none of them matches.
    pub fn may_select_more<'k>(
        &self,
        known: impl Iterator<Item = (&'k str, &'k str)> + Clone,
    ) -> bool {
        self.include.iter().any(|pattern| {
            pattern.is_glob() || !known.clone().any(|(id, name)| pattern.matches(id, name))
        })
    }

    /// Whether the dataflow is looked after: included by its id or name, and not excluded by
    /// either. Whether it can be re-triggered at all is another question.
    pub fn selects(&self, flow_id: &str, name: &str) -> bool {
        let picked_by =
            |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(flow_id, name));
        picked_by(&self.include) && !picked_by(&self.exclude)
    }
}

/// Reads all `[[sandbox]]`; those that are faulty are left out.
pub(super) fn read_all(list: Option<Value>, report: &mut Report) -> Vec<SandboxSettings> {
    let written = list.as_ref().map_or(Origin::Unset, Origin::of);
    let tables = tables(list);
    if tables.is_empty() {
        report.missing("sandbox", written, NEEDED);
    }
    let mut sandboxes: Vec<SandboxSettings> = Vec::new();
    for (index, (table, origin)) in tables.into_iter().enumerate() {
        let label = label("sandbox", "name", index, &table);
        let mut section = Section::new(&label, "[[sandbox]]", table, report);
        let sandbox = read(&mut section, &origin);
        section.finish();
        let Some(sandbox) = sandbox else { continue };
        if sandboxes.iter().any(|other| other.name == sandbox.name) {
            let message = "is named twice; put both selections into one [[sandbox]]";
            report.fault(&format!("{label}.name"), origin, message);
        }
        sandboxes.push(sandbox);
    }
    sandboxes
}

fn read(section: &mut Section<'_>, origin: &Origin) -> Option<SandboxSettings> {
    section.require("name", origin, "is missing; give the sandbox's name, such as \"prod\"");
    let name = section.text("name", is_sandbox_name);
    section.list_by_default("include", &["*"]);
    let include = patterns(section, "include");
    section.list_by_default("exclude", &[]);
    let exclude = patterns(section, "exclude");
    if include.as_ref().is_some_and(Vec::is_empty) {
        let key = section.name("include");
        section.report.warn(format!("{key} = []: selects no dataflow at all"));
    }
    Some(SandboxSettings {
        name: SandboxName::new(name?.value),
        include: include?,
        exclude: exclude?,
    })
}

fn patterns(section: &mut Section<'_>, key: &'static str) -> Option<Vec<Pattern>> {
    let texts = section.list(key, |text| Pattern::parse(text).map(|_| ()))?.value;
    texts.iter().map(|text| Pattern::parse(text).ok()).collect()
}

fn is_sandbox_name(text: &str) -> Result<(), String> {
    if text == "*" {
        return Err("\"*\" would be all sandboxes at once; add one [[sandbox]] for each".into());
    }
    if text.is_empty() || !is_header_value(text) {
        return Err(format!(
            "{} is no sandbox name; give the name (not the title) that Adobe shows for it",
            quoted(text)
        ));
    }
    Ok(())
}

/// Whether `name` is one of `sandboxes`; the error is a finished message.
pub(super) fn is_known(name: &str, sandboxes: &[SandboxSettings]) -> Result<(), String> {
    let known = || sandboxes.iter().map(|sandbox| sandbox.name.as_str());
    if known().any(|known| known == name) {
        return Ok(());
    }
    Err(match nearest(name, known()) {
        Some(near) => format!("{} is no [[sandbox]]; did you mean \"{near}\"?", quoted(name)),
        None => format!("{} is no [[sandbox]]; add it, or leave this key out", quoted(name)),
    })
}

/// Reads the keys `sandbox` and `dataflow` that say what a table is for.
pub(super) fn read_scope(section: &mut Section<'_>, sandboxes: &[SandboxSettings]) -> Scope {
    let sandbox = section.text("sandbox", |name| is_known(name, sandboxes));
    let dataflow = section.parsed("dataflow", |text, _| Pattern::parse(text));
    Scope {
        sandbox: sandbox.map(|read| SandboxName::new(read.value)),
        dataflow: dataflow.map(|pattern| pattern.matcher()),
    }
}

/// The tables of a list, as the merge left them, and where each was written.
pub(super) fn tables(list: Option<Value>) -> Vec<(Map<String, Value>, Origin)> {
    let Some(ValueKind::Array(items)) = list.map(|list| list.kind) else { return Vec::new() };
    let table = |item: Value| {
        let origin = Origin::of(&item);
        match item.kind {
            ValueKind::Table(table) => Some((table, origin)),
            _ => None,
        }
    };
    items.into_iter().filter_map(table).collect()
}

/// What a table of a list is called in messages: by the text of `key`, otherwise by its place.
pub(super) fn label(list: &str, key: &str, index: usize, table: &Map<String, Value>) -> String {
    match table.get(key).map(|value| &value.kind) {
        Some(ValueKind::String(text)) if !text.is_empty() => {
            let text: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
            format!("{list}[{text}]")
        }
        _ => format!("{list}[#{}]", index + 1),
    }
}
