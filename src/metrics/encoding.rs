//! The two text formats of metrics: OpenMetrics, and the older one of Prometheus.

use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use std::fmt;

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The text format 0.0.4 of Prometheus, which every reader knows.
    Prometheus,
}

impl Format {
    /// The format for a reader that sends this `Accept`: OpenMetrics only if it is named.
    pub fn accepted(accept: &str) -> Self {
        let ranges = accept.split(',').map(|range| range.split(';').next().unwrap_or_default());
        match ranges
            .map(str::trim)
            .any(|it| it.eq_ignore_ascii_case("application/openmetrics-text"))
        {
            true => Self::OpenMetrics,
            false => Self::Prometheus,
        }
    }

    /// Its media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    pub(super) fn encode(self, registry: &Registry) -> Result<String, fmt::Error> {
        let mut encoded = String::new();
        text::encode(&mut encoded, registry)?;
        Ok(match self {
            Self::OpenMetrics => encoded,
            Self::Prometheus => as_prometheus(&encoded),
        })
    }
}

/// OpenMetrics names a family without the suffix of its samples, Prometheus with it.
fn as_prometheus(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len());
    let mut help = None;
    for line in openmetrics.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP"), Some(name), Some(said)) => help = Some((name, said)),
            (Some("#"), Some("TYPE"), Some(name), Some(kind)) => {
                let (suffix, kind) = match kind {
                    "counter" => ("_total", kind),
                    "info" => ("_info", "gauge"),
                    _ => ("", kind),
                };
                if let Some((_, said)) = help.take().filter(|(of, _)| *of == name) {
                    text.push_str(&format!("# HELP {name}{suffix} {said}\n"));
                }
                text.push_str(&format!("# TYPE {name}{suffix} {kind}\n"));
            }
            (Some("#"), ..) => {}
            _ => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openmetrics_is_for_those_who_ask_for_it() {
        let prometheus =
            "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;q=0.5,*/*;q=0.1";
        let telegraf = "text/plain; version=0.0.4";
        let table = [
            (prometheus, Format::OpenMetrics),
            (telegraf, Format::Prometheus),
            ("*/*", Format::Prometheus),
            ("", Format::Prometheus),
        ];
        for (accept, format) in table {
            assert_eq!(Format::accepted(accept), format, "{accept}");
        }
    }

    #[test]
    fn the_older_format_names_families_like_their_samples() {
        let openmetrics = "# HELP a Some.\n# TYPE a counter\n# UNIT a seconds\na_total 1\n\
                           # HELP b It.\n# TYPE b info\nb_info{v=\"1\"} 1\n# EOF\n";
        let prometheus = "# HELP a_total Some.\n# TYPE a_total counter\na_total 1\n\
                          # HELP b_info It.\n# TYPE b_info gauge\nb_info{v=\"1\"} 1\n";
        assert_eq!(as_prometheus(openmetrics), prometheus);
    }
}
