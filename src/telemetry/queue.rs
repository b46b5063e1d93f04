//! A queue of log lines, written by a thread of its own: a log that is not read (a full pipe, a stopped
//! journald, a full disk) must stop nothing.
//!
//! `tracing-appender` has such a queue too. It does not say when writing works again, and at the end of
//! the process it reports a blocked writer with a blocking write.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tracing_subscriber::fmt::MakeWriter;

/// The most that waits to be written, in bytes.
const CAPACITY: usize = 1 << 20;

/// The queue; clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    is_writing: bool,
    /// Lines that were dropped since the last report, or could not be written.
    lost: u64,
}

impl Queue {
    /// A queue whose lines go to `output`. After lines were lost, `report` is called with their number as
    /// soon as there is room again.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub(super) fn start(
        output: impl Write + Send + 'static,
        report: fn(u64),
    ) -> std::io::Result<Self> {
        let queue = Self::default();
        let writing = queue.clone();
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || writing.write_to(output, report))?;
        Ok(queue)
    }

    /// Waits until everything is written, or `limit` has passed.
    pub(super) fn flush(&self, limit: Duration) {
        let is_busy = |it: &mut Waiting| it.is_writing || !it.lines.is_empty();
        let _ = self.0.changed.wait_timeout_while(self.waiting(), limit, is_busy);
    }

    fn write_to(&self, mut output: impl Write, report: fn(u64)) {
        loop {
            let line = self.next();
            let written = output.write_all(&line).and_then(|()| output.flush());
            let mut waiting = self.waiting();
            waiting.is_writing = false;
            waiting.lost += u64::from(written.is_err());
            let has_room = written.is_ok() && waiting.bytes <= CAPACITY / 2;
            let lost = if has_room { std::mem::take(&mut waiting.lost) } else { 0 };
            drop(waiting);
            self.0.changed.notify_all();
            if lost > 0 {
                report(lost);
            }
        }
    }

    /// Waits for the next line.
    fn next(&self) -> Vec<u8> {
        let mut waiting = self.waiting();
        loop {
            if let Some(line) = waiting.lines.pop_front() {
                waiting.bytes -= line.len();
                waiting.is_writing = true;
                return line;
            }
            waiting = self.0.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes one line. It is dropped and counted if there is no room for it.
impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let mut waiting = self.waiting();
        if waiting.bytes + line.len() > CAPACITY {
            waiting.lost += 1;
        } else {
            waiting.bytes += line.len();
            waiting.lines.push_back(line.to_vec());
        }
        drop(waiting);
        self.0.changed.notify_all();
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Queue {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc;

    const SOON: Duration = Duration::from_secs(10);

    fn wait_until(done: impl Fn() -> bool) {
        while !done() {
            std::thread::yield_now();
        }
    }

    /// Blocks until a test takes what is written.
    struct Blocked(mpsc::SyncSender<Vec<u8>>);

    impl Write for Blocked {
        fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
            self.0.send(line.to_vec()).map_err(std::io::Error::other)?;
            Ok(line.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_finds_no_room_is_counted_and_reported_when_there_is_room_again() {
        static LOST: AtomicU64 = AtomicU64::new(0);
        let (written, read) = mpsc::sync_channel(0);
        let report = |lost| {
            LOST.fetch_add(lost, Ordering::SeqCst);
        };
        let mut queue = Queue::start(Blocked(written), report).unwrap();
        let line = vec![b'x'; CAPACITY / 4];
        for _ in 0..20 {
            queue.write_all(&line).unwrap();
        }
        queue.flush(Duration::ZERO);
        assert_eq!(LOST.load(Ordering::SeqCst), 0, "nothing is read");
        let lost = || LOST.load(Ordering::SeqCst);
        let taken = read.iter().take_while(|_| lost() == 0).count() as u64;
        wait_until(|| lost() > 0);
        // Four fit, and one more if the thread had taken the first.
        assert!((15..=16).contains(&lost()), "{} of 20, after {taken}", lost());
    }

    #[test]
    fn flushing_waits_until_everything_is_written() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut queue = Queue::start(file.reopen().unwrap(), |_| {}).unwrap();
        for n in 0..1000 {
            writeln!(queue, "{n}").unwrap();
        }
        queue.flush(SOON);
        let text = std::fs::read_to_string(file.path()).unwrap();
        assert_eq!(text.split_terminator('\n').count(), 1000);
    }

    #[test]
    fn a_line_that_cannot_be_written_is_counted_too() {
        static LOST: AtomicU64 = AtomicU64::new(0);
        struct FullDisk(u32);
        impl Write for FullDisk {
            fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
                self.0 += 1;
                if self.0 <= 2 {
                    Err(std::io::ErrorKind::StorageFull.into())
                } else {
                    Ok(line.len())
                }
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let report = |lost| {
            LOST.fetch_add(lost, Ordering::SeqCst);
        };
        let mut queue = Queue::start(FullDisk(0), report).unwrap();
        for _ in 0..3 {
            queue.write_all(b"line\n").unwrap();
        }
        queue.flush(SOON);
        wait_until(|| LOST.load(Ordering::SeqCst) > 0);
        assert_eq!(LOST.load(Ordering::SeqCst), 2);
    }
}
