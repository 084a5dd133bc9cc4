//! What a job's claim is called, in a folder and in a bucket.

use evenkeel_core::failure::Failure;
use evenkeel_core::job::JobId;
use uuid::Uuid;

const EXTENSION: &str = ".json";

/// The name of the job's claim. An id that is no lower-case UUID never becomes part of a path.
///
/// # Errors
/// [`Failure::invalid_input`] for such an id.
pub(super) fn name(job: &JobId) -> Result<String, Failure> {
    if is_uuid(job.as_str()) {
        return Ok(format!("{job}{EXTENSION}"));
    }
    Err(Failure::invalid_input(format!("the job id {:?} cannot be claimed", job.as_str()))
        .because("a job's id is a lower-case UUID"))
}

/// The job whose claim is called `name`; none if that is something else.
pub(super) fn job(name: &str) -> Option<JobId> {
    name.strip_suffix(EXTENSION).filter(|id| is_uuid(id)).map(JobId::new)
}

/// Whether `text` is a UUID as CodePipeline writes one: lower-case, in five groups.
fn is_uuid(text: &str) -> bool {
    Uuid::try_parse(text).is_ok_and(|id| id.hyphenated().to_string() == text)
}

#[cfg(test)]
mod tests {
    use evenkeel_core::failure::FailureKind;

    use super::*;

    #[test]
    fn a_claim_is_called_like_its_job() {
        let id = JobId::new("0a1b2c3d-4e5f-4a6b-8c7d-8e9f0a1b2c3d");
        assert_eq!(name(&id).unwrap(), "0a1b2c3d-4e5f-4a6b-8c7d-8e9f0a1b2c3d.json");
        assert_eq!(job("0a1b2c3d-4e5f-4a6b-8c7d-8e9f0a1b2c3d.json"), Some(id));
    }

    #[test]
    fn what_is_no_job_id_is_never_a_path() {
        for text in [
            "",
            "..",
            "../../../../../../../etc/passwd/12345",
            "0A1B2C3D-4E5F-4A6B-8C7D-8E9F0A1B2C3D",
            "0a1b2c3d-4e5f-4a6b-8c7d-8e9f0a1b2c3",
            "0a1b2c3d-4e5f-4a6b-8c7d-8e9f0a1b2c3d0",
            "0a1b2c3d/4e5f/4a6b/8c7d/8e9f0a1b2c3d",
            "0a1b2c3d-4e5f-4a6b-8c7d-8e9f0a1b2c3\n",
        ] {
            let refused = name(&JobId::new(text)).unwrap_err();
            assert_eq!(refused.kind(), FailureKind::InvalidInput, "{text}");
            assert_eq!(job(&format!("{text}.json")), None);
        }
        assert_eq!(job(".0a1b2c3d-4e5f-4a6b-8c7d-8e9f0a1b2c3d.new"), None);
    }
}
