//! What a worker counts, in the text format of Prometheus, beside its signs of life.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::pulse::Pulse;

/// Labels are names and values of our own making: no value ever comes from a job.
type Labels = Vec<(&'static str, String)>;

/// What a worker counts, and its signs of life.
pub struct Metrics {
    registry: Registry,
    jobs: Family<Labels, Counter>,
    in_flight: Gauge,
    polls: Family<Labels, Counter>,
    calls: Family<Labels, Counter>,
    phases: Family<Labels, Histogram>,
    last_poll: Gauge<f64, AtomicU64>,
    pulse: Pulse,
}

/// A part of the work on a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Claiming and acknowledging it.
    Acknowledge,
    /// Reading its artifact.
    Artifact,
    /// Deploying, one slice.
    Deploy,
    /// Writing its output artifact and answering it.
    Answer,
}

/// Up to half an hour, which is the usual time-out.
const SECONDS: [f64; 12] = [0.01, 0.05, 0.25, 1.0, 5.0, 15.0, 30.0, 60.0, 180.0, 600.0, 1200.0, 1800.0];

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("evenkeel");
        let phases = Family::<Labels, Histogram>::new_with_constructor(|| Histogram::new(SECONDS));
        let (jobs, polls, calls) = (Family::default(), Family::default(), Family::default());
        let (in_flight, last_poll) = (Gauge::default(), Gauge::default());
        registry.register("jobs", "Jobs by how this worker left them", jobs.clone());
        registry.register("jobs_in_flight", "Jobs that this worker works on", in_flight.clone());
        registry.register("polls", "Polls of the job queue by result", polls.clone());
        registry.register("aws_calls", "Attempts of AWS calls by operation and result", calls.clone());
        registry.register_with_unit(
            "phase",
            "How long each part of a job took",
            Unit::Seconds,
            phases.clone(),
        );
        registry.register(
            "last_poll_timestamp_seconds",
            "When the job queue last answered, since the Unix epoch",
            last_poll.clone(),
        );
        Self { registry, jobs, in_flight, polls, calls, phases, last_poll, pulse: Pulse::default() }
    }
}

impl Metrics {
    /// A job was taken up.
    pub(super) fn began(&self) {
        self.in_flight.inc();
    }

    /// A job that was taken up was left, and how.
    pub(super) fn left(&self, how: &str) {
        self.in_flight.dec();
        self.jobs.get_or_create(&vec![("outcome", how.to_owned())]).inc();
    }

    /// The queue was asked.
    pub(super) fn polled(&self, result: &str) {
        self.polls.get_or_create(&vec![("result", result.to_owned())]).inc();
    }

    /// The queue answered, so long after the Unix epoch.
    pub(super) fn heard(&self, since_epoch: Duration) {
        self.last_poll.set(since_epoch.as_secs_f64());
    }

    /// A part of a job took so long.
    pub(super) fn took(&self, part: Part, time: Duration) {
        self.phases.get_or_create(&vec![("phase", part.as_str().to_owned())]).observe(time.as_secs_f64());
    }

    /// An attempt of an AWS call came back, or did not.
    pub fn called(&self, service: &str, operation: &str, result: &str) {
        let labels = [("service", service), ("operation", operation), ("result", result)];
        let labels: Labels = labels.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        self.calls.get_or_create(&labels).inc();
    }

    /// All of it, in the text format of Prometheus.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// The signs of life.
    pub(super) fn pulse(&self) -> &Pulse {
        &self.pulse
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Part {
    fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Artifact => "artifact",
            Self::Deploy => "deploy",
            Self::Answer => "answer",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_told_as_prometheus_reads_it() {
        let metrics = Metrics::default();
        metrics.began();
        metrics.began();
        metrics.left("deployed");
        metrics.polled("jobs");
        metrics.called("ecs", "DescribeServices", "throttled");
        metrics.took(Part::Deploy, Duration::from_secs(20));

        let text = metrics.text();
        for line in [
            "evenkeel_jobs_total{outcome=\"deployed\"} 1",
            "evenkeel_jobs_in_flight 1",
            "evenkeel_polls_total{result=\"jobs\"} 1",
            "evenkeel_aws_calls_total{service=\"ecs\",operation=\"DescribeServices\",result=\"throttled\"} 1",
            "evenkeel_phase_seconds_bucket{le=\"30.0\",phase=\"deploy\"} 1",
        ] {
            assert!(text.lines().any(|told| told == line), "{line}\n{text}");
        }
    }
}
