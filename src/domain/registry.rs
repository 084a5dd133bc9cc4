//! Images in Amazon ECR: whether what is to run is there, and runs on what it is to run on.

use std::fmt;

use super::failure::{Failure, FailureKind};
use super::request::is_account;
use super::task_definition::TaskDefinition;

/// An image in a private registry of Amazon ECR.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EcrImage {
    /// The registry's Region.
    pub region: String,
    /// The registry's account.
    pub account: String,
    /// The repository.
    pub repository: String,
    /// Which of its images.
    pub version: ImageVersion,
}

/// Which image of a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ImageVersion {
    /// The one that a tag names now.
    Tag(String),
    /// The one with this digest, `sha256:…`.
    Digest(String),
}

/// An image that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundImage {
    /// Its digest, `sha256:…`.
    pub digest: String,
    /// The platforms that it is for; none when its manifest does not tell.
    pub platforms: Vec<Platform>,
}

/// What an image runs on, in the words of its manifest: `linux/amd64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// The operating system: `linux`, `windows`.
    pub os: String,
    /// The processor: `amd64`, `arm64`.
    pub architecture: String,
}

impl EcrImage {
    /// The image that `reference` names, if it is in a private registry of Amazon ECR:
    /// `123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:2.0`.
    #[must_use]
    pub fn parse(reference: &str) -> Option<Self> {
        let (host, path) = reference.split_once('/')?;
        let (account, rest) = host.split_once('.')?;
        let (kind, rest) = rest.split_once(".ecr").or_else(|| rest.split_once("-ecr"))?;
        let rest = rest.strip_prefix("-fips").unwrap_or(rest).strip_prefix('.')?;
        let (region, domain) = rest.split_once('.')?;
        let is_ecr = matches!(
            domain,
            "amazonaws.com" | "amazonaws.com.cn" | "on.aws" | "on.amazonwebservices.com.cn" | "amazonaws.eu"
        );
        if kind != "dkr" || !is_ecr || !is_account(account) {
            return None;
        }
        let (repository, version) = match path.split_once('@') {
            // Where both are given, the digest decides.
            Some((named, digest)) => {
                let repository = named.split_once(':').map_or(named, |(repository, _)| repository);
                (repository, ImageVersion::Digest(digest.to_owned()))
            }
            None => {
                let (repository, tag) = path.split_once(':').unwrap_or((path, "latest"));
                (repository, ImageVersion::Tag(tag.to_owned()))
            }
        };
        Some(Self {
            region: region.to_owned(),
            account: account.to_owned(),
            repository: repository.to_owned(),
            version,
        })
    }
}

impl Platform {
    /// What the tasks of `definition` run on, if it says so. Without a word AWS Fargate takes Linux on
    /// `X86_64` (Amazon ECS API reference, `RuntimePlatform`); elsewhere the instances decide.
    #[must_use]
    pub fn of(definition: &TaskDefinition) -> Option<Self> {
        let runtime = |member| definition.member("runtimePlatform")?.get(member)?.as_str();
        let is_fargate = definition
            .member("requiresCompatibilities")
            .and_then(|needed| needed.as_array())
            .is_some_and(|needed| needed.iter().any(|name| name == "FARGATE"));
        let family = runtime("operatingSystemFamily");
        let architecture = match (runtime("cpuArchitecture"), family) {
            (Some("ARM64"), _) => "arm64",
            (Some("X86_64"), _) => "amd64",
            (None, _) if is_fargate => "amd64",
            (Some(_) | None, _) => return None,
        };
        let is_windows = family.is_some_and(|family| family.starts_with("WINDOWS"));
        let os = if is_windows { "windows" } else { "linux" };
        Some(Self { os: os.to_owned(), architecture: architecture.to_owned() })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)
    }
}

/// Checks that `image` of `container`, looked up as `found`, can run in the tasks of `definition`.
///
/// # Errors
/// [`FailureKind::InvalidInput`] for one that is not there, or is for other platforms.
pub fn check_image(
    container: &str,
    image: &str,
    found: Option<&FoundImage>,
    definition: &TaskDefinition,
) -> Result<(), Failure> {
    let wrong = |what: String| {
        Failure::new(FailureKind::InvalidInput, what)
            .advice("Push the image that is meant, or correct the image definitions; nothing was changed")
    };
    let Some(found) = found else {
        return Err(wrong(format!("the image of container {container}, {image}, is not in Amazon ECR")));
    };
    match Platform::of(definition) {
        Some(needed) if !found.platforms.is_empty() && !found.platforms.contains(&needed) => {
            let has: Vec<String> = found.platforms.iter().map(ToString::to_string).collect();
            Err(wrong(format!(
                "the image of container {container}, {image}, is for {}, and the tasks run on {needed}",
                has.join(", ")
            )))
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::task_definition::Revision;

    const HOST: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

    #[test]
    fn an_image_in_a_private_registry_is_told_apart_from_any_other() {
        let parsed = |reference: &str| {
            EcrImage::parse(reference).map(|image| match image.version {
                ImageVersion::Tag(tag) => format!("{} {} :{tag}", image.region, image.repository),
                ImageVersion::Digest(digest) => format!("{} {} @{digest}", image.region, image.repository),
            })
        };
        for (reference, expected) in [
            (format!("{HOST}/web"), Some("eu-west-1 web :latest")),
            (format!("{HOST}/shop/web:2.0"), Some("eu-west-1 shop/web :2.0")),
            (format!("{HOST}/web@sha256:ab"), Some("eu-west-1 web @sha256:ab")),
            (format!("{HOST}/web:2@sha256:ab"), Some("eu-west-1 web @sha256:ab")),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/web:1".to_owned(), Some("cn-north-1 web :1")),
            (
                "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com/web:1".to_owned(),
                Some("us-gov-west-1 web :1"),
            ),
            ("123456789012.dkr-ecr.eu-west-1.on.aws/web:1".to_owned(), Some("eu-west-1 web :1")),
            ("public.ecr.aws/nginx/nginx:1".to_owned(), None),
            ("nginx".to_owned(), None),
            ("registry.example.com:5000/web:1".to_owned(), None),
            ("1.dkr.ecr.eu-west-1.amazonaws.com/web:1".to_owned(), None),
            ("123456789012.dkr.ecr.eu-west-1.example.com/web:1".to_owned(), None),
        ] {
            assert_eq!(parsed(&reference).as_deref(), expected, "{reference}");
        }
    }

    fn definition(more: Value) -> TaskDefinition {
        let mut described = json!({
            "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:1",
            "status": "ACTIVE", "family": "web", "containerDefinitions": [{ "name": "app" }],
        });
        described.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let described = json!({ "taskDefinition": described }).to_string();
        Revision::from_describe(described.as_bytes()).unwrap().definition
    }

    #[test]
    fn tasks_run_on_what_their_definition_says_or_fargate_takes() {
        let runtime = |architecture: &str, family: &str| json!({ "runtimePlatform": { "cpuArchitecture": architecture, "operatingSystemFamily": family } });
        for (more, platform) in [
            (json!({}), None),
            (json!({ "requiresCompatibilities": ["EC2"] }), None),
            (json!({ "requiresCompatibilities": ["EC2", "FARGATE"] }), Some("linux/amd64")),
            (runtime("ARM64", "LINUX"), Some("linux/arm64")),
            (runtime("X86_64", "WINDOWS_SERVER_2022_CORE"), Some("windows/amd64")),
            (runtime("RISCV", "LINUX"), None),
        ] {
            let found = Platform::of(&definition(more.clone())).map(|platform| platform.to_string());
            assert_eq!(found.as_deref(), platform, "{more}");
        }
    }

    #[test]
    fn an_image_has_to_be_there_and_for_the_platform() {
        let fargate = definition(json!({ "requiresCompatibilities": ["FARGATE"] }));
        let anywhere = definition(json!({}));
        let platform = |text: &str| {
            let (os, architecture) = text.split_once('/').unwrap();
            Platform { os: os.to_owned(), architecture: architecture.to_owned() }
        };
        let found = |platforms: &[&str]| FoundImage {
            digest: "sha256:ab".to_owned(),
            platforms: platforms.iter().map(|text| platform(text)).collect(),
        };
        let check = |found: Option<&FoundImage>, definition: &TaskDefinition| {
            check_image("app", "web:2", found, definition).map_err(|failure| failure.to_string())
        };
        assert_eq!(check(Some(&found(&["linux/amd64"])), &fargate), Ok(()));
        assert_eq!(check(Some(&found(&["linux/arm64", "linux/amd64"])), &fargate), Ok(()));
        assert_eq!(check(Some(&found(&[])), &fargate), Ok(()), "its manifest does not tell");
        assert_eq!(check(Some(&found(&["linux/arm64"])), &anywhere), Ok(()), "instances decide");
        let other = check(Some(&found(&["linux/arm64"])), &fargate).unwrap_err();
        assert!(other.contains("web:2, is for linux/arm64, and the tasks run on linux/amd64"), "{other}");
        let missing = check(None, &fargate).unwrap_err();
        assert!(missing.contains("the image of container app, web:2, is not in Amazon ECR"), "{missing}");
    }
}
