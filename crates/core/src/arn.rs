//! The name of one revision of a task definition.

use super::failure::Failure;
use crate::words::shows_as_str;

/// The ARN of one revision: `arn:aws:ecs:eu-west-1:123456789012:task-definition/web:12`.
///
/// Ordered as text, so that it can be a key; ask for [`revision`](Self::revision) to find the newest.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskDefinitionArn {
    text: String,
    /// Where `family:revision` begins in `text`.
    family_at: usize,
    /// Where the colon before the revision stands in `text`.
    colon_at: usize,
    revision: u64,
}

impl TaskDefinitionArn {
    /// Reads an ARN as AWS writes it, of whatever partition.
    ///
    /// # Errors
    /// A [`Failure::invalid_input`] that quotes `text`: what was called is not AWS as Evenkeel knows it.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        parts(text).ok_or_else(|| {
            Failure::invalid_input(format!("{text:?} is not the ARN of a task definition's revision"))
                .because("expected arn:PARTITION:ecs:REGION:ACCOUNT:task-definition/FAMILY:REVISION")
        })
    }

    /// The whole ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands before the family: the same in all ARNs of an account and Region.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.text[..self.family_at]
    }

    /// The family: `web`.
    #[must_use]
    pub fn family(&self) -> &str {
        &self.text[self.family_at..self.colon_at]
    }

    /// Another revision of the same family.
    #[must_use]
    pub fn sibling(&self, revision: u64) -> Self {
        let text = format!("{}:{revision}", &self.text[..self.colon_at]);
        Self { text, revision, ..self.clone() }
    }

    /// The number of the revision: 12. A later revision of the same family has a higher one.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The short name that people and the ECS console use: `web:12`.
    #[must_use]
    pub fn family_and_revision(&self) -> &str {
        &self.text[self.family_at..]
    }
}

shows_as_str!(TaskDefinitionArn: Debug, Display);

fn parts(text: &str) -> Option<TaskDefinitionArn> {
    let Arn { partition, region, account, resource, .. } = Arn::of(text, "ecs")?;
    let (family, revision) = resource.strip_prefix("task-definition/")?.split_once(':')?;
    let number: u64 = revision.parse().ok()?;
    let is_whole = [partition, region, account, family].iter().all(|part| !part.is_empty());
    // `u64::from_str` takes "+12" and "012" too, and the number would not tell the ARN any more.
    let is_sound = is_whole && !family.contains('/') && number.to_string() == revision;
    let colon_at = text.len() - revision.len() - 1;
    is_sound.then(|| TaskDefinitionArn {
        text: text.to_owned(),
        family_at: colon_at - family.len(),
        colon_at,
        revision: number,
    })
}

/// The parts of any ARN, of whatever form each of them is: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`.
pub(super) struct Arn<'a> {
    pub(super) partition: &'a str,
    pub(super) service: &'a str,
    pub(super) region: &'a str,
    pub(super) account: &'a str,
    pub(super) resource: &'a str,
}

impl<'a> Arn<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let fields: [&str; 6] = text.splitn(6, ':').collect::<Vec<_>>().try_into().ok()?;
        let ["arn", partition, service, region, account, resource] = fields else { return None };
        Some(Self { partition, service, region, account, resource })
    }

    /// The parts of an ARN of this service.
    pub(super) fn of(text: &'a str, service: &str) -> Option<Self> {
        Self::parse(text).filter(|arn| arn.service == service)
    }
}

/// What stands behind the last slash of an ARN or a path: the name of a thing without those of what it is in.
pub(super) fn last_part(text: &str) -> &str {
    text.rsplit_once('/').map_or(text, |(_, last)| last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureKind;

    #[test]
    fn an_arn_tells_its_family_and_its_revision() {
        let arn =
            TaskDefinitionArn::parse("arn:aws:ecs:eu-west-1:123456789012:task-definition/web:12").unwrap();
        assert_eq!(arn.as_str(), "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:12");
        assert_eq!(arn.to_string(), arn.as_str());
        assert_eq!(arn.family(), "web");
        assert_eq!(arn.revision(), 12);
        assert_eq!(arn.family_and_revision(), "web:12");
    }

    #[test]
    fn every_partition_is_known() {
        for partition in ["aws", "aws-cn", "aws-us-gov", "aws-iso-b", "aws-eusc"] {
            let arn = format!("arn:{partition}:ecs:some-region-1:123456789012:task-definition/a_b-c:1");
            assert_eq!(TaskDefinitionArn::parse(&arn).unwrap().family_and_revision(), "a_b-c:1");
        }
    }

    #[test]
    fn anything_else_is_a_bug_that_quotes_the_text() {
        for text in [
            "",
            "web:12",
            "arn:aws:ecs:eu-west-1:123456789012:task-definition/web",
            "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:",
            "arn:aws:ecs:eu-west-1:123456789012:task-definition/:12",
            "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:+12",
            "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:012",
            "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:12:3",
            "arn:aws:ecs:eu-west-1:123456789012:task-definition/a/web:12",
            "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:99999999999999999999",
            "arn:aws:ecs:eu-west-1:123456789012:service/web:12",
            "arn:aws:ecs::123456789012:task-definition/web:12",
            "arn::ecs:eu-west-1:123456789012:task-definition/web:12",
            "arn:aws:iam:eu-west-1:123456789012:task-definition/web:12",
        ] {
            let failure = TaskDefinitionArn::parse(text).unwrap_err();
            assert_eq!(failure.kind(), FailureKind::InvalidInput, "{text}");
            assert!(failure.to_string().starts_with(&format!("{text:?} is not")), "{failure}");
        }
    }
}
