//! What a run of a command costs.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use evenkeel_sandbox::REGION;
use serde::{Deserialize, Serialize};
use wait4::Wait4 as _;

/// What one run of a command cost.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Cost {
    /// User and system time together.
    pub(crate) processor: Duration,
    /// The largest resident set, in bytes.
    pub(crate) memory: u64,
    pub(crate) wall: Duration,
}

/// Runs the binary with these arguments against the AWS at `url` and tells what it cost.
///
/// It is run from a small process of its own: Linux counts the memory of the process that starts
/// another one as the other's too, and this one holds the embedded AWS.
pub(crate) fn cost_at(url: &str, binary: &Path, arguments: &[String]) -> anyhow::Result<Cost> {
    let output = Command::new(std::env::current_exe()?)
        .arg("--")
        .arg(binary)
        .args(arguments)
        .env_clear()
        .env("HOME", std::env::temp_dir())
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_REGION", REGION)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("the cost of a run")
}

/// Runs a command to its end and tells what it cost.
#[allow(clippy::disallowed_methods, reason = "real time is what is measured")]
pub(crate) fn cost_of(program: &str, arguments: &[String]) -> anyhow::Result<Cost> {
    let started = std::time::Instant::now();
    let mut process = Command::new(Path::new(program))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("{program} cannot be run"))?;
    let used = process.wait4()?;
    let wall = started.elapsed();
    ensure!(used.status.success(), "{program} {}: {}", arguments.join(" "), used.status);
    Ok(Cost { processor: used.rusage.utime + used.rusage.stime, memory: used.rusage.maxrss, wall })
}
