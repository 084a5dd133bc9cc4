//! CodePipeline's jobs through its SDK.

use std::collections::HashMap;

use aws_config::retry::RetryConfig;
use aws_sdk_codepipeline::Client;
use aws_sdk_codepipeline::operation::acknowledge_job::AcknowledgeJobError;
use aws_sdk_codepipeline::operation::get_job_details::GetJobDetailsError;
use aws_sdk_codepipeline::operation::poll_for_jobs::PollForJobsError;
use aws_sdk_codepipeline::operation::put_job_failure_result::PutJobFailureResultError;
use aws_sdk_codepipeline::operation::put_job_success_result::PutJobSuccessResultError;
use aws_sdk_codepipeline::types::{
    ActionCategory, ActionOwner, ActionTypeId, ExecutionDetails, FailureDetails, JobStatus,
};
use evenkeel_core::failure::Failure;
use evenkeel_core::job::{ActionType, Answer, FailureType, Job, JobId, Secret};
use evenkeel_core::ports::{Acknowledgement, JobQueue, Offer};

use super::calls::Throttled;
use super::error::failure_of;
use super::job;
use super::lost::LostResponse;

/// The prefix of CodePipeline's actions in IAM.
const IAM: &str = "codepipeline";

/// CodePipeline's jobs for one action type, as the SDK reaches them.
#[derive(Debug, Clone)]
pub struct CodePipelineQueue {
    client: Client,
    action_type: ActionType,
    /// Of the polls.
    throttled: Throttled,
}

impl CodePipelineQueue {
    pub(super) fn new(client: Client, action_type: ActionType) -> Self {
        Self { client, action_type, throttled: Throttled::default() }
    }

    fn action_type_id(&self) -> Result<ActionTypeId, Failure> {
        let id = ActionTypeId::builder()
            .category(ActionCategory::from(self.action_type.category.as_str()))
            .owner(ActionOwner::Custom)
            .provider(self.action_type.provider.as_str())
            .version(self.action_type.version.as_str());
        id.build().map_err(|error| job::bug("an action type id", error))
    }
}

/// The settings of a poll, whose caller polls again anyway: the one retry is for a signature by a wrong clock.
fn barely_retried() -> aws_sdk_codepipeline::config::Builder {
    let retries = RetryConfig::standard().with_max_attempts(2);
    aws_sdk_codepipeline::config::Builder::new().retry_config(retries)
}

impl JobQueue for CodePipelineQueue {
    async fn poll(&self, capacity: usize) -> Result<Vec<Offer>, Failure> {
        let batch = i32::try_from(capacity).unwrap_or(i32::MAX);
        let call = self.client.poll_for_jobs().action_type_id(self.action_type_id()?).max_batch_size(batch);
        let sent = Box::pin(
            call.customize().config_override(barely_retried().interceptor(self.throttled.counter())).send(),
        )
        .await;
        let answer = sent.map_err(|error| {
            let of = format!("action type {}", self.action_type);
            let failed = failure_of(IAM, "PollForJobs", &of, &error);
            match error.as_service_error().is_some_and(PollForJobsError::is_action_type_not_found_exception) {
                true => failed.advice("Make it by `evenkeel action-type print`, or name another one"),
                false => failed,
            }
        })?;
        Ok(answer.jobs.unwrap_or_default().into_iter().filter_map(job::offer).collect())
    }

    fn throttled(&self) -> u64 {
        self.throttled.count()
    }

    async fn acknowledge(&self, id: &JobId, nonce: &Secret) -> Result<Acknowledgement, Failure> {
        let call = self.client.acknowledge_job().job_id(id.as_str()).nonce(nonce.expose());
        let lost = LostResponse::default();
        match Box::pin(call.customize().interceptor(lost.clone()).send()).await {
            Ok(answer) if answer.status() == Some(&JobStatus::InProgress) => Ok(Acknowledgement::Ours),
            Ok(_) => Ok(Acknowledgement::NotOurs),
            Err(error) => match error.as_service_error() {
                // AWS does not say whether a nonce can be used again.
                Some(AcknowledgeJobError::InvalidNonceException(_)) if lost.happened() => {
                    Ok(Acknowledgement::Unsure)
                }
                Some(
                    AcknowledgeJobError::InvalidNonceException(_)
                    | AcknowledgeJobError::JobNotFoundException(_),
                ) => Ok(Acknowledgement::NotOurs),
                _ => Err(failure_of(IAM, "AcknowledgeJob", &format!("job {id}"), &error)),
            },
        }
    }

    async fn details(&self, id: &JobId) -> Result<Option<Job>, Failure> {
        match Box::pin(self.client.get_job_details().job_id(id.as_str()).send()).await {
            Ok(answer) => Ok(answer.job_details.and_then(job::details)),
            Err(error)
                if error.as_service_error().is_some_and(GetJobDetailsError::is_job_not_found_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(failure_of(IAM, "GetJobDetails", &format!("job {id}"), &error)),
        }
    }

    async fn answer(&self, id: &JobId, answer: &Answer) -> Result<bool, Failure> {
        match answer {
            Answer::HandOn { token, external_id, summary } => {
                self.succeed(id, Some(token), external_id.as_deref(), summary, None).await
            }
            Answer::Succeed { summary, external_id, variables } => {
                let variables = variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
                self.succeed(id, None, external_id.as_deref(), summary, Some(variables)).await
            }
            Answer::Fail { kind, message, external_id } => {
                self.fail(id, *kind, message, external_id.as_deref()).await
            }
        }
    }
}

impl CodePipelineQueue {
    async fn succeed(
        &self,
        id: &JobId,
        token: Option<&str>,
        external_id: Option<&str>,
        summary: &str,
        variables: Option<HashMap<String, String>>,
    ) -> Result<bool, Failure> {
        let present = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let details = ExecutionDetails::builder()
            .set_summary(present(summary))
            .set_external_execution_id(external_id.and_then(present));
        let call = self
            .client
            .put_job_success_result()
            .job_id(id.as_str())
            .set_continuation_token(token.map(str::to_owned))
            .execution_details(details.build())
            .set_output_variables(variables.filter(|variables| !variables.is_empty()));
        match Box::pin(call.send()).await {
            Ok(_) => Ok(true),
            Err(error)
                if error.as_service_error().is_some_and(|error| {
                    PutJobSuccessResultError::is_invalid_job_state_exception(error)
                        || error.is_job_not_found_exception()
                }) =>
            {
                Ok(false)
            }
            Err(error) => Err(failure_of(IAM, "PutJobSuccessResult", &format!("job {id}"), &error)),
        }
    }

    async fn fail(
        &self,
        id: &JobId,
        kind: FailureType,
        message: &str,
        external_id: Option<&str>,
    ) -> Result<bool, Failure> {
        let details = FailureDetails::builder()
            .r#type(aws_sdk_codepipeline::types::FailureType::from(kind.as_str()))
            .message(message)
            .set_external_execution_id(external_id.filter(|id| !id.is_empty()).map(str::to_owned))
            .build()
            .map_err(|error| job::bug("failure details", error))?;
        let call = self.client.put_job_failure_result().job_id(id.as_str()).failure_details(details);
        match Box::pin(call.send()).await {
            Ok(_) => Ok(true),
            Err(error)
                if error.as_service_error().is_some_and(|error| {
                    PutJobFailureResultError::is_invalid_job_state_exception(error)
                        || error.is_job_not_found_exception()
                }) =>
            {
                Ok(false)
            }
            Err(error) => Err(failure_of(IAM, "PutJobFailureResult", &format!("job {id}"), &error)),
        }
    }
}
