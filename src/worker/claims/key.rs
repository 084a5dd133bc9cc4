//! What a job's claim is called, in a folder and in a bucket.

use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::job::JobId;

const EXTENSION: &str = ".json";

/// The name of the job's claim. An id that is no lower-case UUID never becomes part of a path.
///
/// # Errors
/// [`FailureKind::InvalidInput`] for such an id.
pub(super) fn name(job: &JobId) -> Result<String, Failure> {
    if is_uuid(job.as_str()) {
        return Ok(format!("{job}{EXTENSION}"));
    }
    Err(Failure::new(FailureKind::InvalidInput, format!("the job id {:?} cannot be claimed", job.as_str()))
        .because("a job's id is a lower-case UUID"))
}

/// The job whose claim is called `name`; none if that is something else.
pub(super) fn job(name: &str) -> Option<JobId> {
    name.strip_suffix(EXTENSION).filter(|id| is_uuid(id)).map(JobId::new)
}

/// 8, 4, 4, 4 and 12 hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            0..=7 | 9..=12 | 14..=17 | 19..=22 | 24.. => is_digit(byte),
        })
}

#[cfg(test)]
mod tests {
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
