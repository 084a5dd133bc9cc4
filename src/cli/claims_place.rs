//! Where a worker's claims are kept, as it is typed.

use std::path::PathBuf;

use evenkeel_core::encryption::{CLAIMS_FORM, Encryption};
use evenkeel_core::failure::Failure;
use evenkeel_core::job::ObjectAddress;

/// Where claims are kept.
pub(super) enum ClaimsPlace {
    /// `s3://BUCKET/PREFIX`: the bucket and what the keys begin with, and how the objects are encrypted.
    Bucket(ObjectAddress, Encryption),
    /// `dir:PATH`.
    Folder(PathBuf),
}

impl ClaimsPlace {
    /// Reads it.
    ///
    /// # Errors
    /// [`Failure::usage`] for anything else, with the form that it should have.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = |why: &str, form: &str| {
            Failure::usage(format!("--claims {text:?} is not understood"))
                .because(why)
                .advice(format!("Give {form}"))
        };
        if let Some(path) = text.strip_prefix("dir:").filter(|path| !path.is_empty()) {
            return Ok(Self::Folder(PathBuf::from(path)));
        }
        let (address, encryption) = Encryption::split(text).map_err(|why| wrong(why, CLAIMS_FORM))?;
        match address.strip_prefix("s3://").map(|rest| rest.split_once('/').unwrap_or((rest, ""))) {
            Some((bucket, prefix)) if !bucket.is_empty() => {
                let key = prefix.trim_matches('/').to_owned();
                Ok(Self::Bucket(ObjectAddress { bucket: bucket.to_owned(), key }, encryption))
            }
            Some(_) | None => {
                Err(wrong("claims are kept in a bucket or in a folder", "s3://BUCKET/PREFIX or dir:PATH"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_core::failure::FailureKind;

    use super::*;

    #[test]
    fn a_bucket_may_say_how_it_is_encrypted_and_a_mistake_shows_the_form() {
        let bucket = |text: &str| match ClaimsPlace::parse(text).unwrap() {
            ClaimsPlace::Bucket(at, encryption) => format!("{at}{encryption}"),
            ClaimsPlace::Folder(path) => path.display().to_string(),
        };
        for (typed, read) in [
            ("s3://claims/evenkeel/", "s3://claims/evenkeel"),
            ("s3://claims?sse=aws:kms", "s3://claims/?sse=aws:kms"),
            ("s3://claims/e?sse=aws:kms&kms-key-id=alias/a", "s3://claims/e?sse=aws:kms&kms-key-id=alias/a"),
            ("dir:/claims", "/claims"),
        ] {
            assert_eq!(bucket(typed), read);
        }
        for (typed, words) in [
            ("s3://", "Give s3://BUCKET/PREFIX or dir:PATH"),
            ("dir:", "Give s3://BUCKET/PREFIX or dir:PATH"),
            ("s3://claims/e?sse=x", "Give s3://BUCKET/PREFIX?sse=AES256 or"),
        ] {
            let Err(failure) = ClaimsPlace::parse(typed) else { panic!("{typed} is understood") };
            assert_eq!(failure.kind(), FailureKind::Usage);
            assert!(failure.to_string().contains(words), "{failure}");
        }
    }
}
