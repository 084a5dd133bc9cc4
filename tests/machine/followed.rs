//! An account whose rules and schedules follow its service, and what must hold of them at any time.

use std::time::Duration;

use evenkeel::deploy::{Interrupt, Report, ScheduledReport};
use evenkeel_core::deployment::Outcome;
use evenkeel_core::record::{Record, Status};
use evenkeel_core::request::DeployRequest;
use evenkeel_core::scheduled::{Also, MoveOutcome};
use evenkeel_sandbox::{Rollout, RolloutOutcome, Sandbox};
use serde_json::Value;

use crate::scheduled_tasks::{make, named, unchanging};
use crate::world::{Account, CLUSTER, SERVICE, message, request, rival_deploys};

pub(crate) const NEW: (&str, &str) = ("app", "registry.example.com:5000/shop/web:2");
pub(crate) const PARAMETER: &str = "/deploy/web";
pub(crate) const ROLLOUT: Duration = Duration::from_secs(10);

/// An account with scheduled tasks that start `web:1`, the revision that is live.
pub(crate) struct Followed {
    pub(crate) account: Account,
    unchanging: Vec<Value>,
}

impl Followed {
    pub(crate) fn new() -> Self {
        Self::with_rollouts(RolloutOutcome::Ok)
    }

    pub(crate) fn with_rollouts(outcome: RolloutOutcome) -> Self {
        fastrand::seed(1);
        let account = Account::new();
        account.sandbox.set_rollout(CLUSTER, SERVICE, Rollout { outcome, duration: ROLLOUT });
        make(&account.sandbox);
        let unchanging = unchanging(&account.sandbox);
        Self { account, unchanging }
    }

    /// Deploys the new image, and what is named by `also` follows.
    pub(crate) async fn deploy(&self, also: &[&str]) -> Report {
        self.run(&following(&[NEW], also)).await
    }

    pub(crate) async fn run(&self, request: &DeployRequest) -> Report {
        let records = self.account.records(&[&format!("ssm:{PARAMETER}")]).await;
        let (_interrupter, interrupt) = Interrupt::new();
        self.account.run_each(request, interrupt, vec![&records]).await
    }

    pub(crate) async fn roll_back(&self, to: Option<&str>, also: &[&str]) -> Report {
        let records = self.account.records(&[&format!("ssm:{PARAMETER}")]).await;
        let (_interrupter, interrupt) = Interrupt::new();
        self.account.roll_back_as(&following(&[], also), to, &records, interrupt).await
    }

    /// What the scheduled tasks name, in the order of [`crate::scheduled_tasks::ALL`].
    pub(crate) fn names(&self) -> [String; 4] {
        named(&self.account.sandbox)
    }

    /// How often a target was put or a schedule updated.
    pub(crate) fn writes(&self) -> usize {
        self.account.effects("PutTargets") + self.account.effects("UpdateSchedule")
    }

    /// Nothing changed of the scheduled tasks but their task definitions, which are of the revisions that were ever live,
    /// and the record says which one is.
    #[track_caller]
    pub(crate) fn judge(&self, ever_live: &[&str], what: &str) {
        let sandbox = &self.account.sandbox;
        for (is, was) in unchanging(sandbox).iter().zip(&self.unchanging) {
            assert_eq!(is, was, "{what}");
        }
        let names = self.names();
        let is_sound = |name: &String| ever_live.contains(&name.as_str());
        assert!(names.iter().all(is_sound), "{names:?} of {ever_live:?}: {what}");
        if let Some(record) = self.record().filter(|record| record.status == Status::Succeeded) {
            assert_eq!(format!("web:{}", record.revision), self.account.live(SERVICE), "{what}");
        }
    }

    /// Each scheduled task starts this revision, which is live, and the report says so.
    #[track_caller]
    pub(crate) fn judge_moved(&self, report: &Report, revision: &str, what: &str) {
        let what = format!("{what}: {:?} {}", report.outcome, message(report));
        self.judge(&[revision], &what);
        assert_eq!((report.exit_status(), self.account.live(SERVICE).as_str()), (0, revision), "{what}");
        let record = self.record().unwrap();
        assert_eq!((record.status, record.revision), (Status::Succeeded, number(revision)), "{what}");
        let is_told = |it: &MoveOutcome| matches!(it, MoveOutcome::Moved | MoveOutcome::Current);
        assert!(outcomes(report).iter().all(is_told) && moves(report).len() == 4, "{what}");
    }

    /// A rollout that completed, and whose move did not: the record is true.
    #[track_caller]
    pub(crate) fn judge_failed_move(&self, report: &Report, status: u8, what: &str) {
        let what = format!("{what}: {:?} {}", report.outcome, message(report));
        self.judge(&["web:1", "web:2"], &what);
        let told = (report.outcome, report.exit_status(), self.account.live(SERVICE));
        assert_eq!(told, (Outcome::Deployed, status, "web:2".to_owned()), "{what}");
        let record = self.record().unwrap();
        assert_eq!((record.status, record.revision), (Status::Succeeded, 2), "{what}");
        assert!(message(report).contains("Run the same command again"), "{what}");
    }

    pub(crate) fn record(&self) -> Option<Record> {
        let (value, _) = self.account.sandbox.parameter(PARAMETER)?;
        // A first deployment that failed leaves no record.
        value.contains("schema").then(|| Record::parse(PARAMETER, value.as_bytes()).unwrap().unwrap())
    }
}

/// A request for these images that `also` follows.
pub(crate) fn following(images: &[(&str, &str)], also: &[&str]) -> DeployRequest {
    let also = also.iter().map(|text| Also::parse(text).unwrap()).collect();
    DeployRequest { also, ..request(images) }
}

pub(crate) fn outcomes(report: &Report) -> Vec<MoveOutcome> {
    moves(report).iter().map(|it| it.outcome).collect()
}

/// What became of each scheduled task.
pub(crate) fn moves(report: &Report) -> &[ScheduledReport] {
    report.scheduled.as_deref().unwrap_or_default()
}

/// What is said of the scheduled task at this place.
pub(crate) fn note(report: &Report, place: &str) -> String {
    let found = moves(report).iter().find(|it| it.task.place().to_string() == place);
    found.unwrap_or_else(|| panic!("{place} of {:?}", moves(report))).note.clone().unwrap_or_default()
}

pub(crate) fn warns(report: &Report, words: &str) -> bool {
    report.warnings.iter().any(|warning| warning.contains(words))
}

/// Somebody else deploys, and the rollout takes no time.
pub(crate) fn deploys_at_once(sandbox: &Sandbox) {
    let rollout = Rollout { outcome: RolloutOutcome::Ok, duration: Duration::ZERO };
    sandbox.set_rollout(CLUSTER, SERVICE, rollout);
    rival_deploys(sandbox, "1024");
}

fn number(revision: &str) -> u64 {
    revision.rsplit(':').next().unwrap().parse().unwrap()
}
