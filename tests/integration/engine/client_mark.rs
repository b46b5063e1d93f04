//! What `createdClient` says about the runs that were issued for us.

use crate::engine::support::{MINUTE, Setup};
use flowmend::domain::recovery::State;
use flowmend::simulator::{Effect, Endpoint, ErrorAnswer, FaultRule};

#[tokio::test]
async fn a_call_in_doubt_is_not_repeated_though_its_run_names_the_client_of_before() {
    let mut app = Setup::new().start().await;
    let proof = app.failed_run(&app.batch_flow("proof"), 1);
    app.run_for(4 * MINUTE, MINUTE).await;
    assert!(matches!(app.state(&proof).await, State::Recovered { .. }));

    let root = app.failed_run(&app.batch_flow("doubtful"), 1);
    let lost = Effect::StatusAfter(ErrorAnswer::new(502));
    app.fault(FaultRule::once(Endpoint::Retrigger, lost));
    while !matches!(app.try_recovery(&root).await.map(|it| it.state), Some(State::InDoubt { .. })) {
        app.advance(MINUTE);
        app.pass().await;
    }
    app.world(|world| world.credentials.client_id = "another-client".to_owned());
    app.reconfigure("[adobe]\nclient_id = \"another-client\"");
    let proof = app.failed_run(&app.batch_flow("another proof"), 1);
    app.run_for(180 * MINUTE, MINUTE).await;
    assert!(matches!(app.state(&proof).await, State::Recovered { .. }));

    let calls = app.ledger().accepted().filter(|call| call.asked_run == root.as_str()).count();
    assert_eq!(calls, 1, "{:?}", app.journal(&root).await);
}
