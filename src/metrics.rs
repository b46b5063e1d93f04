//! Metrics of a running daemon, for Prometheus.
//!
//! The registry is a value that is passed around, not a global: two daemons in one process, as in
//! tests, do not share their numbers, and signatures show what is measured. No id, name, message or
//! URL is ever a label, so the number of series is limited.

use prometheus_client::encoding::text;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::fmt;

/// The metrics of one daemon.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    config_reload_success: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// The media type of [`encode`](Self::encode).
    pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// The metrics of a daemon that has just loaded a valid configuration.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("flowmend");
        // The encoder adds `_info` to the name, and a full stop to each help text.
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Build information", build);
        let config_reload_success = Gauge::default();
        config_reload_success.set(1);
        registry.register(
            "config_reload_success",
            "1 if the last configuration load succeeded",
            config_reload_success.clone(),
        );
        Self { registry, config_reload_success }
    }

    /// Records whether a reload of the configuration succeeded.
    pub fn config_reloaded(&self, valid: bool) {
        self.config_reload_success.set(i64::from(valid));
    }

    /// All metrics as OpenMetrics text.
    ///
    /// # Errors
    /// If a metric cannot be written as text; that is not known to happen.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut encoded = String::new();
        text::encode(&mut encoded, &self.registry)?;
        Ok(encoded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_openmetrics_with_one_series_each() {
        let metrics = Metrics::new();
        metrics.config_reloaded(false);
        let text = metrics.encode().unwrap();
        let version = env!("CARGO_PKG_VERSION");
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("# HELP")).collect();
        assert_eq!(
            lines,
            [
                "# TYPE flowmend_build info",
                &format!("flowmend_build_info{{version=\"{version}\"}} 1"),
                "# TYPE flowmend_config_reload_success gauge",
                "flowmend_config_reload_success 0",
                "# EOF",
            ]
        );
    }

    #[test]
    fn two_daemons_do_not_share_their_numbers() {
        let (one, other) = (Metrics::new(), Metrics::new());
        one.config_reloaded(false);
        assert!(other.encode().unwrap().contains("flowmend_config_reload_success 1"));
    }
}
