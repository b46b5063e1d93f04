//! One line an hour that the daemon runs.

use crate::engine::support::{MINUTE, Setup};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing_subscriber::fmt::MakeWriter;

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines(&self, part: &str) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().filter(|line| line.contains(part)).map(str::to_owned).collect()
    }
}

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(text)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_quiet_daemon_says_once_an_hour_that_it_runs_and_what_is_open() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(log.clone()).finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let mut app = Setup::new().start().await;
    let begun = app.now();
    app.failed_run(&app.batch_flow("crm"), 1_000);
    let (clock, stop) = (app.clock.clone(), app.stop.clone());
    let hours = async {
        for hour in 1..=2 {
            while log.lines("still running").len() < hour {
                clock.advance(MINUTE);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        stop.cancel();
    };
    tokio::join!(app.daemon.run(&app.stop), hours);
    let lines = log.lines("still running");
    for line in &lines {
        assert!(line.contains("INFO"), "{line}");
        assert!(line.contains("held=0") && line.contains("retriggers="), "{line}");
    }
    let hours = app.now().duration_since(begun).as_hours();
    assert!(hours >= lines.len() as i64, "{hours} h: {lines:?}");
}
