//! `/events`: a stream of version numbers. A new number means that what is shown may have changed.

use super::app::App;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use std::convert::Infallible;
use std::time::Duration;

/// The shortest time between two versions.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) async fn events(
    State(app): State<App>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let changes = app.shown.vitals.changes();
    let versions = unfold((changes, 0_u64), move |(mut changes, version)| {
        let stop = app.stop.clone();
        async move {
            let next = async {
                // The first one comes at once: the page may have changed since it was written.
                if version > 0 {
                    tokio::time::sleep(PAUSE).await;
                    changes.changed().await.ok()?;
                }
                Some(Ok(Event::default().data(version.to_string())))
            };
            let event = stop.run_until_cancelled(next).await??;
            Some((event, (changes, version + 1)))
        }
    });
    Sse::new(versions).keep_alive(KeepAlive::default())
}
