//! The queue: which job is offered to whom, and whose it is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Value, json};

use super::action::ActionStatus;
use super::action_types::{ActionTypes, Property, TypeId};
use super::declaration::Declared;
use super::execution::{ACTION_EXECUTION, Execution, Ids, JOB, Job, JobStatus, PIPELINE_EXECUTION};
use super::model::invalid;
use crate::grants::Grants;
use crate::request::number;
use crate::wire::{ApiError, ApiResult, refuse_if};

/// How many bytes the output variables of an action have at most (quotas). Taken as the bytes of
/// their keys and values.
const MOST_VARIABLE_BYTES: usize = 122_880;

/// Every execution of an action, and every job.
#[derive(Debug, Clone)]
pub(super) struct Jobs {
    pub(super) executions: Vec<Execution>,
    /// The positions of the executions that are not over; the oldest, which times out first, first.
    pub(super) open: BTreeSet<usize>,
    pub(super) jobs: Vec<Job>,
    /// The positions of the jobs that nobody has acknowledged and that are not over.
    pub(super) queue: BTreeSet<usize>,
    by_id: BTreeMap<String, usize>,
    ids: Ids,
    /// How long after an answer with a continuation token the next job can be polled.
    pub(super) continuation_delay: Duration,
    /// How long after an offer a job is offered again if nobody acknowledged it. AWS says that it is ("if a job
    /// is not acknowledged in time it will be handed out another time", its sample worker), but documents no time.
    pub(super) offer_interval: Duration,
    /// How long the credentials for artifacts are valid.
    pub(super) credentials_lifetime: Duration,
    /// Whether a nonce is valid for one acknowledgement only.
    pub(super) acknowledged_once: bool,
    /// How many bytes the output variables of an answer have at most.
    pub(super) variable_bytes: usize,
    /// How many characters the text of an answer has at most, below the model's limits.
    pub(super) characters: usize,
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            executions: Vec::new(),
            open: BTreeSet::new(),
            jobs: Vec::new(),
            queue: BTreeSet::new(),
            by_id: BTreeMap::new(),
            ids: Ids::default(),
            // AWS documents none of the three.
            continuation_delay: Duration::from_secs(5),
            offer_interval: Duration::from_secs(30),
            credentials_lifetime: Duration::from_secs(60 * 60),
            // Nor whether the acknowledgement of a job can be repeated.
            acknowledged_once: false,
            variable_bytes: MOST_VARIABLE_BYTES,
            characters: usize::MAX,
        }
    }
}

impl Jobs {
    pub(super) fn poll(
        &mut self,
        request: &Value,
        types: &ActionTypes,
        grants: &mut Grants,
        now: Timestamp,
    ) -> ApiResult {
        let (action_type, query) = asked_for(request, types)?;
        let is_asked_for = |job: &Job| {
            let Declared { action_type: its, data, .. } = &self.executions[job.execution].declared;
            let configuration = &data["actionConfiguration"]["configuration"];
            let has = |(name, value): (&String, &Value)| configuration.get(name) == Some(value);
            job.offered_from <= now && *its == action_type && query.is_none_or(has)
        };
        // The default is not documented.
        let most = number(request, "maxBatchSize").unwrap_or(1);
        let queue = self.queue.iter().copied();
        let offered: Vec<usize> = queue.filter(|index| is_asked_for(&self.jobs[*index])).take(most).collect();

        let mut jobs = Vec::new();
        for index in offered {
            let nonce = self.ids.nonce();
            let job = &mut self.jobs[index];
            job.status = JobStatus::Dispatched;
            job.nonce = Some(nonce.clone());
            job.offered_from = now.plus(self.offer_interval);
            let mut view = self.view(index, grants, now);
            view["nonce"] = nonce.into();
            jobs.push(view);
        }
        Ok(json!({ "jobs": jobs }))
    }

    pub(super) fn acknowledge(&mut self, request: &Value) -> ApiResult {
        let index = self.find(request)?;
        let job = &mut self.jobs[index];
        let is_used = self.acknowledged_once && job.status != JobStatus::Dispatched;
        refuse_if(is_used || job.nonce.as_deref() != request["nonce"].as_str(), || {
            let message = format!("The nonce is not the one that job {} was last offered with", job.id);
            ApiError::new("InvalidNonceException", message)
        })?;
        if job.status == JobStatus::Dispatched {
            job.status = JobStatus::InProgress;
            self.queue.remove(&index);
        }
        Ok(json!({ "status": job.status }))
    }

    pub(super) fn details(&self, request: &Value, grants: &mut Grants, now: Timestamp) -> ApiResult {
        Ok(json!({ "jobDetails": self.view(self.find(request)?, grants, now) }))
    }

    /// Starts an execution whose first job can be polled at once; gives the execution's id.
    pub(super) fn start(&mut self, declared: Declared, now: Timestamp) -> String {
        let id = self.ids.uuid(ACTION_EXECUTION);
        let pipeline_execution = self.ids.uuid(PIPELINE_EXECUTION);
        let execution = self.executions.len();
        self.executions.push(Execution::new(id.clone(), pipeline_execution, declared, now));
        self.open.insert(execution);
        self.enqueue(execution, None, now);
        id
    }

    /// Adds a job to an execution.
    pub(super) fn enqueue(&mut self, execution: usize, token: Option<String>, offered_from: Timestamp) {
        let id = self.ids.uuid(JOB);
        let index = self.jobs.len();
        self.executions[execution].state.jobs.push(id.clone());
        self.by_id.insert(id.clone(), index);
        self.queue.insert(index);
        self.jobs.push(Job { id, execution, token, status: JobStatus::Queued, nonce: None, offered_from });
    }

    /// Ends the executions that are older than a custom action may become.
    pub(super) fn time_out(&mut self, now: Timestamp) {
        while let Some(&oldest) = self.open.first() {
            let deadline = self.executions[oldest].deadline();
            if now < deadline {
                return;
            }
            self.cut_short(oldest, ActionStatus::TimedOut, JobStatus::TimedOut, deadline);
        }
    }

    /// Ends an execution as the console's "Stop and abandon" does; nothing if it is over.
    pub(super) fn abandon(&mut self, execution: &str, now: Timestamp) {
        let open = self.open.iter().copied().find(|index| self.executions[*index].id == execution);
        if let Some(index) = open {
            // No status of a job says "abandoned", and AWS does not document which one it gets.
            self.cut_short(index, ActionStatus::Abandoned, JobStatus::Failed, now);
        }
    }

    /// Makes the jobs that were offered and not acknowledged be offered again at the next poll.
    pub(super) fn redeliver(&mut self, now: Timestamp) {
        for index in &self.queue {
            let job = &mut self.jobs[*index];
            if job.status == JobStatus::Dispatched {
                job.offered_from = now;
            }
        }
    }

    /// The position of the job that a request is about.
    pub(super) fn find(&self, request: &Value) -> Result<usize, ApiError> {
        let id = request["jobId"].as_str().unwrap_or_default();
        let found = self.by_id.get(id).copied();
        found.ok_or_else(|| ApiError::new("JobNotFoundException", format!("There is no job {id}")))
    }

    fn view(&self, index: usize, grants: &mut Grants, now: Timestamp) -> Value {
        let job = &self.jobs[index];
        self.executions[job.execution].view(job, grants, self.credentials_lifetime, now)
    }

    /// Ends an execution that nobody answered, and its latest job, the only one that is not over.
    fn cut_short(&mut self, execution: usize, status: ActionStatus, of_job: JobStatus, at: Timestamp) {
        self.open.remove(&execution);
        let ended = &mut self.executions[execution];
        ended.end(status, at);
        let latest = ended.state.jobs.last().and_then(|id| self.by_id.get(id));
        if let Some(&index) = latest {
            self.queue.remove(&index);
            self.jobs[index].status = of_job;
        }
    }
}

/// The entry of `queryParam`: a property and the value that the jobs have to have.
type Query<'a> = (&'a String, &'a Value);

/// The action type that a poll is for, and its query if the type has a queryable property.
fn asked_for<'a>(request: &'a Value, types: &ActionTypes) -> Result<(TypeId, Option<Query<'a>>), ApiError> {
    let id = &request["actionTypeId"];
    let action_type = TypeId::of(id);
    let is_custom = id["owner"] == "Custom";
    let Some(found) = types.get(&action_type).filter(|_| is_custom) else {
        let message = format!("The action type {action_type} cannot be found");
        return Err(ApiError::new("ActionTypeNotFoundException", message));
    };
    let queryable = found.queryable();
    let given = request["queryParam"].as_object().and_then(|map| map.iter().next());
    match (queryable, given) {
        (None, None) => Ok((action_type, None)),
        (Some(property), Some(query)) if property.name == *query.0 => Ok((action_type, Some(query))),
        (Some(Property { name, .. }), _) => {
            Err(invalid(format!("queryParam has to give a value for {name}")))
        }
        (None, Some(_)) => {
            Err(invalid("queryParam has to be empty: the action type has no queryable property"))
        }
    }
}
