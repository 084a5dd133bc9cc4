#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::sync::Mutex;
use std::time::Duration;

use evenkeel_core::failure::FailureKind;
use evenkeel_core::service::{Controller, Guard, Launch, Strategy};
use evenkeel_core::service_deployment::{ServiceDeploymentStatus, TaskCounts};
use tokio::runtime::Handle;
use tokio::task::{JoinSet, yield_now};
use tokio::time::timeout;

use crate::clock::{Clock, Timestamp, sleep};

use super::*;

/// A call: when, in milliseconds, where, and about what.
type Call = (u64, String, Vec<String>);

/// An ECS that has every service and service deployment whose name does not say otherwise, and writes
/// down what it is asked. It takes 20 ms to answer.
#[derive(Clone)]
struct Fake {
    clock: Clock,
    calls: Arc<Mutex<Vec<Call>>>,
}

const LATENCY: Duration = Duration::from_millis(20);

impl Fake {
    fn new() -> Self {
        Self { clock: Clock::starting_at(Timestamp::default()), calls: Arc::default() }
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.clock.now().since_epoch().as_millis()).unwrap()
    }

    fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    async fn call(&self, place: &str, names: &[&str]) -> Result<Vec<String>, Failure> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        self.calls.lock().unwrap().push((self.millis(), place.to_owned(), names.clone()));
        self.clock.sleep(LATENCY).await;
        let is_any = |word: &str| names.iter().any(|name| name.contains(word));
        assert!(!is_any("panics"), "as this test wants it");
        for (word, kind) in [("denied", FailureKind::Denied), ("lost", FailureKind::Unavailable)] {
            if is_any(word) {
                return Err(Failure::new(kind, format!("{word}: {}", names.join(", "))).because("so it is"));
            }
        }
        Ok(names.into_iter().filter(|name| !name.contains("missing")).rev().collect())
    }
}

impl Ecs for Fake {
    fn throttled(&self) -> u64 {
        0
    }

    async fn describe_services(
        &self,
        cluster: &ClusterName,
        services: &[&str],
    ) -> Result<Vec<Service>, Failure> {
        assert!(services.len() <= 10);
        let found = self.call(cluster.as_str(), services).await?;
        Ok(found.iter().map(|name| service(cluster.as_str(), name.rsplit('/').next().unwrap())).collect())
    }

    async fn describe_task_definition(&self, name: &str) -> Result<Option<Revision>, Failure> {
        self.call("definitions", &[name]).await.map(|_| None)
    }

    async fn list_service_deployments(
        &self,
        service: &Service,
        _: Listing,
    ) -> Result<Vec<ListedServiceDeployment>, Failure> {
        self.call("lists", &[&service.name]).await.map(|_| Vec::new())
    }

    async fn describe_service_deployments(&self, arns: &[String]) -> Result<Vec<ServiceDeployment>, Failure> {
        assert!(arns.len() <= 20);
        let arns: Vec<&str> = arns.iter().map(String::as_str).collect();
        Ok(self.call("deployments", &arns).await?.into_iter().map(deployment).collect())
    }

    async fn stopped_tasks(&self, service: &Service, _: &DeploymentId) -> Result<Vec<StoppedTask>, Failure> {
        self.call("tasks", &[&service.name]).await.map(|_| Vec::new())
    }

    async fn running_tasks(&self, service: &Service, _: &DeploymentId) -> Result<Vec<RunningTask>, Failure> {
        self.call("tasks", &[&service.name]).await.map(|_| Vec::new())
    }

    async fn departures(&self, service: &Service, _: &DeploymentId) -> Result<Vec<Departure>, Failure> {
        self.call("tasks", &[&service.name]).await.map(|_| Vec::new())
    }

    async fn describe_service_revisions(&self, arns: &[String]) -> Result<Vec<ServiceRevision>, Failure> {
        let arns: Vec<&str> = arns.iter().map(String::as_str).collect();
        self.call("revisions", &arns).await.map(|_| Vec::new())
    }
}

fn service(cluster: &str, name: &str) -> Service {
    Service {
        arn: format!("arn:aws:ecs:eu-west-1:123456789012:service/{cluster}/{name}"),
        name: name.to_owned(),
        cluster: format!("arn:aws:ecs:eu-west-1:123456789012:cluster/{cluster}"),
        active: true,
        controller: Controller::Ecs,
        is_managed: false,
        launch: Launch::default(),
        task_definition: None,
        desired: 1,
        strategy: Strategy::default(),
        guard: Guard::default(),
        current_deployment: None,
        deployments: Vec::new(),
        events: Vec::new(),
        service_revisions: Vec::new(),
    }
}

fn deployment(arn: String) -> ServiceDeployment {
    ServiceDeployment {
        arn,
        target: String::new(),
        tasks: TaskCounts::default(),
        replaced_running: 0,
        status: ServiceDeploymentStatus::InProgress,
        created: Timestamp::default(),
        finished: None,
        reason: None,
        breaker: None,
        guard_fired: false,
        alarms: Vec::new(),
        stage: None,
        pauses: Vec::new(),
    }
}

fn cluster(name: &str) -> ClusterName {
    ClusterName::parse(name).unwrap()
}

fn shared() -> (Fake, Arc<SharedEcs<Fake>>) {
    let fake = Fake::new();
    (fake.clone(), Arc::new(SharedEcs::new(fake)))
}

/// The names of the services that are found in `prod`, or the failure's words.
async fn ask(shared: &SharedEcs<Fake>, names: &[&str]) -> Result<Vec<String>, String> {
    match shared.describe_services(&cluster("prod"), names, Purpose::Poll).await {
        Ok(found) => Ok(found.into_iter().map(|service| service.name).collect()),
        Err(failure) => Err(failure.to_string()),
    }
}

fn ok(names: &[&str]) -> Result<Vec<String>, String> {
    Ok(names.iter().map(|name| (*name).to_owned()).collect())
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_lone_caller_is_answered_at_once() {
    let (fake, shared) = shared();
    assert_eq!(ask(&shared, &["web", "missing", "api"]).await, ok(&["web", "api"]));
    assert!(fake.millis() <= 100, "{} ms", fake.millis());
    assert_eq!(ask(&shared, &[]).await, ok(&[]));

    // After a quiet time it is so again.
    fake.clock.sleep(Duration::from_secs(10)).await;
    let asked = fake.millis();
    assert_eq!(ask(&shared, &["web"]).await, ok(&["web"]));
    assert!(fake.millis() - asked <= 100, "{} ms", fake.millis() - asked);
    assert_eq!(fake.calls().len(), 2);
    fake.clock.sleep(Duration::from_secs(10)).await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn questions_of_the_same_window_share_a_call_and_each_gets_its_own_part() {
    let (fake, shared) = shared();
    let arn = "arn:aws:ecs:eu-west-1:123456789012:service/prod/web";
    let arns = [arn];
    let later = async {
        fake.clock.sleep(Duration::from_millis(60)).await;
        ask(&shared, &["api"]).await
    };
    let last = async {
        fake.clock.sleep(Duration::from_millis(110)).await;
        ask(&shared, &["web"]).await
    };
    let (one, two, both, by_arn, later, last) = tokio::join!(
        ask(&shared, &["web"]),
        ask(&shared, &["api", "missing"]),
        ask(&shared, &["api", "web", "api"]),
        ask(&shared, &arns),
        later,
        last,
    );
    assert_eq!((one, two), (ok(&["web"]), ok(&["api"])));
    assert_eq!((both, by_arn), (ok(&["api", "web", "api"]), ok(&["web"])));
    assert_eq!((later, last), (ok(&["api"]), ok(&["web"])));
    let at = |(at, _, names): Call| (at / 10 * 10, names);
    assert_eq!(
        fake.calls().into_iter().map(at).collect::<Vec<_>>(),
        [(20, names(&["web", "api", "missing", arn])), (120, names(&["api", "web"]))]
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_never_older_than_its_question() {
    let (fake, shared) = shared();
    let while_it_is_answered = async {
        fake.clock.sleep(Duration::from_millis(60)).await;
        assert_eq!(fake.calls().len(), 1);
        ask(&shared, &["web"]).await
    };
    let (first, second) = tokio::join!(ask(&shared, &["web"]), while_it_is_answered);
    assert_eq!((first, second), (ok(&["web"]), ok(&["web"])));
    assert_eq!(fake.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn many_services_go_ten_to_a_call_and_service_deployments_twenty() {
    let (fake, shared) = shared();
    let all: Vec<String> = (0..25).map(|number| format!("service-{number}")).collect();
    let asked: Vec<&str> = all.iter().map(String::as_str).collect();
    let (found, deployments) =
        tokio::join!(ask(&shared, &asked), shared.describe_service_deployments(&all, Purpose::Poll));
    assert_eq!(found, Ok(all.clone()));
    assert_eq!(deployments.unwrap(), all.into_iter().map(deployment).collect::<Vec<_>>());
    let mut calls: Vec<_> = fake.calls().into_iter().map(|(_, place, names)| (place, names.len())).collect();
    calls.sort();
    let prod = |count| ("prod".to_owned(), count);
    let deployments = |count| ("deployments".to_owned(), count);
    assert_eq!(calls, [deployments(5), deployments(20), prod(5), prod(10), prod(10)]);
    assert!(fake.millis() <= 100);
}

#[tokio::test(start_paused = true)]
async fn services_of_two_clusters_are_never_confused() {
    let (fake, shared) = shared();
    let (prod, test) = (cluster("prod"), cluster("test"));
    let others = ["arn:aws:ecs:eu-west-1:123456789012:service/test/web", "web"];
    let (in_prod, in_test, wrong) = tokio::join!(
        shared.describe_services(&prod, &["web"], Purpose::Poll),
        shared.describe_services(&test, &["web"], Purpose::Poll),
        shared.describe_services(&prod, &others, Purpose::Poll),
    );
    assert_eq!(in_prod.unwrap(), [service("prod", "web")]);
    assert_eq!(in_test.unwrap(), [service("test", "web")]);
    // What ECS says to a service of another cluster is not taken for an answer about it.
    assert_eq!(wrong.unwrap(), [service("prod", "web")]);
    assert_eq!(fake.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_served_fails_all_that_shared_the_call() {
    let (fake, shared) = shared();
    let asked = tokio::join!(ask(&shared, &["web"]), ask(&shared, &["lost"]), ask(&shared, &["api"]));
    let told = Err("lost: web, lost, api: so it is".to_owned());
    assert_eq!(asked, (told.clone(), told.clone(), told));
    assert_eq!(fake.calls().len(), 1);
    assert_eq!(ask(&shared, &["web"]).await, ok(&["web"]));
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_to_one_spoils_nobody_elses_answer() {
    let (fake, shared) = shared();
    let asked = tokio::join!(
        ask(&shared, &["web"]),
        ask(&shared, &["denied"]),
        ask(&shared, &["missing"]),
        ask(&shared, &["api"]),
    );
    let told = Err("denied: denied: so it is".to_owned());
    assert_eq!(asked, (ok(&["web"]), told, ok(&[]), ok(&["api"])));
    assert_eq!(fake.calls().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_told_and_nobody_waits_for_ever() {
    let (_, shared) = shared();
    let asked = tokio::join!(ask(&shared, &["web"]), ask(&shared, &["panics"]));
    let told = Err("a call that several deployments share was dropped before its response came".to_owned());
    assert_eq!(asked, (told.clone(), told));
    assert_eq!(ask(&shared, &["web"]).await, ok(&["web"]));
}

#[tokio::test(start_paused = true)]
async fn who_no_longer_waits_is_not_asked_for() {
    let (fake, shared) = shared();
    let gone = timeout(Duration::from_millis(10), ask(&shared, &["gone", "web"]));
    let (gone, web) = tokio::join!(gone, ask(&shared, &["web"]));
    assert!(gone.is_err());
    assert_eq!(web, ok(&["web"]));
    // A call that is under way goes on for the others, and one that nobody waits for is not made.
    fake.clock.sleep(Duration::from_secs(5)).await;
    assert!(timeout(Duration::from_millis(10), ask(&shared, &["gone"])).await.is_err());
    fake.clock.sleep(Duration::from_secs(5)).await;
    assert_eq!(fake.calls().into_iter().map(|(.., names)| names).collect::<Vec<_>>(), [names(&["web"])]);
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
    assert!(shared.services.is_idle());
}

#[tokio::test(start_paused = true)]
async fn what_was_begun_ends_with_its_last_user() {
    for wait in [Duration::ZERO, Duration::from_millis(10), Duration::from_millis(60)] {
        let (_, shared) = shared();
        drop(timeout(wait, ask(&shared, &["web"])).await);
        assert!(Handle::current().metrics().num_alive_tasks() > 0);
        drop(shared);
        for _ in 0..10 {
            yield_now().await;
        }
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 0, "after {wait:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_call_waits_for_its_turn() {
    let (fake, shared) = shared();
    let mut calling = JoinSet::new();
    for _ in 0..40 {
        let shared = Arc::clone(&shared);
        calling.spawn(async move {
            let web = service("prod", "web");
            let id = DeploymentId::new("ecs-svc/1");
            let forty_one: Vec<String> = (0..41).map(|number| format!("{number}")).collect();
            let update = async {
                shared.limits().update_service().await;
                shared.ecs().call("updates", &["web"]).await
            };
            let updated = tokio::join!(
                update,
                shared.describe_task_definition("web"),
                shared.list_service_deployments(&web, Listing::Successful),
                shared.stopped_tasks(&web, &id),
                shared.describe_service_revisions(&forty_one),
            );
            assert_eq!(updated.0.unwrap(), ["web"]);
        });
    }
    calling.join_all().await;
    let calls = fake.calls();
    let told = |place: &str| {
        let times: Vec<u64> = calls.iter().filter(|(_, at, _)| at == place).map(|(at, ..)| *at).collect();
        (times.iter().filter(|at| **at == 0).count(), times.len(), times.into_iter().max().unwrap())
    };
    // How many were made at once, how many in all, and when the last one, in milliseconds.
    assert_eq!(told("updates"), (30, 40, 10 * 334));
    assert_eq!(told("definitions"), (30, 40, 10 * 84));
    assert_eq!(told("lists"), (15, 40, 25 * 68));
    // Two calls each, and three calls each.
    assert_eq!(told("tasks"), (30, 40, 20 * 84));
    assert_eq!(told("revisions"), (10, 40, 90 * 84));
}

/// The service deployments of a thousand jobs wait, and then the services of some.
async fn crowd(shared: &Arc<SharedEcs<Fake>>, calling: &mut JoinSet<()>) {
    let all: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
    let (all_of_them, shared) = (all.clone(), Arc::clone(shared));
    calling.spawn(async move {
        shared.describe_service_deployments(&all_of_them, Purpose::Poll).await.unwrap();
    });
    sleep(Duration::from_millis(500)).await;
}

#[tokio::test(start_paused = true)]
async fn a_confirmation_or_a_beginning_goes_first_and_then_who_asked_first() {
    for purpose in [Purpose::Confirmation, Purpose::Beginning] {
        check_precedence(purpose).await;
    }
}

async fn check_precedence(purpose: Purpose) {
    let (fake, shared) = shared();
    let mut calling = JoinSet::new();
    crowd(&shared, &mut calling).await;
    let asked = fake.millis();
    let prod = cluster("prod");
    let at = |purpose, name: &'static str| {
        let (fake, shared, prod) = (&fake, &shared, &prod);
        async move {
            shared.describe_services(prod, &[name], purpose).await.unwrap();
            fake.millis() - asked
        }
    };
    let preceding = async {
        sleep(Duration::from_millis(300)).await;
        at(purpose, "preceding").await
    };
    let (polled, preceding) = tokio::join!(at(Purpose::Poll, "polled"), preceding);
    // The question that waited goes along with the other one, whose place has precedence now.
    assert!((300..550).contains(&preceding), "{purpose:?}: {preceding}");
    assert!((300..550).contains(&polled), "{purpose:?}: {polled}");

    let others = at(Purpose::Poll, "later").await;
    // Fifty calls about service deployments, of which fifteen were made at once.
    assert!(others > 1_500, "{others}");
    calling.join_all().await;
}

/// `jobs` that look every `every` for ten minutes, the calls they made, and the longest wait.
async fn watch(jobs: usize, every: Duration) -> (Vec<u64>, Duration) {
    let (fake, shared) = shared();
    let mut watching = JoinSet::new();
    for job in 0..jobs {
        let (shared, clock) = (Arc::clone(&shared), fake.clock);
        watching.spawn(async move {
            let (name, mut longest) = (format!("service-{job}"), Duration::ZERO);
            while clock.now().since_epoch() < Duration::from_secs(600) {
                let asked = clock.now();
                assert_eq!(ask(&shared, &[&name]).await, Ok(vec![name.clone()]));
                longest = longest.max(clock.now().since(asked));
                clock.sleep(every).await;
            }
            longest
        });
    }
    let longest = watching.join_all().await.into_iter().max().unwrap();
    (fake.calls().into_iter().map(|(at, ..)| at).collect(), longest)
}

/// The most calls in any second that begins at `from` or later.
fn densest(calls: &[u64], from: u64) -> usize {
    let later = calls.iter().enumerate().filter(|(_, at)| **at >= from);
    later
        .map(|(place, at)| calls[place..].iter().take_while(|next| **next < at + 1_000).count())
        .max()
        .unwrap()
}

/// A burst and then fifteen a second, and one more: a token is gained at once, not bit by bit.
const POLLS: (f64, f64) = (15.0 + 1.0, 15.0);

/// Whether a bucket of `size` tokens that gains so many a second always had one for the next call.
fn is_within(calls: &[u64], (size, per_second): (f64, f64)) -> bool {
    let (mut tokens, mut last) = (size, 0);
    calls.iter().all(|at| {
        let gained = Duration::from_millis(at - last).as_secs_f64() * per_second;
        (tokens, last) = ((tokens + gained).min(size) - 1.0, *at);
        tokens >= 0.0
    })
}

#[tokio::test(start_paused = true)]
async fn a_thousand_jobs_that_poll_every_two_seconds_take_turns() {
    let (calls, longest) = watch(1_000, Duration::from_secs(2)).await;
    let sustained = densest(&calls, 10_000);
    println!("{} calls, {sustained} in a second at most; {longest:?} at most", calls.len());
    assert!(is_within(&calls, POLLS) && sustained <= 15, "{sustained}");
    // A hundred calls at fifteen a second.
    assert!(longest <= Duration::from_secs(7), "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn a_hundred_jobs_hardly_wait() {
    let (calls, longest) = watch(100, Duration::from_secs(2)).await;
    println!("{} calls, {} in a second at most; {longest:?} at most", calls.len(), densest(&calls, 10_000));
    assert!(is_within(&calls, POLLS));
    assert!(longest <= Duration::from_millis(300), "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn jobs_of_one_identity_share_as_long_as_there_are_any() {
    let sharing = Sharing::<&str, Fake>::default();
    assert!(sharing.get(&"prod").is_none());
    let one = sharing.insert("prod", Fake::new());
    assert!(Arc::ptr_eq(&one, &sharing.get(&"prod").unwrap()));
    // Of two that come at once, the second one joins the first.
    assert!(Arc::ptr_eq(&one, &sharing.insert("prod", Fake::new())));
    let other = sharing.insert("test", Fake::new());
    assert!(!Arc::ptr_eq(&one, &other));
    drop(one);
    assert!(sharing.get(&"prod").is_none());
    let again = sharing.insert("prod", Fake::new());
    assert_eq!(format!("{sharing:?}"), "Sharing(2)");
    drop((other, again));
    let _last = sharing.insert("dev", Fake::new());
    assert_eq!(format!("{sharing:?}"), "Sharing(1)");
}
