//! What the promise rests on: a listing that shows a run before the confirm window ends, and a call
//! that leaves well before that.

use crate::crashing_store::{Point, Step};
use crate::house::{HOUR, House, MINUTE, Process};
use crate::kit::simulator::LedgerQueries;
use crate::setting::Setting;
use flowmend::domain::model::ids::RunId;
use flowmend::domain::model::reason::Reason;
use flowmend::domain::recovery::State;
use flowmend::simulator::{Effect, Endpoint, FaultRule, FlowSetup, RunSetup, World};
use flowmend::store::Store;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn a_run_that_is_listed_within_the_confirm_window_is_found_and_not_made_twice() {
    let (accepted, state) = lose_an_answer(Setting::plain(), 4 * MINUTE).await;
    assert_eq!(accepted, 1);
    assert_eq!(state, State::Recovered { why: Reason::IssuedRunSucceeded });
}

#[tokio::test]
async fn a_run_that_is_listed_only_after_the_confirm_window_can_be_made_twice() {
    let (accepted, state) = lose_an_answer(Setting::plain(), 2 * HOUR).await;
    assert_eq!(accepted, 2, "a platform that hides a run for so long is beyond the promise");
    assert_eq!(state, State::Recovered { why: Reason::IssuedRunSucceeded });
}

#[tokio::test]
async fn a_run_that_is_listed_too_late_is_not_made_twice_where_a_person_decides() {
    let setting = Setting { hold_in_doubt: true, ..Setting::plain() };
    let (accepted, state) = lose_an_answer(setting, 2 * HOUR).await;
    assert_eq!(accepted, 1);
    assert_eq!(state, State::Held { attempt: 1, why: Reason::HeldInDoubt });
}

/// The answer to the first call for a failed run is lost, and the run it made is listed only after
/// `delay`; how many runs there are in the end, and where the recovery stands.
async fn lose_an_answer(mut setting: Setting, delay: Duration) -> (usize, State) {
    setting.quirks.listing_delay_ms = u64::try_from(delay.as_millis()).unwrap();
    let (mut house, root) = House::new(1, &setting, |world| failed_run(world, "crm")).await;
    // Else the failed run itself would be listed too late.
    house.clock.advance(delay + MINUTE);
    house.simulator.with_world(|world| {
        world.faults.add(FaultRule::once(Endpoint::Retrigger, Effect::DropAfter));
    });
    let mut process = house.start().await;
    for _ in 0..20 {
        pass(&mut process).await;
        house.clock.advance(2 * MINUTE);
    }
    let recovery = process.store.real().recovery_of(&root).await.unwrap().unwrap();
    (house.simulator.ledger().accepted_for_root(root.as_str()).len(), recovery.state)
}

#[tokio::test]
async fn a_call_whose_turn_comes_after_half_the_confirm_window_is_not_sent() {
    let setting = Setting::plain();
    let names = ["crm", "erp", "web", "pos"];
    let build = |world: &mut World| names.map(|name| failed_run(world, name));
    let (mut house, _) = House::new(1, &setting, build).await;
    house.clock.advance(10 * MINUTE);
    let mut process = house.start().await;
    // The failures are taken on; the calls come with the next pass.
    pass(&mut process).await;
    let outcome = Point { step: Step::Outcome, count: 1, after: false };
    process.store.arm(outcome);
    let (mut passing, store, _) = process.pass();
    tokio::select! {
        () = store.reached() => {}
        _ = &mut passing => panic!("the first outcome is not written"),
    }
    house.clock.advance(setting.confirm_window);
    store.clock.set_alarms(true);
    tokio::select! {
        biased;
        () = store.leased() => {}
        _ = &mut passing => panic!("it went on though it was stopped"),
    }
    store.clock.set_alarms(false);
    store.go_on();
    let (_, result) = passing.await;
    assert!(result.unwrap().is_complete());
    // One was answered and the next was on its way already.
    let sent = house.simulator.ledger().requests(Endpoint::Retrigger);
    assert!(sent <= 2, "{sent} of {} calls were sent", names.len());
}

fn failed_run(world: &mut World, name: &str) -> RunId {
    let flow = world.add_flow(FlowSetup::batch(name));
    RunId::new(world.add_run(RunSetup::failed(&flow)).unwrap())
}

async fn pass(process: &mut Process) {
    let round = process.daemon.once(&CancellationToken::new()).await.unwrap();
    assert!(round.is_complete(), "{round:?}");
}
