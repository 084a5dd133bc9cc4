//! What may happen at once to a job: faults of calls, workers that die, stop or are full, another actor's deployment.
//!
//! A schedule is one play of a story with all of that; each is drawn by a seed or is one fault at one call. Whatever the
//! schedule, the job ends once and with the truth.
//!
//! A failure names its schedule: `SCHEDULE=4711 cargo test --test worker schedules::one -- --ignored` plays it again.
//! One of a job with one-off tasks has `TASKS` in the place of `SCHEDULE`.

#[path = "schedules/draw.rs"]
mod draw;
#[path = "schedules/judge.rs"]
mod judge;
#[path = "schedules/play.rs"]
mod play;
#[path = "schedules/story.rs"]
mod story;

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::world::say;
use draw::Draws;
use story::{WITH_TASKS, WITHOUT_TASKS};

/// How many schedules are played, and what they must come to at least.
struct Campaign {
    /// The places of its stories.
    stories: Range<usize>,
    played: u64,
    distinct_traces: usize,
    /// How often each pair of values of two dimensions occurs.
    of_each_pair: usize,
}

/// Some of those that `.ci/run` plays: `cargo test` is what somebody new to the project runs first.
#[test]
fn whatever_happens_at_once_each_job_ends_once_and_with_the_truth() {
    play_distinct(Campaign {
        stories: WITHOUT_TASKS,
        played: 1_200,
        distinct_traces: 1_100,
        of_each_pair: 3,
    });
}

#[test]
#[ignore = "takes minutes, a step of `.ci/run`: `cargo test --test worker five_thousand_schedules -- --ignored`"]
fn five_thousand_schedules_end_each_job_once_and_with_the_truth() {
    play_distinct(Campaign {
        stories: WITHOUT_TASKS,
        played: 5_312,
        distinct_traces: 5_000,
        of_each_pair: 20,
    });
}

#[test]
#[ignore = "takes a quarter of an hour: run by hand, `cargo test --test worker twenty_thousand_schedules -- --ignored`"]
fn twenty_thousand_schedules_end_each_job_once_and_with_the_truth() {
    play_distinct(Campaign {
        stories: WITHOUT_TASKS,
        played: 22_500,
        distinct_traces: 20_000,
        of_each_pair: 20,
    });
}

/// Jobs with a task before the update and one after the rollout: each task runs once.
#[test]
fn whatever_happens_at_once_each_one_off_task_runs_once() {
    play_distinct(Campaign { stories: WITH_TASKS, played: 120, distinct_traces: 115, of_each_pair: 1 });
}

#[test]
#[ignore = "takes two minutes: run by hand, `cargo test --test worker twelve_hundred_schedules -- --ignored`"]
fn twelve_hundred_schedules_run_each_one_off_task_once() {
    play_distinct(Campaign { stories: WITH_TASKS, played: 1_200, distinct_traces: 1_150, of_each_pair: 4 });
}

#[test]
#[ignore = "plays the schedule whose number is in the variable SCHEDULE, or in TASKS if it has one-off tasks"]
#[expect(clippy::disallowed_methods, reason = "a failure is played again by hand")]
fn one() {
    let of = |variable: &str, stories| Some((std::env::var(variable).ok()?, stories));
    let (number, stories) = of("TASKS", WITH_TASKS).or_else(|| of("SCHEDULE", WITHOUT_TASKS)).unwrap();
    let schedule = Draws::of(stories).schedule(number.parse().unwrap()).unwrap();
    say(&format!("{schedule:?}"));
    play::play(&schedule, true);
}

/// Plays the first schedules on all cores, so many of which must have different traces.
fn play_distinct(campaign: Campaign) {
    let variable = if campaign.stories == WITH_TASKS { "TASKS" } else { "SCHEDULE" };
    let draws = Draws::of(campaign.stories);
    let next = AtomicU64::new(0);
    let seen: Mutex<(HashSet<u64>, BTreeMap<_, usize>)> = Mutex::default();
    let violations: Mutex<Vec<String>> = Mutex::default();
    let work = || {
        while violations.lock().unwrap().len() < 10 {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= campaign.played {
                return;
            }
            let Some(schedule) = draws.schedule(number) else { continue };
            match catch_unwind(AssertUnwindSafe(|| play::play(&schedule, false))) {
                Ok(trace) => {
                    let (traces, pairs) = &mut *seen.lock().unwrap();
                    if traces.insert(trace) {
                        for pair in schedule.pairs() {
                            *pairs.entry(pair).or_default() += 1;
                        }
                    }
                }
                Err(_) => violations.lock().unwrap().push(format!("{variable}={number}: {schedule:?}")),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });

    let violations = violations.into_inner().unwrap();
    let (traces, pairs) = seen.into_inner().unwrap();
    let (rarest, times) = pairs.iter().min_by_key(|(_, times)| **times).unwrap();
    say(&format!(
        "{} schedules with distinct traces of {} played; {} pairs of two dimensions' values, each at least {times} times \
         ({rarest:?}); {} violations",
        traces.len(),
        campaign.played,
        pairs.len(),
        violations.len(),
    ));
    assert!(violations.is_empty(), "{}", violations.join("\n"));
    let is_enough = traces.len() >= campaign.distinct_traces && *times >= campaign.of_each_pair;
    assert!(is_enough, "{rarest:?}: {times} times");
}
