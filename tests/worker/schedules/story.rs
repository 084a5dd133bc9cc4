//! The stories, each with its true end when nobody disturbs it.

use std::ops::Range;

use evenkeel_sandbox::RolloutOutcome;

use crate::world::NEW;

pub(super) const RECORD: &str = "ssm:/deploy/web/record";

/// A story, and its true end.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) name: &'static str,
    pub(super) services: &'static [&'static str],
    pub(super) image: &'static str,
    pub(super) breaker: bool,
    pub(super) rollout: RolloutOutcome,
    pub(super) configuration: &'static [(&'static str, &'static str)],
    /// An action of another execution failed before.
    pub(super) failed_before: bool,
    /// The failure's type, if the job fails.
    pub(super) failure: Option<&'static str>,
    /// The revision that every service runs at the end.
    pub(super) lives: &'static str,
}

const SUCCESS: Story = Story {
    name: "success",
    services: &["web"],
    image: NEW,
    breaker: false,
    rollout: RolloutOutcome::Ok,
    configuration: &[],
    failed_before: false,
    failure: None,
    lives: "2",
};

const TIME_OUT: Story = Story {
    name: "time-out",
    rollout: RolloutOutcome::Stuck,
    configuration: &[("DeploymentTimeout", "1")],
    failure: Some("JobFailed"),
    lives: "1",
    ..SUCCESS
};

/// The stories of jobs without one-off tasks, and with them, by their places.
pub(super) const WITHOUT_TASKS: Range<usize> = 0..8;
pub(super) const WITH_TASKS: Range<usize> = 8..10;

pub(super) const STORIES: [Story; 10] = [
    SUCCESS,
    Story { name: "nothing to change", image: "registry.example.com/shop/web:1", lives: "1", ..SUCCESS },
    Story { name: "two services", services: &["web", "api"], ..SUCCESS },
    Story {
        name: "circuit breaker",
        breaker: true,
        rollout: RolloutOutcome::Crash,
        failure: Some("JobFailed"),
        lives: "1",
        ..SUCCESS
    },
    TIME_OUT,
    Story { name: "retry after a failure", failed_before: true, ..SUCCESS },
    Story {
        name: "success with a record and a variable",
        configuration: &[("Options", "--set-env app:GIT_SHA=2"), ("Record", RECORD)],
        ..SUCCESS
    },
    Story {
        name: "rollback with a record",
        breaker: true,
        configuration: &[("DeploymentTimeout", "1"), ("Record", RECORD)],
        ..TIME_OUT
    },
    Story {
        name: "tasks before and after",
        configuration: &[("Options", "--before app=migrate --after app=smoke"), ("Record", RECORD)],
        ..SUCCESS
    },
    Story {
        name: "a task after fails",
        configuration: &[("Options", "--before app=migrate --after app=fail"), ("Record", RECORD)],
        failure: Some("JobFailed"),
        lives: "1",
        ..SUCCESS
    },
];

impl Story {
    pub(super) fn changes_the_image(&self) -> bool {
        self.image == NEW
    }

    pub(super) fn has_record(&self) -> bool {
        self.configuration.iter().any(|(name, _)| *name == "Record")
    }
}
