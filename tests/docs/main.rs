//! The documents say what the program says, and the house is built as they say.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod architecture;
mod monitoring;

use clap::CommandFactory;
use flowmend::domain::model::journal::Event;
use flowmend::domain::model::reason::Reason;
use std::collections::BTreeSet;
use std::path::Path;
use syn::visit::Visit;

const LOGGING: &str = include_str!("../../docs/LOGGING.md");

const PAGES: [(&str, &str); 9] = [
    ("README", include_str!("../../README.md")),
    ("CONTRIBUTING", include_str!("../../CONTRIBUTING.md")),
    ("CHANGELOG", include_str!("../../CHANGELOG.md")),
    ("ARCHITECTURE", include_str!("../../docs/ARCHITECTURE.md")),
    ("LOGGING", LOGGING),
    ("POLICY", include_str!("../../docs/POLICY.md")),
    ("STORE", include_str!("../../docs/STORE.md")),
    ("ADOBE", include_str!("../../docs/ADOBE.md")),
    ("OPERATIONS", include_str!("../../docs/OPERATIONS.md")),
];

#[test]
fn every_message_that_can_be_logged_is_listed_in_the_logging_page() {
    let mut messages = Messages::default();
    collect(Path::new("src"), &mut messages);
    assert!(messages.0.len() > 15, "the messages were found");
    let known: Vec<String> = Event::ALL.iter().map(|event| event.message().to_owned()).collect();
    for message in messages.0.iter().chain(&known) {
        // What comes after the first clause is advice; the page may cut it.
        let head = message.split([';', ':', '{']).next().unwrap().trim();
        assert!(head.is_empty() || LOGGING.contains(head), "not in LOGGING.md: {message}");
    }
}

#[test]
fn every_reason_is_explained_in_the_logging_page_in_its_own_words() {
    for reason in Reason::ALL {
        let row = format!("| `{reason}` | {} |", reason.explanation());
        assert!(LOGGING.contains(&row), "LOGGING.md lacks the row\n{row}");
    }
}

#[test]
fn every_setting_that_a_page_names_exists() {
    let settings = Settings::of(flowmend::settings::DEFAULT_TOML);
    let mut named = 0;
    for (page, text) in PAGES {
        for code in inline_code(text) {
            let Some(known) = settings.knows(code) else { continue };
            assert!(known, "{page} names `{code}`, which the reference does not have");
            named += 1;
        }
        let mut table = String::new();
        for line in fenced(text, "toml").chain(fenced(text, "sh")) {
            if let Some(name) = table_name(line) {
                name.clone_into(&mut table);
            } else if let Some((key, _)) = line.split_once(" = ") {
                // `retry.max_attempts` in a rule is any key of `[retry]`.
                let key = key.trim();
                let key = if key.contains('.') { key } else { &format!("{table}.{key}") };
                assert!(settings.keys.contains(key), "{page} sets {key}, which does not exist");
                named += 1;
            }
        }
    }
    assert!(named > 100, "the settings were found: {named}");
}

#[test]
fn every_command_and_option_that_a_page_names_exists() {
    let program = flowmend::cli::Cli::command();
    let mut named = 0;
    for (page, text) in PAGES {
        let lines = inline_code(text).chain(fenced(text, "sh"));
        for line in lines.flat_map(|line| line.split(['|', '&', '#'])) {
            let mut words = line.split_whitespace().skip_while(|word| *word != "flowmend").skip(1);
            let Some(name) = words.next().filter(|word| word.starts_with(char::is_alphabetic))
            else {
                continue;
            };
            let Some(command) = program.find_subcommand(name) else {
                // A message, or `docker build -t flowmend .` and the like.
                let is_command = line.trim_start().starts_with("flowmend");
                assert!(!is_command || line == "flowmend started", "{page}: {line}");
                continue;
            };
            named += 1;
            for option in words.filter_map(|word| word.strip_prefix("--")) {
                let exists = command.get_arguments().chain(program.get_arguments());
                let exists = exists.filter_map(|it| it.get_long()).any(|it| it == option);
                assert!(exists, "{page}: `{}` has no --{option}", line.trim());
            }
        }
    }
    assert!(named > 40, "the commands were found: {named}");
}

#[test]
fn the_page_on_adobe_lists_the_assumptions_that_the_probe_verifies() {
    let page = include_str!("../../docs/ADOBE.md");
    let rows = page.lines().skip_while(|line| !line.starts_with("| Assumption |")).skip(2);
    let rows: Vec<(String, String)> = rows
        .take_while(|line| line.starts_with('|'))
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
            assert_eq!(cells.len(), 3, "{row}");
            (cells[0].to_owned(), cells[2].replace('`', ""))
        })
        .collect();
    let expected = flowmend::flow_service::Assumption::ALL.iter().map(|assumption| {
        let settings = match assumption.settings() {
            [] => "none".to_owned(),
            settings => settings.join(", "),
        };
        (assumption.sentence().to_owned(), settings)
    });
    assert_eq!(rows, expected.collect::<Vec<_>>());
}

#[test]
fn the_policy_page_lists_the_built_in_rules_in_their_order() {
    let quoted = |line: &str, key: &str| {
        Some(line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"')?.to_owned())
    };
    let rules = flowmend::settings::DEFAULT_TOML.split("\n[[builtin_rule]]\n").skip(1);
    let rules: Vec<(String, String)> = rules
        .map(|rule| {
            let find = |key| rule.lines().find_map(|line| quoted(line, key)).unwrap();
            (find("name"), find("action"))
        })
        .collect();
    let page = include_str!("../../docs/POLICY.md");
    let rows = page.lines().skip_while(|line| *line != "| rule | failures | action |").skip(2);
    let rows: Vec<(String, String)> = rows
        .take_while(|line| line.starts_with('|'))
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let action = cells[3].split([' ', ':', ',']).next().unwrap();
            (cells[1].to_owned(), action.to_owned())
        })
        .collect();
    assert_eq!(rows, rules);
}

#[test]
fn every_file_that_a_page_names_exists() {
    let mut named = 0;
    for (page, text) in PAGES {
        let roots = ["src/", "tests/", "docs/", "config/", "deploy/", "benches/"];
        let files =
            inline_code(text).filter(|code| roots.iter().any(|root| code.starts_with(root)));
        for file in files.filter(|code| !code.contains("NNNN")) {
            let path = file.split_whitespace().next().unwrap();
            assert!(Path::new(path).exists(), "{page} names {path}, which does not exist");
            named += 1;
        }
    }
    assert!(named > 40, "the files were found: {named}");
}

#[test]
fn the_same_version_of_rust_is_named_everywhere() {
    let after = |text: &str, mark: &str| -> String {
        let rest = text.split_once(mark).unwrap_or_else(|| panic!("{mark} is there")).1;
        rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect()
    };
    let minimum = after(include_str!("../../Cargo.toml"), "rust-version = \"");
    assert_eq!(after(include_str!("../../Dockerfile"), "library/rust:"), minimum);
    assert_eq!(after(include_str!("../../README.md"), "(https://rustup.rs) "), minimum);
    let toolchain = after(include_str!("../../rust-toolchain.toml"), "channel = \"");
    assert_eq!(toolchain, format!("{minimum}.0"));
}

/// The tables of the reference and their keys, `table.key`.
struct Settings {
    tables: BTreeSet<String>,
    keys: BTreeSet<String>,
}

impl Settings {
    /// Reads the defaults file; a list of tables is shown there in comments.
    fn of(reference: &str) -> Self {
        let (mut tables, mut keys) = (BTreeSet::new(), BTreeSet::new());
        let mut table = String::new();
        for line in reference.lines().map(|line| line.trim_start_matches(['#', ' '])) {
            if let Some(name) = table_name(line) {
                name.clone_into(&mut table);
                tables.insert(table.clone());
            } else if let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| is_key(key)) {
                keys.insert(format!("{table}.{key}"));
            }
        }
        Self { tables, keys }
    }

    /// Whether the setting that `code` names exists; `None` if it names no setting.
    fn knows(&self, code: &str) -> Option<bool> {
        if let Some(name) = table_name(code) {
            return Some(self.tables.contains(name));
        }
        if let Some(variable) = code.strip_prefix("FLOWMEND__") {
            let key = variable.split('=').next()?.replace("__", ".").to_lowercase();
            return Some(self.keys.contains(&key));
        }
        let (key, assigned) = code.split_once(" = ").map_or((code, false), |(key, _)| (key, true));
        let table = key.split('.').next()?;
        match key.contains('.') {
            true if self.tables.contains(table) && is_key(key) => Some(self.keys.contains(key)),
            false if assigned => {
                let ending = format!(".{key}");
                let is_key = self.keys.iter().any(|it| it.ends_with(&ending));
                Some(is_key || self.tables.contains(key))
            }
            _ => None,
        }
    }
}

fn table_name(line: &str) -> Option<&str> {
    let inside = line.trim().strip_prefix('[')?.strip_suffix(']')?;
    let name = inside.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(inside);
    is_key(name).then_some(name)
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || "_.".contains(c))
}

/// What stands between single backticks, outside of code blocks.
fn inline_code(page: &str) -> impl Iterator<Item = &str> {
    let prose = page.split("```").step_by(2);
    prose.flat_map(|text| text.split('`').skip(1).step_by(2))
}

/// The lines of the code blocks in one language.
fn fenced<'a>(page: &'a str, language: &str) -> impl Iterator<Item = &'a str> {
    let blocks = page.split("```").skip(1).step_by(2);
    blocks.filter_map(move |block| block.trim_start().strip_prefix(language)).flat_map(str::lines)
}

/// The literal message of each logging macro: its last string.
#[derive(Default)]
struct Messages(Vec<String>);

impl<'ast> Visit<'ast> for Messages {
    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        let name = called.path.segments.last().unwrap().ident.to_string();
        let from_tracing = called.path.segments.first().unwrap().ident == "tracing";
        if from_tracing && ["error", "warn", "info", "debug"].contains(&name.as_str()) {
            let texts = called.tokens.clone().into_iter().filter_map(|token| {
                syn::parse2::<syn::LitStr>(token.into()).ok().map(|text| text.value())
            });
            self.0.extend(texts.last());
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !item.attrs.iter().any(|attribute| attribute.path().is_ident("cfg")) {
            syn::visit::visit_item_mod(self, item);
        }
    }
}

fn collect(folder: &Path, messages: &mut Messages) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, messages);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            messages
                .visit_file(&syn::parse_file(&std::fs::read_to_string(&path).unwrap()).unwrap());
        }
    }
}
