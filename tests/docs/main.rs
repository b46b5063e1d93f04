//! The documents say what the program says, and the house is built as they say.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod architecture;

use flowmend::domain::model::journal::Event;
use flowmend::domain::model::reason::Reason;
use std::path::Path;
use syn::visit::Visit;

const LOGGING: &str = include_str!("../../docs/LOGGING.md");

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
fn the_readme_names_no_setting_that_does_not_exist() {
    let readme = include_str!("../../README.md");
    let default = flowmend::settings::DEFAULT_TOML;
    for key in ["max_attempts", "max_elapsed_time", "lookback", "credentials_file", "exclude"] {
        assert!(readme.contains(key) && default.contains(key), "{key}");
    }
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
