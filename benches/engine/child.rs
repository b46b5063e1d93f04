//! A process of our own, watched through `/proc` and ended with its handle.

use anyhow::Context;
use flowmend::clock::{Clock, SystemClock};
use jiff::Timestamp;
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A child process; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) started_at: Timestamp,
}

/// Nanoseconds of CPU by thread.
#[derive(Debug)]
pub(crate) struct Cpu(HashMap<String, u64>);

impl Process {
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let started_at = SystemClock::new().now();
        let child = command.spawn().context("cannot start a process")?;
        Ok(Self { child, started_at })
    }

    /// This program in another role.
    pub(crate) fn role(args: &[String]) -> anyhow::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(args).stdin(Stdio::null());
        Ok(command)
    }

    /// Resident memory now and at most, in MB.
    pub(crate) fn memory(&self) -> anyhow::Result<(f64, f64)> {
        let status = std::fs::read_to_string(self.proc().join("status"))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().trim_end_matches(" kB").parse::<f64>().ok().map(|kb| kb / 1_000.0 * 1.024)
        };
        field("VmRSS:").zip(field("VmHWM:")).context("the process has ended")
    }

    /// To the nanosecond, which `/proc/PID/stat` is not.
    pub(crate) fn cpu(&self) -> anyhow::Result<Cpu> {
        let mut threads = HashMap::new();
        for task in std::fs::read_dir(self.proc().join("task"))? {
            let path = task?.path();
            // A thread may end while we look.
            let Ok(text) = std::fs::read_to_string(path.join("schedstat")) else { continue };
            let spent = text.split(' ').next().and_then(|ns| ns.parse().ok());
            threads.insert(path.display().to_string(), spent.unwrap_or(0));
        }
        Ok(Cpu(threads))
    }

    /// CPU time that passes within `window`.
    pub(crate) fn cpu_since(&self, before: &Cpu) -> anyhow::Result<Duration> {
        let Cpu(after) = self.cpu()?;
        let spent = after
            .iter()
            .map(|(thread, ns)| ns.saturating_sub(before.0.get(thread).copied().unwrap_or(0)));
        Ok(Duration::from_nanos(spent.sum()))
    }

    fn proc(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}", self.child.id()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended cannot be killed, and need not be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
