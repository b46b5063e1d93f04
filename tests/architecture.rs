//! The house rules of `docs/ARCHITECTURE.md`, kept true by reading the source.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use syn::visit::Visit;

/// Which module of the crate may name which others. A module not listed here may not exist.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("clock", &[]),
    ("backoff", &[]),
    ("telemetry", &["settings"]),
    ("store", &["domain"]),
    ("flow_service", &["domain", "clock", "backoff"]),
    ("settings", &["domain", "flow_service"]),
    ("daemon", &["domain", "store", "flow_service", "settings", "clock", "telemetry"]),
    ("metrics", &[]),
    ("http", &["metrics"]),
    ("simulator", &["clock"]),
    ("cli", &["domain"]),
    (
        "commands",
        &[
            "cli",
            "clock",
            "daemon",
            "domain",
            "flow_service",
            "http",
            "metrics",
            "settings",
            "simulator",
            "store",
            "telemetry",
        ],
    ),
    ("lib", &[]),
    ("main", &["cli", "commands", "telemetry"]),
];

/// What the pure core may use besides itself.
const DOMAIN_CRATES: &[&str] = &["std", "serde", "thiserror", "jiff"];

/// Lines of code, tests and comments of one file.
const LONGEST_FILE: usize = 450;

#[test]
fn the_arrows_between_modules_point_one_way() {
    let mut wrong = Vec::new();
    for file in sources() {
        let module = file.module();
        let allowed = ARROWS.iter().find(|(name, _)| *name == module);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("{module} is not part of the house"));
        for target in file.crate_modules() {
            if target != module && !allowed.contains(&target.as_str()) {
                wrong.push(format!("{} names {target}", file.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_core_knows_no_io_no_clock_and_no_chance() {
    let mut wrong = Vec::new();
    for file in sources().into_iter().filter(|file| file.module() == "domain") {
        for (root, path) in file.paths() {
            let foreign = !["crate", "super", "self", "Self"].contains(&root.as_str())
                && external_crates().contains(&root)
                && !DOMAIN_CRATES.contains(&root.as_str());
            let impure =
                ["std::fs", "std::net", "std::env", "std::thread", "std::io", "std::process"]
                    .iter()
                    .any(|banned| path.starts_with(banned))
                    || path.ends_with("Timestamp::now")
                    || path.ends_with("Instant::now")
                    || path.ends_with("SystemTime::now");
            if foreign || impure {
                wrong.push(format!("{} names {path}", file.path.display()));
            }
        }
        assert!(!file.text.contains("async "), "{} is asynchronous", file.path.display());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn contained_crates_are_named_in_one_place_only() {
    let homes = BTreeMap::from([
        ("backoff", vec!["src/backoff.rs"]),
        ("reqwest", vec!["src/flow_service"]),
        ("sqlx", vec!["src/store"]),
        ("axum", vec!["src/simulator", "src/http"]),
        ("prometheus_client", vec!["src/metrics.rs"]),
        ("config", vec!["src/settings", "src/simulator/scenario.rs"]),
        ("sd_notify", vec!["src/commands"]),
    ]);
    // A URL and a header are values, not requests; `flowmend config` is a module named like the crate.
    let exempt = |path: &str| {
        path.starts_with("reqwest::Url")
            || path.starts_with("reqwest::header::HeaderValue")
            || path == "config::config"
    };
    for file in sources() {
        for (root, path) in file.paths() {
            if let Some(homes) = homes.get(root.as_str()) {
                let at_home = homes.iter().any(|home| file.path.starts_with(home));
                let shown = file.path.display();
                assert!(at_home || exempt(&path), "{shown} names {path}; it belongs to {homes:?}");
            }
        }
    }
}

#[test]
fn a_file_has_one_noun_in_it() {
    for file in sources() {
        let lines = file.text.lines().count();
        assert!(lines <= LONGEST_FILE, "{} has {lines} lines", file.path.display());
    }
}

#[test]
fn production_code_has_no_test_paths() {
    for file in sources() {
        let code = file.text.replace("#[cfg(test)]\nmod ", "");
        assert!(!code.contains("cfg(test)"), "{} runs other code in tests", file.path.display());
        assert!(!code.contains("cfg!(test)"), "{} runs other code in tests", file.path.display());
    }
}

struct Source {
    path: PathBuf,
    text: String,
    syntax: syn::File,
}

impl Source {
    /// The top-level module the file belongs to: `src/daemon/pass.rs` is `daemon`.
    fn module(&self) -> String {
        let inside = self.path.strip_prefix("src").unwrap();
        let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
        first.trim_end_matches(".rs").to_owned()
    }

    /// Every path the file names, with its first segment; test modules are left out.
    fn paths(&self) -> Vec<(String, String)> {
        let mut paths = Paths::default();
        paths.visit_file(&self.syntax);
        paths.found.into_iter().map(|path| (path[0].clone(), path.join("::"))).collect()
    }

    fn crate_modules(&self) -> BTreeSet<String> {
        let mut paths = Paths::default();
        paths.visit_file(&self.syntax);
        let inside = |path: &Vec<String>| {
            ["crate", "flowmend"].contains(&path[0].as_str()).then(|| path.get(1).cloned())?
        };
        paths.found.iter().filter_map(inside).collect()
    }
}

#[derive(Default)]
struct Paths {
    found: Vec<Vec<String>>,
}

impl Paths {
    fn walk(&mut self, prefix: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [prefix, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.walk(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.found.push(with(&name.ident)),
            syn::UseTree::Rename(name) => self.found.push(with(&name.ident)),
            syn::UseTree::Glob(_) => self.found.push(prefix.to_vec()),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.walk(prefix, tree));
            }
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.walk(&[], &item.tree);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let test = item.attrs.iter().any(|attribute| attribute.path().is_ident("cfg"));
        if !test {
            syn::visit::visit_item_mod(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            self.found.push(path.segments.iter().map(|part| part.ident.to_string()).collect());
        }
        syn::visit::visit_path(self, path);
    }
}

fn external_crates() -> BTreeSet<String> {
    let manifest = std::fs::read_to_string("Cargo.toml").unwrap();
    let names = manifest.lines().filter_map(|line| line.split_once(" = "));
    let mut crates: BTreeSet<String> =
        names.map(|(name, _)| name.trim().replace('-', "_")).collect();
    crates.insert("std".to_owned());
    crates
}

fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    collect(Path::new("src"), &mut files);
    assert!(files.len() > 10, "the tests run in the crate's own folder");
    files
}

fn collect(folder: &Path, files: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.file_stem().is_some_and(|name| name == "tests") {
            // The tests of a module, in a file or folder beside it.
        } else if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let syntax = syn::parse_file(&text).unwrap();
            files.push(Source { path, text, syntax });
        }
    }
}
