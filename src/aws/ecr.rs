//! Amazon ECR through its SDK.

use aws_sdk_ecr::operation::batch_get_image::BatchGetImageError as Refusal;
use aws_sdk_ecr::types::{ImageFailure, ImageFailureCode, ImageIdentifier};
use aws_sdk_ecs::config::RuntimeComponents;
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnector, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::ports::ContainerRegistry;
use evenkeel_core::registry::{EcrImage, FoundImage, ImageLookup, ImageVersion, Platform};
use http_body_util::{BodyExt, Limited};
use serde::Deserialize;

use super::cloud::AwsCloud;
use super::components::CaptureComponents;
use super::connect::ATTEMPT_TIMEOUT;
use super::error::{failure_as, unreachable, unread};

/// The manifests that are understood: of one image, and of one for each platform; each as Docker and
/// as the Open Container Initiative call it.
const MANIFESTS: [&str; 4] = [
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
];

/// The configuration of an image has some kilobytes; more than this is not read.
const LARGEST_CONFIGURATION: usize = 1 << 20;

impl ContainerRegistry for AwsCloud {
    async fn find_image(&self, image: &EcrImage) -> Result<ImageLookup, Failure> {
        let id = match &image.version {
            ImageVersion::Tag(tag) => ImageIdentifier::builder().image_tag(tag),
            ImageVersion::Digest(digest) => ImageIdentifier::builder().image_digest(digest),
        };
        let call = self.ecr(&image.region).batch_get_image().registry_id(&image.account);
        let call = call.repository_name(&image.repository).image_ids(id.build());
        let call = call.set_accepted_media_types(Some(MANIFESTS.map(str::to_owned).to_vec()));
        let answer = match Box::pin(call.send()).await {
            Ok(answer) => answer,
            Err(error) => {
                return match error.as_service_error() {
                    // A repository behind a pull-through cache is made by its first pull.
                    Some(Refusal::RepositoryNotFoundException(_)) => Ok(self.absent(image).await),
                    Some(Refusal::InvalidParameterException(refused)) => {
                        Ok(ImageLookup::Refused(words("InvalidParameterException", refused.message())))
                    }
                    Some(Refusal::UnableToGetUpstreamImageException(unable)) => {
                        Ok(ImageLookup::Unknown(words("UnableToGetUpstreamImageException", unable.message())))
                    }
                    _ => Err(failure_as(&self.who, "ecr", "BatchGetImage", &image.repository, &error)),
                };
            }
        };
        let Some(found) = answer.images().first() else {
            return Ok(match answer.failures().first() {
                Some(failure) if failure.failure_code() != Some(&ImageFailureCode::ImageNotFound) => {
                    ImageLookup::Unknown(reason(failure))
                }
                Some(_) | None => self.absent(image).await,
            });
        };
        let manifest: Manifest =
            serde_json::from_str(found.image_manifest().unwrap_or_default()).unwrap_or_default();
        let digest = found.image_id().and_then(|id| id.image_digest()).unwrap_or_default().to_owned();
        let platforms = match manifest.config {
            Some(config) => self.platform(image, &config.digest).await?.into_iter().collect(),
            None => manifest.manifests.into_iter().filter_map(|listed| listed.platform?.known()).collect(),
        };
        Ok(ImageLookup::Found(FoundImage { digest, platforms }))
    }
}

/// The prefix of a rule for all repositories (Amazon ECR API reference, `CreatePullThroughCacheRule`).
const ROOT: &str = "ROOT";

impl AwsCloud {
    /// What it means that an image is not there: with a pull-through cache ECR fetches it from another
    /// registry when a task pulls it for the first time.
    async fn absent(&self, image: &EcrImage) -> ImageLookup {
        let rules = self.ecr(&image.region).describe_pull_through_cache_rules().registry_id(&image.account);
        match Box::pin(rules.send()).await {
            Ok(answer) => {
                let mut prefixes = answer.pull_through_cache_rules().iter().filter_map(|rule| {
                    rule.ecr_repository_prefix().map(|prefix| prefix.trim_end_matches('/'))
                });
                let fetches = |prefix: &str| {
                    let below = image.repository.strip_prefix(prefix);
                    prefix == ROOT || below.is_some_and(|rest| rest.starts_with('/'))
                };
                match prefixes.find(|prefix| fetches(prefix)) {
                    Some(prefix) => ImageLookup::Unknown(format!(
                        "it is not in Amazon ECR yet, which fetches it when a task pulls it (pull-through cache {prefix})"
                    )),
                    None => ImageLookup::Missing,
                }
            }
            Err(error) => {
                let failure =
                    failure_as(&self.who, "ecr", "DescribePullThroughCacheRules", &image.account, &error);
                ImageLookup::Unknown(format!(
                    "it is not in Amazon ECR, and whether ECR fetches it from elsewhere cannot be seen: {}",
                    failure.without_advice()
                ))
            }
        }
    }

    /// What a single image is for, which only its configuration says.
    async fn platform(&self, image: &EcrImage, config: &str) -> Result<Option<Platform>, Failure> {
        let components = CaptureComponents::default();
        let call = self.ecr(&image.region).get_download_url_for_layer().registry_id(&image.account);
        let call = call.repository_name(&image.repository).layer_digest(config);
        let sent = Box::pin(call.customize().interceptor(components.clone()).send()).await;
        let answer = sent.map_err(|error| {
            failure_as(&self.who, "ecr", "GetDownloadUrlForLayer", &image.repository, &error)
        })?;
        let (Some(url), Some(components)) = (answer.download_url(), components.take()) else {
            return Ok(None);
        };
        let content = self.download(&image.repository, url, &components).await?;
        let said: Said = serde_json::from_slice(&content).unwrap_or_default();
        Ok(said.known())
    }

    /// What a signed address leads to, by the client that calls AWS. Nobody is shown the address.
    async fn download(
        &self,
        repository: &str,
        url: &str,
        components: &RuntimeComponents,
    ) -> Result<Vec<u8>, Failure> {
        let what = || format!("the configuration of an image of {repository} cannot be read");
        let request = http::Request::get(url).body(SdkBody::empty()).ok();
        let request = request.and_then(|request| HttpRequest::try_from(request).ok());
        let (Some(client), Some(request)) = (self.http_client(), request) else {
            return Err(Failure::new(FailureKind::Unavailable, what())
                .because("GetDownloadUrlForLayer gave no address: this was no response of AWS"));
        };
        let connector = client.http_connector(&HttpConnectorSettings::default(), components);
        let download = async {
            let response = connector.call(request).await.map_err(|error| unreachable(what(), &error))?;
            if !response.status().is_success() {
                let status = response.status().as_u16();
                return Err(Failure::new(FailureKind::Unavailable, what()).because(format!("HTTP {status}")));
            }
            let body = Limited::new(response.into_body(), LARGEST_CONFIGURATION).collect().await;
            Ok(body.map_err(|error| unread(what(), &*error))?.to_bytes().to_vec())
        };
        // The SDK's own time-outs are above the connector.
        tokio::time::timeout(ATTEMPT_TIMEOUT, download).await.unwrap_or_else(|_| {
            let why = format!("it did not come within {} s", ATTEMPT_TIMEOUT.as_secs());
            Err(Failure::new(FailureKind::Unavailable, what()).because(why))
        })
    }
}

/// Why ECR has no answer about an image, in its own words.
fn reason(failure: &ImageFailure) -> String {
    let code = failure.failure_code().map_or("an unknown failure", ImageFailureCode::as_str);
    words(code, failure.failure_reason())
}

fn words(code: &str, message: Option<&str>) -> String {
    match message {
        Some(message) => format!("{code}: {message}"),
        None => code.to_owned(),
    }
}

/// A manifest, of one image or of one for each platform.
#[derive(Default, Deserialize)]
struct Manifest {
    #[serde(default)]
    manifests: Vec<Listed>,
    config: Option<Config>,
}

#[derive(Deserialize)]
struct Listed {
    platform: Option<Said>,
}

#[derive(Deserialize)]
struct Config {
    digest: String,
}

/// A platform as a manifest or a configuration says it.
#[derive(Default, Deserialize)]
struct Said {
    os: Option<String>,
    architecture: Option<String>,
}

impl Said {
    /// The platform; an attestation, which is listed beside images, is for an unknown one.
    fn known(self) -> Option<Platform> {
        let known = |word: &String| word != "unknown";
        Some(Platform { os: self.os.filter(known)?, architecture: self.architecture.filter(known)? })
    }
}
