//! ECR: the images that were pushed, as far as a client looks whether one fits.

mod push;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Value, json};

use super::model::Model;
use super::request::{list, merged, text, without_nulls};
use super::wire::{ApiError, ApiResult, refuse_if};
use super::{ACCOUNT, REGION};

/// Layers lie in a bucket of AWS's own, which is here a bucket like any other.
pub(super) const LAYERS: &str = "prod-eu-west-1-starport-layer-bucket";

static MODEL: LazyLock<Model> = LazyLock::new(|| Model::parse(include_str!("model.json")));

/// Every repository, by its name.
#[derive(Debug, Clone, Default)]
pub(super) struct Ecr {
    repositories: BTreeMap<String, Repository>,
    /// How many images were pushed.
    pushes: usize,
    /// The prefixes of repositories that are fetched from another registry when they are pulled.
    pull_through: BTreeSet<String>,
}

#[derive(Debug, Clone, Default)]
struct Repository {
    /// By their digests.
    images: BTreeMap<String, Image>,
    /// The digest that each tag names.
    tags: BTreeMap<String, String>,
    /// The digests of what the images' manifests name.
    layers: BTreeSet<String>,
    /// When a tag is there, if it comes later than the push: by replication into this Region.
    replicated: BTreeMap<String, Timestamp>,
    /// What is answered for a tag instead of an image: a code and a reason.
    failures: BTreeMap<String, (String, String)>,
}

#[derive(Debug, Clone)]
struct Image {
    media_type: &'static str,
    manifest: String,
}

impl Ecr {
    /// Performs one operation; `host` is the server that the request was sent to, if it says so.
    pub(super) fn answer(
        &self,
        operation: &str,
        request: &Value,
        host: Option<&str>,
        now: Timestamp,
    ) -> ApiResult {
        MODEL.check(operation, request, &BTreeSet::new())?;
        if operation == "DescribePullThroughCacheRules" {
            return Ok(self.rules());
        }
        let name = text(request, "repositoryName").unwrap_or_default();
        check_name(name)?;
        let repository = self.repositories.get(name).ok_or_else(|| {
            let message = format!(
                "The repository with name '{name}' does not exist in the registry with id '{ACCOUNT}'"
            );
            ApiError::new("RepositoryNotFoundException", message)
        })?;
        match operation {
            "BatchGetImage" => repository.batch_get(name, request, now),
            "DescribeImages" => repository.describe(name, request),
            "GetDownloadUrlForLayer" => repository.download_url(name, request, host),
            _ => Err(ApiError::unknown_operation()),
        }
    }

    fn rules(&self) -> Value {
        let rule = |prefix: &String| {
            json!({
                "ecrRepositoryPrefix": prefix,
                "upstreamRegistryUrl": "registry-1.docker.io",
                "upstreamRegistry": "docker-hub",
                "registryId": ACCOUNT,
            })
        };
        json!({ "pullThroughCacheRules": self.pull_through.iter().map(rule).collect::<Vec<_>>() })
    }
}

/// What ECR says of a name that no repository has; the words are from public reports.
fn check_name(name: &str) -> Result<(), ApiError> {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_part = |part: &str| part.starts_with(is_word) && part.ends_with(is_word);
    let allowed = |c: char| is_word(c) || "._-/".contains(c);
    if name.len() >= 2 && name.chars().all(allowed) && name.split('/').all(is_part) {
        return Ok(());
    }
    Err(ApiError::invalid_parameter(
        "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression \
         '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*''",
    ))
}

/// The code and the reason of an image that is not there.
const NOT_FOUND: (&str, &str) = ("ImageNotFound", "Requested image not found");

impl Repository {
    /// The media types that the caller accepts are not looked at: every image is answered as it was
    /// pushed.
    fn batch_get(&self, name: &str, request: &Value, now: Timestamp) -> ApiResult {
        let (mut images, mut failures) = (Vec::new(), Vec::new());
        for id in list(request, "imageIds") {
            let tag = text(id, "imageTag").unwrap_or_default();
            let is_late = self.replicated.get(tag).is_some_and(|at| now < *at);
            let found = match self.failures.get(tag) {
                Some((code, reason)) => Err((code.as_str(), reason.as_str())),
                None if is_late => Err(NOT_FOUND),
                None => self.find(id),
            };
            match found {
                Ok((digest, image)) => images.push(json!({
                    "registryId": ACCOUNT,
                    "repositoryName": name,
                    "imageId": merged(id.clone(), &json!({ "imageDigest": digest })),
                    "imageManifest": image.manifest,
                    "imageManifestMediaType": image.media_type,
                })),
                Err((code, reason)) => {
                    failures.push(json!({ "imageId": id, "failureCode": code, "failureReason": reason }));
                }
            }
        }
        Ok(json!({ "images": images, "failures": failures }))
    }

    fn describe(&self, name: &str, request: &Value) -> ApiResult {
        let asked = request["imageIds"]
            .as_array()
            .map(|ids| ids.iter().map(|id| self.find(id).map_err(|_| image_not_found(name, id))).collect());
        let images: Vec<(&String, &Image)> = asked.unwrap_or_else(|| Ok(self.images.iter().collect()))?;
        let details = images.into_iter().map(|(digest, image)| {
            let tags = self.tags.iter().filter(|(_, its)| *its == digest);
            let tags: Vec<&String> = tags.map(|(tag, _)| tag).collect();
            without_nulls(json!({
                "registryId": ACCOUNT,
                "repositoryName": name,
                "imageDigest": digest,
                "imageManifestMediaType": image.media_type,
                "imageSizeInBytes": image.manifest.len(),
                // An image without a tag has no such member.
                "imageTags": (!tags.is_empty()).then_some(tags),
            }))
        });
        Ok(json!({ "imageDetails": details.collect::<Vec<_>>() }))
    }

    fn download_url(&self, name: &str, request: &Value, host: Option<&str>) -> ApiResult {
        let digest = text(request, "layerDigest").unwrap_or_default();
        refuse_if(!self.layers.contains(digest), || {
            let message = format!(
                "The layer with digest '{digest}' does not exist in the repository with name '{name}' in the \
                 registry with id '{ACCOUNT}'"
            );
            ApiError::new("LayersNotFoundException", message)
        })?;
        let server = match host.filter(|host| !host.ends_with(".amazonaws.com")) {
            Some(host) => format!("http://{host}"),
            None => format!("https://s3.{REGION}.amazonaws.com"),
        };
        Ok(json!({ "downloadUrl": format!("{server}/{LAYERS}/{digest}"), "layerDigest": digest }))
    }

    /// The image of an id; or the code and the reason of the failure.
    fn find(&self, id: &Value) -> Result<(&String, &Image), (&'static str, &'static str)> {
        let (tag, digest) = (text(id, "imageTag"), text(id, "imageDigest"));
        let named = tag.map(|tag| self.tags.get(tag));
        let digest = match (named, digest) {
            (None, None) => return Err(("MissingDigestAndTag", "Image ID requires a tag or a digest")),
            (Some(Some(named)), Some(digest)) if named != digest => {
                return Err(("ImageTagDoesNotMatchDigest", "The tag and the digest name different images"));
            }
            (Some(named), None) => named.map(String::as_str),
            (_, digest) => digest,
        };
        let found = digest.and_then(|digest| self.images.get_key_value(digest));
        found.ok_or(NOT_FOUND)
    }
}

fn image_not_found(repository: &str, id: &Value) -> ApiError {
    let shown = |member: &str| text(id, member).unwrap_or("null");
    let (digest, tag) = (shown("imageDigest"), shown("imageTag"));
    let message = format!(
        "The image with imageId {{imageDigest:'{digest}', imageTag:'{tag}'}} does not exist within the repository \
         with name '{repository}' in the registry with id '{ACCOUNT}'"
    );
    ApiError::new("ImageNotFoundException", message)
}
