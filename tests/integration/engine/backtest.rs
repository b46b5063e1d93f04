//! What the failures of the past would have been under another policy.

use crate::engine::support::process::Called;
use crate::engine::support::{App, MINUTE, Setup};

/// Three failures under the defaults, half an hour and more later: one healed by the first
/// re-trigger, one by the third, one by none.
async fn past() -> App {
    let mut app = Setup::new().today().start().await;
    for (name, heals_after) in [("crm-accounts", 1), ("erp-orders", 3), ("web-clicks", 9)] {
        let flow = app.batch_flow(name);
        app.failed_run(&flow, heals_after);
    }
    app.run_for(60 * MINUTE, MINUTE / 2).await;
    app
}

/// `flowmend backtest` with `policy` on top of what was in force.
async fn backtest(app: &App, policy: &str, more: &[&str]) -> Called {
    let directory = app.settings.store.path.parent().unwrap();
    let tried = directory.join("try.toml");
    std::fs::write(&tried, policy).unwrap();
    let files = ["layer-0.toml", "layer-1.toml", "layer-2.toml", "try.toml"]
        .map(|name| directory.join(name));
    let mut arguments = vec!["backtest"];
    for file in &files {
        arguments.extend(["--config", file.to_str().unwrap()]);
    }
    arguments.extend(more);
    let told = app.flowmend(&arguments).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    told
}

/// The line of `text` that begins with `name`, with single spaces.
#[track_caller]
fn line(text: &str, name: &str) -> String {
    let found = text.lines().find(|line| line.trim_start().starts_with(name));
    let line = found.unwrap_or_else(|| panic!("no line {name} in\n{text}"));
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn what_was_is_shown_beside_what_would_have_been() {
    let app = past().await;
    let told = backtest(&app, "[retry]\nmax_attempts = 2", &[]).await.out;
    for (name, expected) in [
        ("failures since", "+00:00: 3"),
        ("re-triggers", "re-triggers 9 5 -4"),
        ("wasted", "wasted: the new run failed 7 4 -3"),
        ("recovered", "recovered 2 1 -1"),
        ("given up", "given up 1 2 +1"),
        // What recovers no more took longest: that makes nothing faster.
        ("time to recovery, 90%", "11m 30s 2m 30s"),
        ("the 1 recovered in both, 90%", "2m 30s 2m 30s 0"),
        ("2 of 3", "would have ended differently or after more or fewer re-triggers:"),
        ("erp-orders", "erp-orders 1 of 1 3 → 2 1 → 0"),
        ("web-clicks", "web-clicks 1 of 1 5 → 2 0 → 0"),
        ("Limitations", "Limitations:"),
    ] {
        let line = line(&told, name);
        assert!(line.contains(expected), "{expected} is not in {line} of\n{told}");
    }
    assert!(!told.contains("crm-accounts"), "nothing changes for it:\n{told}");
    let (figures, _) = told.split_once("Limitations").unwrap();
    assert!(!figures.contains("unknown"), "all of it is known:\n{told}");
    assert!(told.lines().all(|line| line.chars().count() <= 100), "too wide:\n{told}");
}

#[tokio::test]
async fn the_policy_that_was_in_force_would_have_done_what_was_done() {
    let app = past().await;
    let told = backtest(&app, "", &[]).await.out;
    assert_eq!(line(&told, "re-triggers"), "re-triggers 9 9 0");
    assert!(told.contains("All would have ended as they did"), "{told}");
}

#[tokio::test]
async fn what_cannot_be_known_is_told_as_a_range() {
    let app = past().await;
    // The first re-trigger comes after the one that healed crm-accounts; that of erp-orders before
    // the one that healed it, the second after.
    let policy = "[retry]\ninitial_interval = \"3m\"\nmax_interval = \"3m\"\nmax_attempts = 2\n\
                  [[rule]]\nname = \"clicks\"\ndataflow = \"web-*\"\naction = \"hold\"";
    let told = backtest(&app, policy, &["--json"]).await.json();
    let replayed = &told["replayed"];
    assert_eq!(told["recorded"]["retriggers"], 9, "{told:#}");
    assert_eq!(replayed["held"], 1, "{told:#}");
    assert_eq!(replayed["failures"], 3);
    let [known, most] = ["recovered", "recovered_at_most"].map(|key| replayed[key].as_u64());
    assert_eq!((known, most), (Some(1), Some(2)), "{told:#}");
    let held = told["dataflows"].as_array().unwrap().iter().find(|it| it["rule"] == "clicks");
    assert_eq!(held.map(|it| it["replayed"]["retriggers"].clone()), Some(0.into()), "{told:#}");
    assert!(told["limitations"].as_array().is_some_and(|points| points.len() > 3));

    let told = backtest(&app, policy, &[]).await.out;
    assert_eq!(line(&told, "recovered"), "recovered 2 1 to 2 -1 to 0");
    assert_eq!(line(&told, "unknown"), "unknown 0 1 +1");
    assert!(told.contains("re-triggers; for 1 this is unknown:"), "{told}");
    assert!(told.lines().all(|line| line.chars().count() <= 100), "too wide:\n{told}");
    let both = line(&told, "the 1 recovered in both, median");
    assert!(both.ends_with("median 2m 30s 4m 30s +2m"), "{told}");
}

#[tokio::test]
async fn a_journal_without_failures_has_nothing_to_replay() {
    let mut app = Setup::new().today().start().await;
    app.pass().await;
    let told = backtest(&app, "", &["--since", "12h"]).await.out;
    assert!(told.ends_with("nothing to replay.\n"), "{told}");
}
