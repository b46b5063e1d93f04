//! What the command line says about itself.

use crate::support::Site;
use crate::support::process::Command;

/// Every command there is, and the words before it.
async fn every_command() -> Vec<Vec<String>> {
    let mut found = vec![Vec::new()];
    let mut next = 0;
    while let Some(words) = found.get(next).cloned() {
        next += 1;
        let help = help(&words).await;
        let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        for line in commands.take_while(|line| line.starts_with("  ")) {
            // A continued description is indented further.
            let name = line[2..].split(' ').next().unwrap_or_default();
            if !name.is_empty() && name != "help" {
                found.push([&words[..], &[name.to_owned()]].concat());
            }
        }
    }
    found
}

async fn help(words: &[String]) -> String {
    let mut args: Vec<&str> = words.iter().map(String::as_str).collect();
    args.push("--help");
    let help = Command::new(&args).run().await;
    help.exits(0);
    help.stdout
}

#[tokio::test]
async fn the_help_of_every_command_has_an_example_to_copy() {
    let commands = every_command().await;
    assert!(
        commands.len() >= 10,
        "run, once, check, demo, simulate, status, config …: {commands:?}"
    );
    let mut without = Vec::new();
    for words in commands {
        let line = ["flowmend"].into_iter().chain(words.iter().map(String::as_str));
        let line = line.collect::<Vec<&str>>().join(" ");
        let help = help(&words).await;
        let (_, after_usage) = help.split_once("Options:").unwrap_or(("", &help));
        if !after_usage.contains(&format!("\n  {line}")) {
            without.push(line);
        }
    }
    assert!(without.is_empty(), "no example in the help of {without:?}");
}

#[tokio::test]
async fn bad_usage_ends_with_2_and_says_what_would_be_right() {
    let site = Site::new().await;
    for (args, says) in [
        (&["statsu"][..], "'status'"),
        (&["run", "--dryrun"], "--dry-run"),
        (&["status", "--state", "lost"], "in_doubt"),
        (&["demo", "--for", "soon"], "--for"),
        (&["simulate", "--listen", "here"], "--listen"),
        (&["config"], "default"),
        (&[], "Usage"),
    ] {
        site.run(args).await.exits(2).complains(says);
    }
}

#[tokio::test]
async fn version_is_that_of_the_package() {
    let version = Command::new(&["--version"]).run().await;
    version.exits(0);
    assert_eq!(version.stdout, format!("flowmend {}\n", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn a_scenario_that_does_not_exist_is_answered_with_those_that_do() {
    let simulate = Command::new(&["simulate", "--listen", "127.0.0.1:0", "--scenario", "x"]);
    simulate.run().await.exits(1).complains("lost-answers");
}

/// Runs `program` with `text` in a file, if it is installed; its standard error.
fn read_by(program: &str, args: &[&str], text: &str) -> Option<String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    match std::process::Command::new(program).args(args).arg(file.path()).output() {
        Err(_) => {
            println!("skipped: {program} is not installed");
            None
        }
        Ok(output) => {
            assert!(output.status.success(), "{program}: {output:?}");
            Some(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }
}

#[tokio::test]
async fn every_shell_reads_its_completion_script() {
    for shell in ["bash", "zsh", "fish"] {
        let script = Command::new(&["completions", shell]).run().await;
        script.exits(0).prints("status").prints("given_up");
        if let Some(complaint) = read_by(shell, &["-n"], &script.stdout) {
            assert_eq!(complaint, "", "{shell}");
        }
    }
}

#[tokio::test]
async fn there_is_a_manual_page_for_each_command() {
    let page = Command::new(&["man"]).run().await;
    page.exits(0).prints(".TH flowmend 1").prints("Re\\-triggers failed batch dataflow runs");
    read_by("mandoc", &["-T", "lint", "-W", "error"], &page.stdout);
    if let Some(complaint) = read_by("man", &["--warnings", "-l"], &page.stdout) {
        assert_eq!(complaint, "");
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    Command::new(&["man", "--dir", path]).run().await.exits(0);
    for command in every_command().await {
        let name = [&["flowmend".to_owned()], &command[..]].concat().join("-");
        assert!(directory.path().join(format!("{name}.1")).exists(), "no page for {name}");
    }
}
