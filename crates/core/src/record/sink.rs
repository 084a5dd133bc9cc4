//! Where a record is to be kept, parsed once.

use std::fmt;

use super::super::encryption::{self, Encryption};
use super::super::failure::{Failure, FailureKind};
use super::super::job::ObjectAddress;
use super::super::quote::quoted;

/// The longest name of a parameter, with what stands before it in its ARN (AWS Systems Manager API
/// reference, `PutParameter`).
const MAX_PARAMETER_ARN: usize = 1011;
/// The ARN's part before the name in the partition and Region with the longest names.
const PARAMETER_PREFIX: usize = "arn:aws-iso-b:ssm:ap-northeast-1:123456789012:parameter".len();
/// How many levels a parameter's name may have (same source).
const MAX_LEVELS: usize = 15;
/// The longest key of an object, in bytes (Amazon S3 user guide, "Naming Amazon S3 objects").
const MAX_KEY: usize = 1024;

/// Where a record is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sink {
    /// `ssm:/NAME`: a parameter of AWS Systems Manager.
    Parameter(String),
    /// `s3://BUCKET/KEY`: an object, encrypted as it says behind a question mark.
    Object(ObjectAddress, Encryption),
    /// `tfstate:s3://BUCKET/KEY`: an object that Terraform reads as the state of another configuration.
    State(ObjectAddress, Encryption),
    /// `tfvars:PATH`: a file that sets a variable of Terraform's.
    Variables(String),
    /// `file:PATH`.
    File(String),
}

impl Sink {
    /// Reads the place of a record as it is typed.
    ///
    /// # Errors
    /// [`FailureKind::Usage`] for anything else, with the form that it should have.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        Self::parse_shown_as(text, text)
    }

    /// Reads `text`; a mistake in it is shown in `typed`.
    pub(super) fn parse_shown_as(text: &str, typed: &str) -> Result<Self, Failure> {
        read(text).map_err(|Wrong { why, form }| {
            Failure::new(FailureKind::Usage, format!("{} names no place for a record", quoted(typed)))
                .because(why)
                .advice(format!("Give {form}"))
        })
    }

    /// The sink with `change` made to the names in it.
    pub(super) fn renamed(self, change: impl Fn(&str) -> String) -> Self {
        let object = |at: ObjectAddress| ObjectAddress { bucket: change(&at.bucket), key: change(&at.key) };
        match self {
            Self::Parameter(name) => Self::Parameter(change(&name)),
            Self::Object(at, encryption) => Self::Object(object(at), encryption),
            Self::State(at, encryption) => Self::State(object(at), encryption),
            Self::Variables(path) => Self::Variables(change(&path)),
            Self::File(path) => Self::File(change(&path)),
        }
    }

    /// Whether it is in AWS.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        match self {
            Self::Parameter(_) | Self::Object(..) | Self::State(..) => true,
            Self::Variables(_) | Self::File(_) => false,
        }
    }
}

/// As it is typed.
impl fmt::Display for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(name) => write!(f, "ssm:{name}"),
            Self::Object(at, encryption) => write!(f, "{at}{encryption}"),
            Self::State(at, encryption) => write!(f, "tfstate:{at}{encryption}"),
            Self::Variables(path) => write!(f, "tfvars:{path}"),
            Self::File(path) => write!(f, "file:{path}"),
        }
    }
}

/// What is wrong with a text, and what form it should have.
struct Wrong {
    why: &'static str,
    form: &'static str,
}

fn read(text: &str) -> Result<Sink, Wrong> {
    let (scheme, rest) = text.split_once(':').unwrap_or(("", text));
    match scheme {
        "ssm" => parameter(rest).map(Sink::Parameter),
        "s3" => encrypted(text, "s3://BUCKET/KEY").map(|(at, encryption)| Sink::Object(at, encryption)),
        "tfstate" => {
            encrypted(rest, "tfstate:s3://BUCKET/KEY").map(|(at, encryption)| Sink::State(at, encryption))
        }
        "tfvars" => variables(rest).map(Sink::Variables),
        "file" => path(rest, "file:PATH").map(Sink::File),
        _ => Err(Wrong {
            why: "it begins with none of the words for a place",
            form: "ssm:/NAME, s3://BUCKET/KEY, tfstate:s3://BUCKET/KEY, tfvars:PATH or file:PATH",
        }),
    }
}

/// A parameter's name (AWS Systems Manager API reference, `PutParameter`).
fn parameter(name: &str) -> Result<String, Wrong> {
    let wrong = |why| Err(Wrong { why, form: "ssm:/NAME, as in ssm:/deploy/web/record" });
    let Some(path) = name.strip_prefix('/') else {
        return wrong("a parameter's name begins with a slash");
    };
    let levels: Vec<&str> = path.split('/').collect();
    let in_level = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if levels.iter().any(|level| level.is_empty() || !level.chars().all(in_level)) {
        return wrong(
            "between the slashes of a parameter's name there are letters, digits, underscores, dots and hyphens",
        );
    }
    let first = levels[0].to_ascii_lowercase();
    if first.starts_with("aws") || first.starts_with("ssm") {
        return wrong("a parameter's name begins neither with aws nor with ssm, which AWS keeps for itself");
    }
    if levels.len() > MAX_LEVELS {
        return wrong("a parameter's name has 15 levels at most");
    }
    if PARAMETER_PREFIX + name.len() > MAX_PARAMETER_ARN {
        return wrong("the name is too long for a parameter");
    }
    Ok(name.to_owned())
}

/// An object's address, and how it is to be encrypted.
fn encrypted(text: &str, form: &'static str) -> Result<(ObjectAddress, Encryption), Wrong> {
    let split = Encryption::split(text).map_err(|why| Wrong { why, form: encryption::SINK_FORM })?;
    Ok((object(split.0, form)?, split.1))
}

/// An object's address (Amazon S3 user guide, "General purpose bucket naming rules").
fn object(text: &str, form: &'static str) -> Result<ObjectAddress, Wrong> {
    let wrong = |why| Err(Wrong { why, form });
    let Some(rest) = text.strip_prefix("s3://") else {
        return wrong("an object's address begins with s3://");
    };
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    let in_bucket = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
    let at_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if bucket.is_empty() {
        return wrong("the bucket is missing");
    }
    if !(3..=63).contains(&bucket.len())
        || !bucket.chars().all(in_bucket)
        || !at_end(bucket.chars().next())
        || !at_end(bucket.chars().next_back())
    {
        return wrong("a bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens");
    }
    if key.is_empty() || key.ends_with('/') {
        return wrong("the object's key is missing");
    }
    if key.len() > MAX_KEY || key.chars().any(char::is_control) {
        return wrong("a key has 1024 bytes at most, and no control characters");
    }
    Ok(ObjectAddress { bucket: bucket.to_owned(), key: key.to_owned() })
}

/// Terraform takes a file of variables as JSON only by this ending.
fn variables(text: &str) -> Result<String, Wrong> {
    let form = "tfvars:PATH, as in tfvars:evenkeel.auto.tfvars.json";
    let path = path(text, form)?;
    if !path.ends_with(".tfvars.json") {
        return Err(Wrong { why: "Terraform reads variables as JSON from a file *.tfvars.json", form });
    }
    Ok(path)
}

fn path(text: &str, form: &'static str) -> Result<String, Wrong> {
    if text.is_empty() || text.ends_with('/') {
        return Err(Wrong { why: "the file's name is missing", form });
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_read_and_told_as_it_is_typed() {
        for text in [
            "ssm:/deploy/web/record",
            "ssm:/a.b_c-d",
            "s3://shop-records/web.json",
            "s3://a.b/deep/er/key with blanks",
            "tfstate:s3://shop-records/web.tfstate",
            "s3://shop-records/web.json?sse=AES256",
            "tfstate:s3://shop-records/web.tfstate?sse=aws:kms&kms-key-id=alias/shop",
            "tfvars:evenkeel.auto.tfvars.json",
            "tfvars:/deep/er/x.tfvars.json",
            "file:record.json",
            "file:C:\\record.json",
        ] {
            assert_eq!(Sink::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn every_mistake_is_a_usage_error_with_the_right_form() {
        let long = format!("ssm:/{}", "x".repeat(1000));
        let deep = format!("ssm:{}", "/x".repeat(16));
        for (text, why, form) in [
            ("", "none of the words", "ssm:/NAME, s3://"),
            ("record.json", "none of the words", "file:PATH"),
            ("http://x/y", "none of the words", "s3://BUCKET/KEY"),
            ("ssm:web", "begins with a slash", "ssm:/NAME"),
            ("ssm:", "begins with a slash", "ssm:/NAME"),
            ("ssm:/", "letters, digits", "ssm:/NAME"),
            ("ssm:/a//b", "letters, digits", "ssm:/NAME"),
            ("ssm:/a b", "letters, digits", "ssm:/NAME"),
            ("ssm:/AWS/web", "neither with aws nor", "ssm:/NAME"),
            ("ssm:/ssm-web", "neither with aws nor", "ssm:/NAME"),
            (&deep, "15 levels", "ssm:/NAME"),
            (&long, "too long", "ssm:/NAME"),
            ("s3:bucket/key", "begins with s3://", "s3://BUCKET/KEY"),
            ("s3://", "bucket is missing", "s3://BUCKET/KEY"),
            ("s3:///key", "bucket is missing", "s3://BUCKET/KEY"),
            ("s3://bucket", "key is missing", "s3://BUCKET/KEY"),
            ("s3://bucket/", "key is missing", "s3://BUCKET/KEY"),
            ("s3://Bucket/key", "lower-case", "s3://BUCKET/KEY"),
            ("s3://-bucket/key", "lower-case", "s3://BUCKET/KEY"),
            ("s3://b/key", "lower-case", "s3://BUCKET/KEY"),
            ("s3://bucket/a\nb", "control characters", "s3://BUCKET/KEY"),
            ("s3://bucket/key?sse=aws", "sse is AES256", "s3://BUCKET/KEY?sse=aws:kms&kms-key-id=KEY"),
            ("tfstate:s3://bucket/key?x", "sse and kms-key-id only", "KEY?sse=aws:kms"),
            ("tfstate:web.tfstate", "begins with s3://", "tfstate:s3://BUCKET/KEY"),
            ("tfstate:s3://bucket", "key is missing", "tfstate:s3://BUCKET/KEY"),
            ("tfvars:", "name is missing", "evenkeel.auto.tfvars.json"),
            ("tfvars:x.tfvars", "*.tfvars.json", "evenkeel.auto.tfvars.json"),
            ("file:", "name is missing", "file:PATH"),
            ("file:folder/", "name is missing", "file:PATH"),
        ] {
            let failure = Sink::parse(text).unwrap_err();
            assert_eq!(failure.kind(), FailureKind::Usage, "{text}");
            let told = failure.to_string();
            assert!(told.contains(why) && told.contains(form), "{text}: {told}");
        }
    }
}
