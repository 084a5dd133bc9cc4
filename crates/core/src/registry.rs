//! Images in Amazon ECR: whether what is to run is there, and runs on what it is to run on.

use std::fmt;
use std::ops::RangeInclusive;

use super::failure::Failure;
use super::quote::listed;
use super::request::{is_account, is_label};
use super::service::Launch;
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

/// The endings of the names of Amazon ECR's registries, by partition and by IP version.
const ECR_DOMAINS: [&str; 5] =
    ["amazonaws.com", "amazonaws.com.cn", "on.aws", "on.amazonwebservices.com.cn", "amazonaws.eu"];

impl EcrImage {
    /// The image that `reference` names, if it is in a private registry of Amazon ECR:
    /// `123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:2.0`.
    #[must_use]
    pub fn parse(reference: &str) -> Option<Self> {
        Self::check(reference).ok().flatten()
    }

    /// As [`parse`](Self::parse), telling apart what is elsewhere and what cannot be in Amazon ECR. A
    /// repository's name is only checked by its length: the rest of ECR's rule is the grammar's own.
    ///
    /// # Errors
    /// For a registry whose Region or account is missing or cannot be one, and for a repository whose name
    /// ECR refuses.
    pub fn check(reference: &str) -> Result<Option<Self>, InvalidEcrImage> {
        let Some((host, path)) = reference.split_once('/') else { return Ok(None) };
        let Some((account, region)) = registry(host) else { return Ok(None) };
        if !is_account(account) {
            return Err(InvalidEcrImage::Account(account.to_owned()));
        }
        if !is_label(region) || region.starts_with('-') || region.ends_with('-') {
            return Err(InvalidEcrImage::Region(region.to_owned()));
        }
        let (named, digest) = path.split_once('@').map_or((path, None), |(named, it)| (named, Some(it)));
        let (repository, tag) = named.split_once(':').unwrap_or((named, "latest"));
        if !REPOSITORY_NAME.contains(&repository.len()) {
            return Err(InvalidEcrImage::Repository(repository.to_owned()));
        }
        // Where both are given, the digest decides.
        let version = match digest {
            Some(digest) => ImageVersion::Digest(digest.to_owned()),
            None => ImageVersion::Tag(tag.to_owned()),
        };
        Ok(Some(Self {
            region: region.to_owned(),
            account: account.to_owned(),
            repository: repository.to_owned(),
            version,
        }))
    }
}

/// How many characters the name of a repository in Amazon ECR has (its API reference, `CreateRepository`).
const REPOSITORY_NAME: RangeInclusive<usize> = 2..=256;

/// The account and the Region in the name of a registry of Amazon ECR, either of which may be empty.
fn registry(host: &str) -> Option<(&str, &str)> {
    let (account, rest) = host.split_once('.')?;
    let rest = rest.strip_prefix("dkr.ecr").or_else(|| rest.strip_prefix("dkr-ecr"))?;
    let rest = rest.strip_prefix("-fips").unwrap_or(rest);
    let rest = ECR_DOMAINS.iter().find_map(|domain| rest.strip_suffix(domain)?.strip_suffix('.'))?;
    // Between two dots stands the Region; with one dot alone there is none.
    let region = if rest.is_empty() { "" } else { rest.strip_prefix('.')? };
    // The name of an endpoint in a private network has more parts.
    (!region.contains('.')).then_some((account, region))
}

/// Why something cannot be in Amazon ECR, as the end of a sentence that begins with the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidEcrImage {
    /// The registry's name has no account, but this in its place.
    Account(String),
    /// The registry's name has no Region, but this in its place.
    Region(String),
    /// ECR refuses this name of a repository.
    Repository(String),
}

impl InvalidEcrImage {
    /// The likely cause and what to write: sentences, the last without a full stop.
    #[must_use]
    pub fn remedy(&self) -> String {
        let set = match self {
            Self::Account(_) => "Was the variable for the account set? ",
            Self::Region(region) if region.is_empty() => "Was the variable for the Region set? ",
            Self::Repository(name) if name.is_empty() => "Was the variable for the repository set? ",
            Self::Region(_) | Self::Repository(_) => "",
        };
        format!(
            "{set}Write ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG, for example \
                 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:1"
        )
    }
}

impl fmt::Display for InvalidEcrImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(account) if account.is_empty() => {
                f.write_str("names no account in its registry of Amazon ECR")
            }
            Self::Account(account) => {
                write!(f, "has {account:?} as the account of its registry; an account has twelve digits")
            }
            Self::Region(region) if region.is_empty() => {
                f.write_str("names no Region in its registry of Amazon ECR")
            }
            Self::Region(region) => {
                write!(f, "has {region:?} as the Region of its registry, which is no Region's name")
            }
            Self::Repository(name) if name.is_empty() => f.write_str("names no repository of Amazon ECR"),
            Self::Repository(name) => write!(
                f,
                "has the repository {name:?}; Amazon ECR's repositories have names of {} to {} characters",
                REPOSITORY_NAME.start(),
                REPOSITORY_NAME.end()
            ),
        }
    }
}

impl std::error::Error for InvalidEcrImage {}

/// What a look for an image came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageLookup {
    /// It is there.
    Found(FoundImage),
    /// It is not there, and ECR fetches it from nowhere.
    Missing,
    /// ECR refuses the request for it, in these words: there can be no such image.
    Refused(String),
    /// Nobody can tell, for this reason: it may be fetched from elsewhere when a task starts, or be
    /// there and out of reach.
    Unknown(String),
}

impl Platform {
    /// What the tasks of `definition` run on, if it says so. Without a word AWS Fargate takes Linux on
    /// `X86_64` (Amazon ECS API reference, `RuntimePlatform`); elsewhere the instances decide.
    #[must_use]
    pub fn of(definition: &TaskDefinition, launch: Launch) -> Option<Self> {
        let runtime = |member| definition.member("runtimePlatform")?.get(member)?.as_str();
        let family = runtime("operatingSystemFamily");
        let architecture = match runtime("cpuArchitecture") {
            Some("ARM64") => "arm64",
            Some("X86_64") => "amd64",
            None if is_fargate(definition, launch) => "amd64",
            Some(_) | None => return None,
        };
        let is_windows = family.is_some_and(|family| family.starts_with("WINDOWS"));
        let os = if is_windows { "windows" } else { "linux" };
        Some(Self { os: os.to_owned(), architecture: architecture.to_owned() })
    }
}

/// Whether the tasks run on AWS Fargate: the service decides, and where ECS does not say how, a definition
/// that is for nothing else.
fn is_fargate(definition: &TaskDefinition, launch: Launch) -> bool {
    match launch {
        Launch::Fargate => true,
        Launch::Instances => false,
        Launch::Unknown => {
            let needed = definition.member("requiresCompatibilities").and_then(|needed| needed.as_array());
            needed.is_some_and(|needed| !needed.is_empty() && needed.iter().all(|name| name == "FARGATE"))
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)
    }
}

/// Checks that `image` of `container`, looked up as `lookup`, can run in the tasks of `definition` in a
/// service that runs them on `launch`; gives a warning where that is likely, but not certain.
///
/// # Errors
/// [`Failure::invalid_input`] for one that is not there, or that Fargate cannot run.
pub fn check_image(
    container: &str,
    image: &str,
    lookup: &ImageLookup,
    definition: &TaskDefinition,
    launch: Launch,
) -> Result<Option<String>, Failure> {
    let wrong = |what: String| {
        Failure::invalid_input(what)
            .advice("Push the image that is meant, or correct the image definitions; nothing was changed")
    };
    let found = match lookup {
        ImageLookup::Found(found) => found,
        ImageLookup::Missing => {
            return Err(wrong(format!("the image of container {container}, {image}, is not in Amazon ECR")));
        }
        ImageLookup::Refused(words) => {
            let what = format!("the image of container {container}, {image}, cannot be in Amazon ECR");
            return Err(wrong(what).because(words));
        }
        ImageLookup::Unknown(why) => {
            return Ok(Some(format!("whether {image} is there is not known: {why}")));
        }
    };
    match Platform::of(definition, launch) {
        Some(needed) if !found.platforms.is_empty() && !found.platforms.contains(&needed) => {
            let has = listed(&found.platforms);
            let what = format!(
                "the image of container {container}, {image}, is for {has}, and the tasks run on {needed}"
            );
            if is_fargate(definition, launch) { Err(wrong(what)) } else { Ok(Some(what)) }
        }
        Some(_) | None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::task_definition::Revision;

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
        use Launch::{Fargate, Instances, Unknown};
        let runtime = |architecture: &str, family: &str| json!({ "runtimePlatform": { "cpuArchitecture": architecture, "operatingSystemFamily": family } });
        let needs = |names: &[&str]| json!({ "requiresCompatibilities": names });
        for (more, launch, platform) in [
            (json!({}), Unknown, None),
            (json!({}), Fargate, Some("linux/amd64")),
            (needs(&["EC2"]), Unknown, None),
            (needs(&["FARGATE"]), Unknown, Some("linux/amd64")),
            (needs(&["EC2", "FARGATE"]), Unknown, None),
            (needs(&["EC2", "FARGATE"]), Instances, None),
            (needs(&["EC2", "FARGATE"]), Fargate, Some("linux/amd64")),
            (runtime("ARM64", "LINUX"), Instances, Some("linux/arm64")),
            (runtime("X86_64", "WINDOWS_SERVER_2022_CORE"), Fargate, Some("windows/amd64")),
            (runtime("RISCV", "LINUX"), Fargate, None),
        ] {
            let found = Platform::of(&definition(more.clone()), launch).map(|platform| platform.to_string());
            assert_eq!(found.as_deref(), platform, "{more} on {launch:?}");
        }
    }

    fn found(platforms: &[&str]) -> ImageLookup {
        let platform = |text: &&str| {
            let (os, architecture) = text.split_once('/').unwrap();
            Platform { os: os.to_owned(), architecture: architecture.to_owned() }
        };
        ImageLookup::Found(FoundImage {
            digest: "sha256:ab".to_owned(),
            platforms: platforms.iter().map(platform).collect(),
        })
    }

    fn check(lookup: &ImageLookup, more: Value, launch: Launch) -> Result<Option<String>, String> {
        check_image("app", "web:2", lookup, &definition(more), launch).map_err(|failure| failure.to_string())
    }

    #[test]
    fn fargate_needs_an_image_for_its_platform_and_on_instances_another_one_is_a_warning() {
        let nothing = || json!({});
        let arm = found(&["linux/arm64"]);
        assert_eq!(check(&found(&["linux/amd64"]), nothing(), Launch::Fargate), Ok(None));
        assert_eq!(check(&found(&["linux/arm64", "linux/amd64"]), nothing(), Launch::Fargate), Ok(None));
        assert_eq!(check(&found(&[]), nothing(), Launch::Fargate), Ok(None), "its manifest does not tell");
        assert_eq!(check(&arm, nothing(), Launch::Instances), Ok(None), "instances decide");
        let both = json!({ "requiresCompatibilities": ["EC2", "FARGATE"] });
        assert_eq!(check(&arm, both, Launch::Instances), Ok(None), "Graviton");
        let told = "the image of container app, web:2, is for linux/arm64, and the tasks run on linux/amd64";
        let refused = check(&arm, nothing(), Launch::Fargate).unwrap_err();
        assert!(refused.starts_with(told), "{refused}");
        let intel = json!({ "runtimePlatform": { "cpuArchitecture": "X86_64" } });
        assert_eq!(check(&arm, intel, Launch::Instances), Ok(Some(told.to_owned())));
    }

    #[test]
    fn only_an_image_that_cannot_come_from_anywhere_is_refused() {
        let missing = check(&ImageLookup::Missing, json!({}), Launch::Unknown).unwrap_err();
        assert!(missing.contains("the image of container app, web:2, is not in Amazon ECR"), "{missing}");
        let refused =
            check(&ImageLookup::Refused("Invalid".to_owned()), json!({}), Launch::Unknown).unwrap_err();
        assert!(refused.contains("cannot be in Amazon ECR: Invalid. Push"), "{refused}");
        let warning = check(&ImageLookup::Unknown("KmsError".to_owned()), json!({}), Launch::Unknown);
        assert_eq!(warning, Ok(Some("whether web:2 is there is not known: KmsError".to_owned())));
    }
}
