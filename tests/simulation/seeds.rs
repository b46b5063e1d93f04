//! Many histories, each alone in a thread of its own.

use crate::history::History;
use crate::judge::{Summary, judge};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const SEEDS: u64 = 200;

/// Histories at a time, for each processor: some of them wait for a socket that hangs.
const AT_A_TIME: usize = 5;

/// Longer than any history takes in real time, also on a busy machine.
const LIMIT: Duration = Duration::from_secs(300);

#[test]
fn whatever_happens_each_failed_run_is_retriggered_until_it_heals_and_never_twice() {
    if let Some(seed) = variable("FLOWMEND_WEEKS_SEED") {
        let (told, verdict) = play(seed);
        told.iter().for_each(|line| println!("{line}"));
        println!("{verdict:?}");
        verdict.unwrap_or_else(|wrong| panic!("{}", complaint(seed, &wrong)));
        return;
    }
    let seeds = variable("FLOWMEND_WEEKS_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(0);
    let verdicts = Mutex::new(Vec::new());
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..processors * AT_A_TIME {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    let (_, verdict) = play(seed);
                    verdicts.lock().unwrap().push((seed, verdict));
                }
            });
        }
    });
    let mut verdicts = verdicts.into_inner().unwrap();
    verdicts.sort_by_key(|(seed, _)| *seed);
    let total = verdicts.iter().filter_map(|(_, verdict)| verdict.as_ref().ok());
    let total = total.fold(Summary::default(), |sum, one| sum.plus(one));
    println!("{seeds} histories: {total:?}");
    let wrong = verdicts.iter().filter_map(|(seed, verdict)| Some((seed, verdict.as_ref().err()?)));
    let wrong: Vec<String> = wrong.map(|(seed, wrong)| complaint(*seed, wrong)).collect();
    assert!(wrong.is_empty(), "{} of {seeds} failed\n{}", wrong.len(), wrong.join("\n"));
    if seeds >= SEEDS {
        let lively = total.crashes > 500
            && total.doubts > 500
            && total.recovered > 1_000
            && total.deeds > 1_000;
        assert!(lively, "too little happened to prove anything: {total:?}");
    }
}

fn complaint(seed: u64, wrong: &str) -> String {
    let again = format!("FLOWMEND_WEEKS_SEED={seed} cargo test --test simulation");
    format!("seed {seed} failed: {wrong}\nreproduce: {again}\n")
}

/// Plays one history; gives what happened and what is wrong with it.
fn play(seed: u64) -> (Vec<String>, Result<Summary, String>) {
    let told = Mutex::new(Vec::new());
    let verdict = catch_unwind(AssertUnwindSafe(|| {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build().unwrap();
        runtime.block_on(async {
            let mut history = History::new(seed).await;
            let played = tokio::time::timeout(LIMIT, history.play()).await;
            let played = played.unwrap_or_else(|_| Err("it does not end".to_owned()));
            let verdict = match played {
                Ok(()) => judge(&history).await,
                Err(wrong) => Err(wrong),
            };
            *told.lock().unwrap() = history.told;
            verdict
        })
    }));
    let verdict = verdict.unwrap_or_else(|_| Err("a panic, see above".to_owned()));
    (told.into_inner().unwrap(), verdict)
}

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no whole number")))
}
