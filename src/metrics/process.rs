//! The metrics that every process has, under the names that Prometheus clients agreed on.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use std::fmt;

/// Asks the system at each scrape. What it does not say is left out.
#[derive(Debug)]
pub(super) struct ProcessCollector;

/// What the system says about this process.
#[derive(Debug, PartialEq)]
struct Usage {
    /// In seconds.
    cpu: f64,
    resident_bytes: u64,
    virtual_bytes: u64,
    open_files: u64,
    /// In Unix time.
    started_at: f64,
}

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(usage) = Usage::read() else { return Ok(()) };
        let cpu = ConstCounter::new(usage.cpu);
        cpu.encode(encoder.encode_descriptor(
            "process_cpu",
            "CPU time used",
            Some(&Unit::Seconds),
            cpu.metric_type(),
        )?)?;
        let gauges = [
            ("process_resident_memory", "Resident memory", Some(Unit::Bytes), usage.resident_bytes),
            ("process_virtual_memory", "Virtual memory", Some(Unit::Bytes), usage.virtual_bytes),
            ("process_open_fds", "Open file descriptors", None, usage.open_files),
        ];
        for (name, help, unit, value) in gauges {
            let gauge = ConstGauge::new(value);
            let metric = gauge.metric_type();
            gauge.encode(encoder.encode_descriptor(name, help, unit.as_ref(), metric)?)?;
        }
        let started_at = ConstGauge::new(usage.started_at);
        let metric = started_at.metric_type();
        let help = "When the process started, in Unix time";
        let unit = Some(&Unit::Seconds);
        started_at.encode(encoder.encode_descriptor("process_start_time", help, unit, metric)?)
    }
}

impl Usage {
    #[cfg(target_os = "linux")]
    fn read() -> Option<Self> {
        let process = procfs::process::Process::myself().ok()?;
        let stat = process.stat().ok()?;
        let ticks = procfs::ticks_per_second() as f64;
        Some(Self {
            cpu: (stat.utime + stat.stime) as f64 / ticks,
            resident_bytes: stat.rss * procfs::page_size(),
            virtual_bytes: stat.vsize,
            open_files: process.fd_count().ok()? as u64,
            started_at: procfs::boot_time_secs().ok()? as f64 + stat.starttime as f64 / ticks,
        })
    }

    #[cfg(not(target_os = "linux"))]
    fn read() -> Option<Self> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_system_says_what_this_process_uses() {
        let usage = Usage::read().unwrap();
        assert!((1_000_000..usage.virtual_bytes).contains(&usage.resident_bytes), "{usage:?}");
        assert!(usage.open_files >= 3 && usage.started_at > 1.7e9, "{usage:?}");
    }
}
