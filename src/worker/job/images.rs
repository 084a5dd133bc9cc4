//! What a job is to deploy: the images of its configuration, or those of its artifact.

use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::image::Images;
use evenkeel_core::job::{Job, JobConfiguration};
use evenkeel_core::ports::{Access, JobQueue};

use crate::artifact::{self, Wanted};

/// The images that the job is to deploy.
///
/// The job's own credentials open its artifact; where they do not any more, CodePipeline is asked
/// for new ones, once.
///
/// # Errors
/// [`FailureKind::Unreadable`] when there is no artifact, or nothing in it that is understood.
pub(super) async fn images<Q: JobQueue, A: Access>(
    queue: &Q,
    access: &A,
    job: &Job,
    configuration: &JobConfiguration,
) -> Result<Images, Failure> {
    if let Some(images) = &configuration.images {
        return Ok(images.clone());
    }
    let read = read(access, job, configuration).await;
    let Err(denied) = &read else { return read };
    if denied.kind() != FailureKind::Denied {
        return read;
    }
    match queue.details(&job.id).await? {
        Some(fresh) if fresh.credentials != job.credentials => {
            self::read(access, &fresh, configuration).await
        }
        Some(_) | None => read,
    }
}

async fn read<A: Access>(access: &A, job: &Job, configuration: &JobConfiguration) -> Result<Images, Failure> {
    let missing = |what: &str| {
        Failure::new(FailureKind::Unreadable, what)
            .advice("Give the action an input artifact, or its images by the property `Images`")
    };
    let artifact = match job.inputs.as_slice() {
        [artifact] => artifact,
        [] if configuration.is_file_optional => return Ok(Images::default()),
        [] => return Err(missing("the action has no input artifact to read image definitions from")),
        several => return Err(missing(&format!("the action has {} input artifacts", several.len()))),
    };
    let Some(credentials) = &job.credentials else {
        return Err(missing("CodePipeline gave no credentials for the input artifact"));
    };
    let wanted = Wanted {
        file_name: configuration.file_name.clone(),
        is_optional: configuration.is_file_optional,
        container_name: configuration.container_name.clone(),
    };
    artifact::read_images(&access.artifacts(credentials), &artifact.location, &wanted).await
}
