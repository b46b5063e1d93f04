//! One process of the program: started, listened to, signalled by its own id, and always reaped.

use super::{SOON, until};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// How a process is to be started: with an environment of its own, so that nothing of this machine
/// is in its configuration.
pub struct Command {
    command: std::process::Command,
    line: String,
}

impl Command {
    pub fn new(args: &[&str]) -> Self {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_flowmend"));
        command.args(args).env_clear().env("TZ", "UTC").stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { command, line: format!("flowmend {}", args.join(" ")) }
    }

    /// The same as process 1 of a PID namespace, as in a container; it ends with the test. The signals go to
    /// that process.
    pub fn as_process_1(args: &[&str]) -> Self {
        let mut command = std::process::Command::new("unshare");
        command.args(["--pid", "--fork", "--kill-child", env!("CARGO_BIN_EXE_flowmend")]);
        command.args(args).env_clear().stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { command, line: format!("unshare flowmend {}", args.join(" ")) }
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Standard output goes into `writer` instead of being kept.
    pub fn stdout(mut self, writer: impl Into<Stdio>) -> Self {
        self.command.stdout(writer);
        self
    }

    /// Standard error goes into `writer` instead of being kept.
    pub fn stderr(mut self, writer: impl Into<Stdio>) -> Self {
        self.command.stderr(writer);
        self
    }

    pub fn start(mut self) -> Process {
        let mut child = self.command.spawn().expect("the program starts");
        let stdout = child.stdout.take().map(Listener::new);
        let stderr = child.stderr.take().map(Listener::new);
        Process { child, stdout, stderr, line: self.line }
    }

    pub async fn run(self) -> Finished {
        self.start().end().await
    }
}

/// A process under way. Dropping it ends it.
pub struct Process {
    child: Child,
    stdout: Option<Listener>,
    stderr: Option<Listener>,
    line: String,
}

impl Process {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The only child of this process.
    pub fn child(&self) -> Option<u32> {
        let children = format!("/proc/{0}/task/{0}/children", self.id());
        std::fs::read_to_string(children).ok()?.trim().parse().ok()
    }

    /// Sends a signal, by its name without `SIG`.
    pub fn signal(&self, name: &str) {
        self.signal_to(name, self.id());
    }

    /// Sends a signal to the process `id`.
    pub fn signal_to(&self, name: &str, id: u32) {
        let sent = std::process::Command::new("sh")
            .args(["-c", &format!("kill -{name} {id}")])
            .status()
            .expect("there is a shell");
        assert!(sent.success(), "SIG{name} was not sent to {}", self.line);
    }

    /// Listens to the pipe that was given as standard error, from now on.
    pub fn reading_stderr(mut self, pipe: std::io::PipeReader) -> Self {
        self.stderr = Some(Listener::new(pipe));
        self
    }

    /// SIGKILL: it cannot be caught, and nothing is tidied up.
    pub fn kill(mut self) -> Finished {
        self.child.kill().expect("it can be killed");
        let status = self.child.wait().expect("it can be waited for");
        self.finished(status)
    }

    /// Waits until it has ended by itself.
    pub async fn end(self) -> Finished {
        self.end_within(SOON).await
    }

    pub async fn end_within(mut self, limit: Duration) -> Finished {
        let what = format!("`{}` ends", self.line);
        let mut status = None;
        until(limit, &what, || {
            status = self.child.try_wait().expect("it can be asked");
            status.is_some()
        })
        .await;
        self.finished(status.expect("it has ended"))
    }

    /// SIGTERM, and the end.
    pub async fn stop(self) -> Finished {
        self.signal("TERM");
        self.end().await
    }

    /// The log so far: every line of standard error that is JSON.
    pub fn log(&self) -> Vec<Value> {
        log_of(&self.stderr.as_ref().map(Listener::text).unwrap_or_default())
    }

    /// Standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.as_ref().map(Listener::text).unwrap_or_default()
    }

    /// How many lines with this message were logged so far.
    pub fn count(&self, message: &str) -> usize {
        self.log().iter().filter(|line| line["message"] == message).count()
    }

    /// Waits until a line with this message is logged; gives the first one.
    pub async fn says(&self, message: &str) -> Value {
        self.says_times(message, 1).await.remove(0)
    }

    /// Waits until this many lines with this message are logged.
    pub async fn says_times(&self, message: &str, times: usize) -> Vec<Value> {
        let end = tokio::time::Instant::now() + SOON;
        loop {
            let mut lines = self.log();
            lines.retain(|line| line["message"] == message);
            if lines.len() >= times {
                return lines;
            }
            let waiting = tokio::time::Instant::now() < end;
            assert!(
                waiting,
                "`{}` did not say {message:?} {times} times:\n{}",
                self.line,
                self.stderr()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn finished(&mut self, status: ExitStatus) -> Finished {
        let rest = |listener: &mut Option<Listener>| {
            listener.take().map(Listener::into_text).unwrap_or_default()
        };
        let (stdout, stderr) = (rest(&mut self.stdout), rest(&mut self.stderr));
        Finished { code: status.code(), stdout, stderr }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only where it has been reaped already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is left of a process.
#[derive(Debug)]
pub struct Finished {
    /// `None` if a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    pub fn log(&self) -> Vec<Value> {
        log_of(&self.stderr)
    }

    pub fn lines(&self, message: &str) -> Vec<Value> {
        let mut lines = self.log();
        lines.retain(|line| line["message"] == message);
        lines
    }

    /// It exited with `code` and did not panic.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{self}");
        assert!(!self.stderr.contains("panicked"), "{self}");
        self
    }

    /// Standard error has this text in it.
    #[track_caller]
    pub fn complains(&self, text: &str) -> &Self {
        assert!(self.stderr.contains(text), "no {text:?} in\n{self}");
        self
    }

    /// Standard output has this text in it.
    #[track_caller]
    pub fn prints(&self, text: &str) -> &Self {
        assert!(self.stdout.contains(text), "no {text:?} in\n{self}");
        self
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit {:?}\n-- stdout\n{}\n-- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

fn log_of(text: &str) -> Vec<Value> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Reads a pipe in a thread of its own, so that the process never waits for a reader.
struct Listener {
    text: Arc<Mutex<Vec<u8>>>,
    thread: JoinHandle<()>,
}

impl Listener {
    fn new(pipe: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let heard = text.clone();
        let thread = std::thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                heard.lock().unwrap().append(&mut line);
            }
        });
        Self { text, thread }
    }

    /// What was heard so far: whole lines.
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }

    /// All of it; the process has ended.
    fn into_text(self) -> String {
        self.thread.join().expect("it only reads");
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }
}
