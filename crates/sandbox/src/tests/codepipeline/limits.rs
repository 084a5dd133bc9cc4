//! The limits of what a worker sends: at the limit it passes, one over it is refused.

use aws_sdk_codepipeline::operation::put_job_success_result::builders::PutJobSuccessResultFluentBuilder;
use aws_sdk_codepipeline::types::{CurrentRevision, ExecutionDetails, FailureDetails, FailureType, Job};

use super::{Shop, code, type_id};
use crate::ActionStatus;

type Success = PutJobSuccessResultFluentBuilder;

/// A member of a success result, how to fill it with so many characters, and its limits.
type Limit = (&'static str, fn(Success, usize) -> Success, usize, usize);

const SUCCESS_LIMITS: [Limit; 7] = [
    ("continuationToken", |it, size| it.continuation_token(text(size)), 1, 2048),
    (
        "executionDetails.summary",
        |it, size| it.execution_details(ExecutionDetails::builder().summary(text(size)).build()),
        1,
        2048,
    ),
    (
        "executionDetails.externalExecutionId",
        |it, size| {
            it.execution_details(ExecutionDetails::builder().external_execution_id(text(size)).build())
        },
        1,
        1500,
    ),
    ("currentRevision.revision", |it, size| it.current_revision(revision(size, 1, 1)), 1, 1500),
    ("currentRevision.changeIdentifier", |it, size| it.current_revision(revision(1, size, 1)), 1, 100),
    ("currentRevision.revisionSummary", |it, size| it.current_revision(revision(1, 1, size)), 1, 2048),
    ("outputVariables.key", |it, size| it.output_variables("x".repeat(size), ""), 1, 122_880),
];

#[tokio::test(start_paused = true)]
async fn a_success_result_has_limits() {
    for (member, filled, min, max) in SUCCESS_LIMITS {
        for (size, is_valid) in [(min - 1, false), (min, true), (max, true), (max + 1, false)] {
            let shop = Shop::new();
            let execution = shop.start();
            let job = shop.take().await;
            let answer = filled(success(&shop, &job), size).send().await;
            assert_eq!(answer.is_ok(), is_valid, "{member} of {size} characters: {answer:?}");
            if let Err(error) = answer {
                let of_variables = member == "outputVariables.key" && size > max;
                let expected =
                    if of_variables { "OutputVariablesSizeExceededException" } else { "ValidationException" };
                assert_eq!(code(&error), expected, "{member}");
                let state = shop.state(&execution);
                assert_eq!((state.status, state.refused_results), (ActionStatus::InProgress, 1), "{member}");
                assert_eq!(
                    success(&shop, &job).send().await.map(drop).ok(),
                    Some(()),
                    "a valid one still counts"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_breach_is_told_in_the_words_of_aws() {
    let shop = Shop::new();
    shop.start();
    let job = shop.take().await;
    let details = ExecutionDetails::builder().summary("").percent_complete(101).build();
    let error = success(&shop, &job).execution_details(details).send().await.unwrap_err();
    assert_eq!(
        error.into_service_error().to_string(),
        "ValidationException: 2 validation errors detected: \
         Value '101' at 'executionDetails.percentComplete' failed to satisfy constraint: \
         Member must have value less than or equal to 100; \
         Value '' at 'executionDetails.summary' failed to satisfy constraint: \
         Member must have length greater than or equal to 1"
    );
}

#[tokio::test(start_paused = true)]
async fn percent_complete_is_between_0_and_100() {
    for (percent, is_valid) in [(-1, false), (0, true), (100, true), (101, false)] {
        let shop = Shop::new();
        shop.start();
        let job = shop.take().await;
        let details = ExecutionDetails::builder().percent_complete(percent).build();
        let answer = success(&shop, &job).execution_details(details).send().await;
        assert_eq!(answer.is_ok(), is_valid, "{percent}");
    }
}

#[tokio::test(start_paused = true)]
async fn output_variables_have_keys_of_few_characters_and_come_without_a_token() {
    for (key, is_valid) in [
        ("Image_web-1@A", true),
        ("", false),
        ("Image.web", false),
        ("Image web", false),
        ("Image/web", false),
        ("Bildgröße", false),
    ] {
        let shop = Shop::new();
        shop.start();
        let job = shop.take().await;
        let answer = success(&shop, &job).output_variables(key, "any: value, of any size!").send().await;
        assert_eq!(answer.map(drop).map_err(|error| code(&error)).is_ok(), is_valid, "{key}");
    }

    let shop = Shop::new();
    shop.start();
    let job = shop.take().await;
    let both = success(&shop, &job).output_variables("Outcome", "deployed").continuation_token("token");
    assert_eq!(code(&both.send().await.unwrap_err()), "ValidationException");
}

/// Keys and values together; a character of several bytes counts as those.
#[tokio::test(start_paused = true)]
async fn output_variables_have_so_many_bytes_at_most() {
    for (size, is_valid) in [(122_880, true), (122_881, false)] {
        let shop = Shop::new();
        shop.start();
        let job = shop.take().await;
        let value = "ü".repeat(1000) + &"x".repeat(size - 2000 - "first".len() - "second".len() - 1);
        let request = success(&shop, &job).output_variables("first", "1").output_variables("second", value);
        let answer = request.send().await.map(drop).map_err(|error| code(&error));
        assert_eq!(answer.is_ok(), is_valid, "{answer:?}");
        if let Err(code) = answer {
            assert_eq!(code, "OutputVariablesSizeExceededException");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_result_has_limits_and_six_types() {
    for (message, external, is_valid) in [
        (0, 1, false),
        (1, 0, false),
        (1, 1, true),
        (5000, 1500, true),
        (5001, 1500, false),
        (5000, 1501, false),
    ] {
        let answer = failure("JobFailed", message, external).await;
        assert_eq!(answer.is_ok(), is_valid, "{message} and {external}");
        assert!(answer.is_ok() || answer == Err("ValidationException".to_owned()), "{answer:?}");
    }
    for kind in [
        "JobFailed",
        "ConfigurationError",
        "PermissionError",
        "RevisionOutOfSync",
        "RevisionUnavailable",
        "SystemUnavailable",
    ] {
        assert_eq!(failure(kind, 1, 1).await, Ok(()), "{kind}");
    }
    assert_eq!(failure("PermissionsError", 1, 1).await, Err("ValidationException".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn what_names_a_job_has_a_form() {
    let shop = Shop::new();
    shop.start();
    let job = shop.poll(1).await.remove(0);
    let id = job.id().unwrap();
    for (nonce, answer) in [
        ("n".repeat(50), "InvalidNonceException"),
        ("n".repeat(51), "ValidationException"),
        (String::new(), "ValidationException"),
    ] {
        let job = Job::builder().id(id).nonce(nonce).build();
        assert_eq!(shop.acknowledge(&job).await, answer);
    }
    for wrong in [id.to_uppercase().as_str(), "job-1", "", &id[1..], &format!("{id}0")] {
        let job = Job::builder().id(wrong).nonce("nonce").build();
        assert_eq!(shop.acknowledge(&job).await, "ValidationException", "{wrong}");
        assert_eq!(shop.succeed(&job).await, Err("ValidationException".to_owned()), "{wrong}");
        assert_eq!(shop.fail(&job).await, Err("ValidationException".to_owned()), "{wrong}");
        let details = shop.worker.get_job_details().job_id(wrong).send().await;
        assert_eq!(code(&details.unwrap_err()), "ValidationException", "{wrong}");
    }
    let poll = shop.worker.poll_for_jobs().action_type_id(type_id("Evenkeel")).max_batch_size(0);
    assert_eq!(code(&poll.send().await.unwrap_err()), "ValidationException");
}

fn success(shop: &Shop, job: &Job) -> Success {
    shop.worker.put_job_success_result().job_id(job.id().unwrap())
}

async fn failure(kind: &str, message: usize, external: usize) -> Result<(), String> {
    let shop = Shop::new();
    shop.start();
    let job = shop.take().await;
    let details = FailureDetails::builder().r#type(FailureType::from(kind)).message(text(message));
    let details = details.external_execution_id(text(external)).build().unwrap();
    let request = shop.worker.put_job_failure_result().job_id(job.id().unwrap()).failure_details(details);
    request.send().await.map(drop).map_err(|error| code(&error))
}

fn revision(revision: usize, change: usize, summary: usize) -> CurrentRevision {
    let builder = CurrentRevision::builder().revision(text(revision)).change_identifier(text(change));
    builder.revision_summary(text(summary)).build().unwrap()
}

/// So many characters, each of two bytes: limits count characters.
fn text(characters: usize) -> String {
    "ü".repeat(characters)
}
