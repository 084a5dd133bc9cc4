//! How soon an idle worker takes a job, how often a fleet polls, and how late the verdicts of a hundred jobs are.
//!
//! They are played on the embedded AWS in no time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use evenkeel::aws::{Aws, Connection};
use evenkeel::cli::job_options;
use evenkeel::clock::{Clock, Timestamp};
use evenkeel::deploy::{Interrupt, Polling};
use evenkeel::output::action_type_json;
use evenkeel::worker::claims::BucketClaims;
use evenkeel::worker::{Metrics, Settings, Worker};
use evenkeel_core::job::ActionType;
use evenkeel_sandbox::{Action, ActionStatus, Call, Sandbox};
use fastrand::Rng;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::shape::{Course, Family, draw};
use super::world::{CLUSTER, decided, furnish};

/// How late a verdict or the taking of a job may be, in seconds: in the median and at most.
const BOUNDS: (f64, f64) = (1.2, 3.0);

/// As `evenkeel worker` polls rollouts.
const WATCHING: Duration = Duration::from_millis(1_900);

/// How often ten workers may poll the queue in a second.
const POLLS: f64 = 5.0;

/// An AWS with a queue and these services.
struct World {
    clock: Clock,
    sandbox: Sandbox,
}

impl World {
    fn new(courses: &BTreeMap<String, Course>) -> anyhow::Result<Self> {
        let clock = Clock::starting_at(Timestamp::from_unix(Duration::from_secs(1_800_000_000)));
        let sandbox = Sandbox::starting_at(clock.now());
        let call = |operation: &str, request: Value| {
            sandbox.call(operation, request).map_err(|error| anyhow!("{operation}: {error}"))
        };
        call("CreateCluster", json!({ "clusterName": CLUSTER }))?;
        sandbox.create_bucket("claims", false);
        let definition = ActionType::default().definition(None)?;
        let created = sandbox.create_action_type(action_type_json(&definition));
        created.map_err(|error| anyhow!("CreateCustomActionType: {error}"))?;
        for (name, course) in courses {
            furnish(&sandbox, name, course)?;
        }
        Ok(Self { clock, sandbox })
    }

    fn start(&self, service: &str) -> anyhow::Result<String> {
        let configuration = [("ClusterName", CLUSTER), ("ServiceName", service), ("Images", "app=web:2")];
        let configuration = configuration.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let action = Action { configuration, ..Action::default() };
        self.sandbox.start_action(action).map_err(|error| anyhow!("the action of {service}: {error}"))
    }

    /// Lets so many workers work while `story` lasts.
    async fn with_workers<T>(&self, workers: usize, story: impl Future<Output = T>) -> anyhow::Result<T> {
        let mut fleet = Vec::new();
        for nth in 0..workers {
            let connection = Connection {
                clock: self.clock,
                embedded: Some(self.sandbox.http_client()),
                ..Connection::default()
            };
            let aws = Aws::load(&connection).await?;
            let claims = BucketClaims::new(aws.apart().objects(), "claims", "evenkeel");
            let queue = aws.apart().job_queue(ActionType::default());
            let (interrupter, interrupt) = Interrupt::new();
            let settings = Settings {
                owner: format!("worker-{nth}"),
                concurrency: 200,
                poll: Duration::from_secs(2),
                slice: Duration::from_secs(600),
                lease: Duration::from_secs(60),
                drain: false,
                watching: Polling::together(WATCHING),
                options: job_options,
            };
            let metrics = Arc::<Metrics>::default();
            let worker = Worker::new(queue, Some(claims), aws, self.clock, settings, metrics, interrupt);
            // No two start at the same moment.
            let wait = Duration::from_secs_f64(2.0 * fastrand::f64());
            fleet.push(async move {
                self.clock.sleep(wait).await;
                let worked = worker.run().await;
                drop(interrupter);
                worked
            });
        }
        tokio::select! {
            ended = join_all(fleet) => Err(anyhow!("the workers ended: {ended:?}")),
            told = story => Ok(told),
        }
    }
}

/// Plays all three and prints the figures.
pub(crate) async fn measure(seed: u64) -> anyhow::Result<()> {
    fastrand::seed(seed);
    let mut random = Rng::with_seed(seed);
    take_jobs(&mut random).await?;
    poll_the_queue().await?;
    watch_a_hundred(&mut random).await
}

/// A job for an idle worker, at any moment.
async fn take_jobs(random: &mut Rng) -> anyhow::Result<()> {
    let courses = courses(150, random);
    let world = World::new(&courses)?;
    let mut began = BTreeMap::new();
    let story = async {
        world.clock.sleep(Duration::from_secs(10)).await;
        for name in courses.keys() {
            world.clock.sleep(Duration::from_secs_f64(5.0 + 20.0 * random.f64())).await;
            let now = world.clock.now();
            began.insert(world.start(name)?, now);
        }
        world.clock.sleep(Duration::from_secs(10)).await;
        Ok::<_, anyhow::Error>(())
    };
    world.with_workers(1, story).await??;
    let calls = world.sandbox.calls();
    let mut waits = Vec::new();
    for (execution, began) in &began {
        let jobs = world.sandbox.action(execution).context("no such action")?.jobs;
        let first = jobs.first().context("the action has no job")?;
        let is_taking =
            |call: &&Call| call.operation == "AcknowledgeJob" && call.request["jobId"] == json!(first);
        let taken = calls.iter().find(is_taking).context("the job was not taken")?;
        waits.push(taken.at.since(*began).as_secs_f64());
    }
    let (median, worst) = median_and_most(waits);
    println!("an idle worker takes a job after {median:.1} s in the median, {worst:.1} s at most");
    ensure!(median <= BOUNDS.0 && worst <= BOUNDS.1, "later than {BOUNDS:?}");
    Ok(())
}

/// Ten idle workers for a while.
async fn poll_the_queue() -> anyhow::Result<()> {
    let world = World::new(&BTreeMap::new())?;
    let minutes = 10;
    world.with_workers(10, world.clock.sleep(Duration::from_secs(60 * minutes))).await?;
    let polls = world.sandbox.calls().iter().filter(|call| call.operation == "PollForJobs").count();
    let each_second = polls as f64 / (60 * minutes) as f64;
    println!("ten idle workers poll the queue {each_second:.1} times a second");
    ensure!(each_second <= POLLS, "more than {POLLS}");
    Ok(())
}

/// A hundred rollouts of one worker in one cluster.
async fn watch_a_hundred(random: &mut Rng) -> anyhow::Result<()> {
    let courses = courses(100, random);
    let world = World::new(&courses)?;
    let mut started = BTreeMap::new();
    let began = world.clock.now();
    let story = async {
        // The service deployments of the services' creation are older.
        world.clock.sleep(Duration::from_secs(1)).await;
        for name in courses.keys() {
            started.insert(world.start(name)?, name.clone());
        }
        let state = |it: &String| world.sandbox.action(it).map(|state| state.status);
        while started.keys().any(|it| state(it) == Some(ActionStatus::InProgress)) {
            world.clock.sleep(Duration::from_secs(1)).await;
        }
        Ok::<_, anyhow::Error>(())
    };
    world.with_workers(1, story).await??;
    let mut late = Vec::new();
    for (execution, name) in &started {
        let state = world.sandbox.action(execution).context("no such action")?;
        let course = courses.get(name).context("an unknown service")?;
        let ended = state.ended.context("the action is not over")?;
        let decided = decided(&world.sandbox, name, course)?;
        // Those that take longer are polled less often, and those that are over within seconds end before CodePipeline
        // offers the job that continues theirs.
        let elapsed = decided.since(began);
        if elapsed < Duration::from_secs(600) && elapsed > Duration::from_secs(15) {
            late.push(ended.since(decided).as_secs_f64());
        }
    }
    let busiest = busiest_second(&world.sandbox.calls());
    let (median, worst) = median_and_most(late);
    println!(
        "a hundred jobs of one worker: late by {median:.1} s in the median, {worst:.1} s at most, for {busiest:.1} calls a \
         second in the busiest minute"
    );
    ensure!(median <= BOUNDS.0 && worst <= BOUNDS.1, "later than {BOUNDS:?}");
    Ok(())
}

/// Rollouts that take up to ten minutes.
fn courses(count: usize, random: &mut Rng) -> BTreeMap<String, Course> {
    let course = |at: usize| {
        let family =
            *random.choice(&[Family::Rolling, Family::Rolling, Family::Staged]).unwrap_or(&Family::Rolling);
        let mut course = draw(family, random).services.swap_remove(0);
        course.outcome = evenkeel_sandbox::RolloutOutcome::Ok;
        (format!("service-{at}"), course)
    };
    (0..count).map(course).collect()
}

fn median_and_most(mut all: Vec<f64>) -> (f64, f64) {
    all.sort_by(f64::total_cmp);
    (all.get(all.len() / 2).copied().unwrap_or_default(), all.last().copied().unwrap_or_default())
}

/// The most calls that watch in a second, on the average of a minute.
fn busiest_second(calls: &[Call]) -> f64 {
    let watch = ["DescribeServices", "DescribeServiceDeployments"];
    let times: Vec<_> =
        calls.iter().filter(|call| watch.contains(&call.operation.as_str())).map(|call| call.at).collect();
    let minute = Duration::from_secs(60);
    let within = |(at, first): (usize, &Timestamp)| {
        times[at..].iter().take_while(|it| it.since(*first) < minute).count()
    };
    times.iter().enumerate().map(within).max().unwrap_or_default() as f64 / minute.as_secs_f64()
}
