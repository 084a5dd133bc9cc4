//! Measures what Evenkeel costs: processor time, peak memory, wall time and calls.
//!
//! ```text
//! cargo build --locked --release --no-default-features --package evenkeel
//! cargo run --locked --example measure -- --binary target/release/evenkeel
//! ```
//!
//! The binary runs against the embedded AWS over loopback: a deployment, a number of times, of which
//! the medians are printed, and a worker with many jobs, which takes a few minutes.

#![allow(clippy::print_stdout, reason = "it prints what it measured")]

mod cost;
mod deploy;
mod worker;

use std::path::PathBuf;

use clap::Parser;

#[derive(Parser)]
struct Arguments {
    /// The binary to measure
    #[arg(long, default_value = "target/release/evenkeel")]
    binary: PathBuf,
    /// How often each deployment is run
    #[arg(long, default_value_t = 11)]
    runs: usize,
    /// How many jobs the worker has
    #[arg(long, default_value_t = 1000)]
    jobs: usize,
    /// Run this command once and print its cost as JSON
    #[arg(last = true, hide = true)]
    command: Vec<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let [program, rest @ ..] = arguments.command.as_slice() {
        println!("{}", serde_json::to_string(&cost::cost_of(program, rest)?)?);
        return Ok(());
    }
    deploy::measure(&arguments.binary, arguments.runs).await?;
    worker::measure(&arguments.binary, arguments.jobs).await
}
