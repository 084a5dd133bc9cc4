//! The log of a worker, on standard error: text for people, JSON for machines.

use std::io::stderr;

use clap::ValueEnum;
use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, fmt};

/// How much to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// Logs from now on. Only what Evenkeel says itself is logged: what the libraries below it log at
/// the finer levels holds requests and answers, and with them secrets.
pub(super) fn start(level: LogLevel, as_json: bool) {
    let of_ours = filter_fn(|metadata: &Metadata<'_>| {
        let target = metadata.target();
        target == "evenkeel" || target.starts_with("evenkeel::")
    });
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let layer: Box<dyn Layer<Registry> + Send + Sync> = if as_json {
        Box::new(fmt::layer().json().with_current_span(false).with_writer(stderr))
    } else {
        Box::new(fmt::layer().compact().with_target(false).with_ansi(false).with_writer(stderr))
    };
    // There is one log in a process; a second start changes nothing.
    let _ = tracing::subscriber::set_global_default(
        tracing_subscriber::registry().with(layer.with_filter(level).with_filter(of_ours)),
    );
}
