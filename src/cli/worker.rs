//! `evenkeel worker`.

use std::convert::Infallible;
use std::io::{IsTerminal, stderr};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::job::ActionType;
use tokio::net::TcpListener;

use crate::aws::{Aws, Calls, Connection, Network, S3Objects};
use crate::clock::Clock;
use crate::deploy::{Interrupt, Polling};
use crate::output;
use crate::worker::claims::{BucketClaims, Claims, FolderClaims};
use crate::worker::{Metrics, Settings, Worker, serve_health};

use super::action_type::ActionTypesArgs;
use super::args::poll_interval;
use super::claims_place::ClaimsPlace;
use super::environment::Environment;
use super::job_options::job_options;
use super::log::{self, LogLevel};
use super::print_error;
use super::signals::Signals;

/// How often to poll rollouts: with the time that calls wait for each other, a verdict is as early as a command's. They are
/// shared by all jobs, and limited.
const WATCHING: Duration = Duration::from_millis(1_900);

/// Take the jobs of the CodePipeline custom action, deploy, and answer each
#[derive(Debug, Args)]
pub(super) struct WorkerArgs {
    #[command(flatten)]
    action_types: ActionTypesArgs,
    /// How many jobs to work on at once
    #[arg(long, value_name = "N", default_value = "50", value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: u16,
    /// How long to wait between two polls of the job queue that found nothing
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = poll_interval)]
    poll: Duration,
    /// After how long to hand a job on to a new one; without --claims 30s at most
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = at_least_two_seconds)]
    slice: Duration,
    /// How long a claim is honoured that is not renewed
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = at_least_two_seconds)]
    lease: Duration,
    /// Where the workers keep their claims, so that one that dies loses no job: `s3://BUCKET/PREFIX[?sse=aws:kms[&kms-key-id=KEY]]`, or `dir:PATH` on one machine
    #[arg(long, value_name = "PLACE")]
    claims: Option<String>,
    /// Serve /healthz (the loops turn), /readyz (the job queue answers) and /metrics on this address
    #[arg(long, value_name = "ADDRESS")]
    health: Option<SocketAddr>,
    /// Take what is queued, finish it, and exit
    #[arg(long)]
    drain: bool,
    /// How much to log to standard error
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: LogLevel,
    /// The Region [default: that of the environment or the profile]
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
    /// Another endpoint for every AWS service, as an emulator's
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,
    /// Show a clock that is so far ahead: for tests
    #[cfg(feature = "sandbox")]
    #[arg(long, hide = true, value_name = "TIME", value_parser = at_least_two_seconds)]
    clock_ahead: Option<Duration>,
}

impl WorkerArgs {
    #[cfg(feature = "sandbox")]
    fn clock(&self) -> Clock {
        match self.clock_ahead {
            Some(ahead) => Clock::starting_at(Clock::system().now().plus(ahead)),
            None => Clock::system(),
        }
    }

    #[cfg(not(feature = "sandbox"))]
    fn clock(&self) -> Clock {
        Clock::system()
    }
}

/// Works until it is interrupted and has handed every job back, or has drained the queue; returns
/// the exit status.
pub(super) async fn run(args: &WorkerArgs, environment: &Environment) -> u8 {
    log::start(args.log, !stderr().is_terminal());
    match work(args, environment).await {
        Ok(status) => status,
        Err(failure) => {
            print_error(&output::failure_text(&failure));
            failure.kind().exit_status()
        }
    }
}

async fn work(args: &WorkerArgs, environment: &Environment) -> Result<u8, Failure> {
    let clock = args.clock();
    let metrics = Arc::new(Metrics::default());
    let counted = Arc::clone(&metrics);
    let connection = Connection {
        region: args.region.clone(),
        endpoint_url: args.endpoint_url.clone(),
        has_s3_endpoint: environment.get("AWS_ENDPOINT_URL_S3").is_some(),
        max_attempts: environment.get("AWS_MAX_ATTEMPTS").map(str::to_owned),
        network: Network::of(|name| environment.get(name)),
        clock,
        calls: Some(Calls::told_to(move |call| counted.called(call.service, call.operation, call.result))),
        ..Connection::default()
    };
    let action_types = args.action_types.parse()?;
    let aws = Aws::load(&connection).await?;
    let claims = args.claims.as_deref().map(|place| claims(place, &aws.apart())).transpose()?;
    if claims.is_none() && !args.drain {
        tracing::warn!("without --claims a job whose worker dies waits for its time-out of 24 hours");
    }
    let settings = Settings {
        owner: format!("{}-{:016x}", std::process::id(), fastrand::u64(..)),
        concurrency: args.concurrency.into(),
        poll: args.poll,
        slice: args.slice,
        lease: args.lease,
        drain: args.drain,
        watching: Polling::together(WATCHING),
        options: job_options,
    };
    let (interrupter, interrupt) = Interrupt::new();
    let apart = aws.apart();
    let mut queues: Vec<_> = action_types.into_iter().map(|it: ActionType| apart.job_queue(it)).collect();
    let queue = queues.remove(0);
    let worker = Worker::new(queue, claims, aws, clock, settings, Arc::clone(&metrics), interrupt)
        .polling_also(queues);
    let signals = Signals::catch()?;
    let health = health(args.health, metrics, clock).await?;
    tokio::select! {
        worked = worker.run() => worked.map(|()| 0),
        second = signals.hand_on(interrupter) => Ok(second.exit_status()),
        never = health => match never {},
    }
}

/// Answers on `address`, if there is one.
async fn health(
    address: Option<SocketAddr>,
    metrics: Arc<Metrics>,
    clock: Clock,
) -> Result<impl Future<Output = Infallible>, Failure> {
    let cannot = move |error: std::io::Error| {
        let address = address.map(|address| address.to_string()).unwrap_or_default();
        Failure::new(FailureKind::Unreadable, format!("health cannot be served on {address}"))
            .caused_by(error)
            .advice("Give --health an address of this machine with a free port")
    };
    let listener = match address {
        Some(address) => Some(TcpListener::bind(address).await.map_err(cannot)?),
        None => None,
    };
    Ok(async move {
        match listener {
            Some(listener) => {
                if let Ok(bound) = listener.local_addr() {
                    tracing::info!("health on http://{bound}/healthz");
                }
                match serve_health(listener, metrics, clock).await {}
            }
            None => std::future::pending().await,
        }
    })
}

/// Opens where claims are kept.
fn claims(place: &str, aws: &Aws) -> Result<Claims<S3Objects>, Failure> {
    match ClaimsPlace::parse(place)? {
        ClaimsPlace::Folder(path) => FolderClaims::open(path).map(Claims::Folder),
        ClaimsPlace::Bucket(at, encryption) => {
            Ok(Claims::Bucket(BucketClaims::new(aws.objects(), at.bucket, &at.key).encrypted(encryption)))
        }
    }
}

fn at_least_two_seconds(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if time < Duration::from_secs(2) {
        return Err("it must be 2s or more".to_owned());
    }
    Ok(time)
}
