//! Measures how late verdicts are and how many calls they take, over rollouts of random shape.
//!
//! ```text
//! cargo run --locked --example pace
//! ```
//!
//! The shapes are drawn anew each time, by a seed that is printed, and played on the embedded AWS in no time. A verdict is
//! late by the time from the moment at which ECS decided to the one at which Evenkeel knows; a crash loop, which ECS never
//! ends, is decided by the failure of its third task. Beside Evenkeel stand a look every second and one every fifteen,
//! each of which is said to see all.

#![allow(clippy::print_stdout, reason = "it prints what it measured")]

mod figures;
mod picture;
mod play;
mod shape;
mod world;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, ensure};
use clap::Parser;
use fastrand::Rng;

use figures::Lateness;
use shape::{FAMILIES, draw};

/// The time within which the bounds of [`FIRST`] hold.
const EARLY: Duration = Duration::from_secs(10 * 60);

/// How late a verdict of the first ten minutes may be, in seconds: in the median, at the ninetieth percentile, at most.
const FIRST: [f64; 3] = [1.2, 2.2, 3.0];

/// How late one after that may be: this share of the time that has passed, and so many seconds at most.
const LATER: (f64, f64) = (0.01, 15.0);

/// How many calls may watch in any minute, and how many others there may be for each service.
const CALLS: (usize, usize) = (32, 8);

#[derive(Parser)]
struct Arguments {
    /// How many rollouts to draw
    #[arg(long, default_value_t = 200)]
    shapes: usize,
    /// What to draw them by [default: the time]
    #[arg(long)]
    seed: Option<u64>,
    /// Draw the figures as a picture into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(by_the_clock);
    println!("{} rollouts by seed {seed}", arguments.shapes);
    let mut random = Rng::with_seed(seed);
    fastrand::seed(seed);

    let mut rows = Vec::new();
    let (mut early, mut too_late) = (Lateness::default(), Vec::new());
    for (family, share) in FAMILIES {
        let mut row = figures::Row::new(family.name());
        for _ in 0..(arguments.shapes * share).div_ceil(100) {
            let command = draw(family, &mut random);
            let measured = play::play(&command).await.with_context(|| format!("{command:?}"))?;
            row.watching = row.watching.max(measured.watching);
            row.others = row.others.max(measured.others);
            for verdict in measured.verdicts {
                let (late, elapsed) = (verdict.late.as_secs_f64(), verdict.elapsed.as_secs_f64());
                row.add(late, &mut random);
                if verdict.elapsed < EARLY {
                    early.add(late);
                }
                let most = if verdict.elapsed < EARLY { FIRST[2] } else { (elapsed * LATER.0).min(LATER.1) };
                if late > most {
                    too_late.push(format!("{late:.1} s after {elapsed:.0} s: {command:?}"));
                }
            }
            if measured.watching > CALLS.0 || measured.others > CALLS.1 {
                let (watching, others) = (measured.watching, measured.others);
                too_late.push(format!("{watching} and {others} calls a minute: {command:?}"));
            }
        }
        rows.push(row);
    }
    println!("{}", figures::table(&rows));
    let [median, most_of_ten, worst] = early.percentiles();
    println!(
        "\nof {} verdicts within ten minutes: late by {median:.2} s in the median, {most_of_ten:.2} s at the ninetieth \
         percentile, {worst:.2} s at most",
        early.count()
    );
    if let Some(path) = arguments.svg {
        std::fs::write(&path, picture::picture(&rows)).with_context(|| path.display().to_string())?;
    }
    ensure!(too_late.is_empty(), "outside the bounds:\n{}", too_late.join("\n"));
    ensure!(median <= FIRST[0] && most_of_ten <= FIRST[1], "later than {FIRST:?}");
    Ok(())
}

#[allow(clippy::disallowed_methods, reason = "any number serves, as long as it is another one each time")]
fn by_the_clock() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
