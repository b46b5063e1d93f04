//! The house rules of `docs/ARCHITECTURE.md`, kept true by reading the source.
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use syn::visit::Visit;

/// Which module may name which others. A module not listed here may not exist. `src/lib.rs` and
/// `docs/ARCHITECTURE.md` show the same picture.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain::model", &[]),
    ("domain::policy", &["domain::model"]),
    ("domain::recovery", &["domain::model", "domain::policy"]),
    ("domain::plan", &["domain::model", "domain::policy", "domain::recovery"]),
    ("domain", &[]),
    ("backtest", &["domain"]),
    ("clock", &[]),
    ("backoff", &[]),
    ("telemetry", &["settings"]),
    ("store", &["domain"]),
    ("flow_service", &["domain", "clock", "backoff"]),
    ("settings", &["domain", "flow_service"]),
    ("metrics", &["domain"]),
    ("daemon", &["domain", "store", "flow_service", "settings", "metrics", "clock", "telemetry"]),
    ("overview", &["domain", "store", "settings"]),
    ("http", &["daemon", "metrics"]),
    ("simulator", &["clock"]),
    ("cli", &["domain"]),
    (
        "commands",
        &[
            "backtest",
            "cli",
            "clock",
            "daemon",
            "domain",
            "flow_service",
            "http",
            "metrics",
            "overview",
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
    let house = House::read();
    let mut wrong = Vec::new();
    for file in &house.files {
        let module = file.top_module();
        let allowed = ARROWS.iter().find(|(name, _)| *name == module);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("{module} is not in ARROWS"));
        for target in house.named_by(file).iter().map(|file| file.top_module()) {
            let whole = target.split("::").next().unwrap();
            if target != module && !allowed.contains(&target.as_str()) && !allowed.contains(&whole)
            {
                wrong.push(format!("{} names {target}", file.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_pictures_show_these_arrows_and_no_others() {
    let arrows: BTreeMap<String, BTreeSet<String>> = ARROWS
        .iter()
        .filter(|(_, named)| !named.is_empty())
        .map(|(name, named)| (name.to_string(), named.iter().map(|it| it.to_string()).collect()))
        .collect();
    for page in ["src/lib.rs", "docs/ARCHITECTURE.md"] {
        assert_eq!(picture(&std::fs::read_to_string(page).unwrap()), arrows, "{page}");
    }
}

/// The lines `module → a, b, c` of the first text block; a line may go on in the next one.
fn picture(page: &str) -> BTreeMap<String, BTreeSet<String>> {
    let lines = page.lines().map(|line| line.trim_start_matches("//!").trim());
    let block = lines.skip_while(|line| *line != "```text").skip(1);
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut module = String::new();
    for line in block.take_while(|line| *line != "```") {
        let named = line.split_once(" → ").map_or(line, |(name, named)| {
            name.clone_into(&mut module);
            named
        });
        let named = named.split(',').map(|it| it.trim().to_owned()).filter(|it| !it.is_empty());
        arrows.entry(module.clone()).or_default().extend(named);
    }
    arrows
}

#[test]
fn no_files_name_each_other_in_a_circle() {
    let house = House::read();
    let arrows: BTreeMap<&Path, BTreeSet<&Path>> = house
        .files
        .iter()
        .map(|file| {
            let named = house.named_by(file).into_iter().map(|it| it.path.as_path());
            (file.path.as_path(), named.collect())
        })
        .collect();
    let in_circle = |path: &&Path| reached(&arrows, path).contains(path);
    let circles: Vec<_> = arrows.keys().copied().filter(in_circle).collect();
    assert!(circles.is_empty(), "these files are in circles: {circles:#?}");
}

/// The files that `path` leads to in one step or more.
fn reached<'a>(arrows: &BTreeMap<&'a Path, BTreeSet<&'a Path>>, path: &Path) -> BTreeSet<&'a Path> {
    let mut reached = BTreeSet::new();
    let mut ahead = vec![path];
    while let Some(next) = ahead.pop() {
        for named in &arrows[next] {
            if reached.insert(*named) {
                ahead.push(named);
            }
        }
    }
    reached
}

#[test]
fn the_core_knows_no_io_no_clock_and_no_chance() {
    let mut wrong = Vec::new();
    for file in sources().into_iter().filter(|file| file.top_module().starts_with("domain")) {
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
        ("reqwest", vec!["src/flow_service", "src/http/ask.rs"]),
        ("sqlx", vec!["src/store"]),
        ("axum", vec!["src/simulator", "src/http"]),
        ("prometheus_client", vec!["src/metrics/"]),
        ("config", vec!["src/settings", "src/simulator/scenarios"]),
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

/// All production files, by their module.
struct House {
    files: Vec<Source>,
    by_module: BTreeMap<Vec<String>, usize>,
}

impl House {
    fn read() -> Self {
        let files = sources();
        let modules = files.iter().enumerate().map(|(at, file)| (file.module(), at));
        let by_module = modules.collect();
        Self { files, by_module }
    }

    /// The files that `file` imports from or names in a path.
    fn named_by(&self, file: &Source) -> Vec<&Source> {
        let named = file.crate_paths().into_iter().filter_map(|path| self.home_of(&path));
        // A module names itself by the paths to its own items.
        named.filter(|named| named.path != file.path).collect()
    }

    /// The file of the innermost module on `path`.
    fn home_of(&self, path: &[String]) -> Option<&Source> {
        let ends = (1..=path.len()).rev();
        ends.filter_map(|end| self.by_module.get(&path[..end])).map(|at| &self.files[*at]).next()
    }
}

impl Source {
    /// `src/daemon/pass.rs` is `["daemon", "pass"]`.
    fn module(&self) -> Vec<String> {
        let inside = self.path.strip_prefix("src").unwrap().with_extension("");
        let parts = inside.components().map(|it| it.as_os_str().to_str().unwrap().to_owned());
        parts.filter(|part| part != "mod").collect()
    }

    /// The top-level module of the file, or its module of the core.
    fn top_module(&self) -> String {
        let module = self.module();
        let depth = if module[0] == "domain" { 2 } else { 1 };
        module[..depth.min(module.len())].join("::")
    }

    /// Every path the file names, with its first segment; test modules are left out.
    fn paths(&self) -> Vec<(String, String)> {
        let mut paths = Paths::default();
        paths.visit_file(&self.syntax);
        paths.found.into_iter().map(|path| (path[0].clone(), path.join("::"))).collect()
    }

    /// The paths into this crate, from its root. What a file only hands on (`pub use`) is left out.
    fn crate_paths(&self) -> Vec<Vec<String>> {
        let mut paths = Paths { skips_reexports: true, ..Paths::default() };
        paths.visit_file(&self.syntax);
        paths.found.into_iter().filter_map(|path| self.resolved(path)).collect()
    }

    fn resolved(&self, path: Vec<String>) -> Option<Vec<String>> {
        let module = self.module();
        let ups = path.iter().take_while(|part| *part == "super").count();
        match path[0].as_str() {
            "crate" | "flowmend" => Some(path[1..].to_vec()),
            "self" => Some([&module, &path[1..]].concat()),
            "super" => {
                let above = module.len().checked_sub(ups)?;
                Some([&module[..above], &path[ups..]].concat())
            }
            // A child module, if there is one of that name.
            child => {
                let is_child = self.children().iter().any(|it| it == child);
                is_child.then(|| [module.as_slice(), path.as_slice()].concat())
            }
        }
    }

    fn children(&self) -> Vec<String> {
        let modules = self.syntax.items.iter().filter_map(|item| match item {
            syn::Item::Mod(module) if module.content.is_none() => Some(module.ident.to_string()),
            _ => None,
        });
        modules.collect()
    }
}

#[derive(Default)]
struct Paths {
    found: Vec<Vec<String>>,
    skips_reexports: bool,
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
        let is_private = matches!(item.vis, syn::Visibility::Inherited);
        if is_private || !self.skips_reexports {
            self.walk(&[], &item.tree);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let test = item.attrs.iter().any(|attribute| attribute.path().is_ident("cfg"));
        if !test {
            syn::visit::visit_item_mod(self, item);
        }
    }

    // `pub(in crate::domain)` names no one.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

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
