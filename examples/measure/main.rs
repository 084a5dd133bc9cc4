//! Measures what Evenkeel costs: processor time, peak memory, wall time and calls.
//!
//! ```text
//! cargo build --locked --release --no-default-features --package evenkeel
//! cargo run --locked --example measure -- --binary target/release/evenkeel
//! ```
//!
//! First, in no time, a hundred command lines deploy at once, and workers take jobs and watch their rollouts. Then the
//! binary runs against the embedded AWS over loopback: a deployment, a number of times, of which
//! the medians are printed, and a worker with many jobs, which takes a few minutes.

#![allow(clippy::print_stdout, reason = "it prints what it measured")]

mod cost;
mod deploy;
mod fleet;
mod neighbours;
#[path = "../pace/shape.rs"]
#[allow(dead_code, reason = "the rest is drawn by the program that measures how late verdicts are")]
mod shape;
mod worker;
#[path = "../pace/world.rs"]
#[allow(dead_code, reason = "the rest is for the program that measures how late verdicts are")]
mod world;

use std::path::PathBuf;

use clap::Parser;
use tokio::runtime::Builder;

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
    /// What to draw rollouts by
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Run this command once and print its cost as JSON
    #[arg(last = true, hide = true)]
    command: Vec<String>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let [program, rest @ ..] = arguments.command.as_slice() {
        println!("{}", serde_json::to_string(&cost::cost_of(program, rest)?)?);
        return Ok(());
    }
    let runtime = |is_paused| Builder::new_current_thread().enable_all().start_paused(is_paused).build();
    runtime(true)?.block_on(neighbours::measure(arguments.seed))?;
    runtime(true)?.block_on(fleet::measure(arguments.seed))?;
    runtime(false)?.block_on(async {
        deploy::measure(&arguments.binary, arguments.runs).await?;
        worker::measure(&arguments.binary, arguments.jobs).await
    })
}
