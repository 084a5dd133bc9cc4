//! From options and the SDK's own configuration to a client.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_sdk_ecs::config::retry::{RetryPartition, TokenBucket};
use aws_sdk_ecs::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::domain::failure::{Failure, FailureKind};

use super::EcsClient;

/// How long one attempt of a call may take. ECS answers in well under a second; a connection that
/// hangs must not hold a deployment up for long.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);

/// How often a call is tried. The SDK's default is 3; of ten deployments under 30 % throttling
/// that loses one or two, and this one in a thousand.
const ATTEMPTS: u32 = 8;

/// What the SDK's own variables and profiles do not say.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// The Region; else that of the environment or the profile.
    pub region: Option<String>,
    /// Another endpoint for every service, as an emulator's.
    pub endpoint_url: Option<String>,
    /// A role to assume.
    pub role_arn: Option<String>,
    /// The external id that the role's trust policy asks for.
    pub external_id: Option<String>,
    /// How often a call is tried, if the environment says.
    pub max_attempts: Option<u32>,
    /// The embedded AWS, which takes the place of the network, the environment and the profiles.
    pub embedded: Option<SharedHttpClient>,
}

/// Connects to Amazon ECS. Makes no call yet, but may look for the Region.
///
/// # Errors
/// [`FailureKind::InvalidInput`] when no Region is known.
pub async fn connect(connection: &Connection) -> Result<EcsClient, Failure> {
    let config = match &connection.embedded {
        Some(client) => embedded(client.clone()),
        None => environment(connection).await,
    };
    if config.region().is_none() {
        return Err(Failure::new(FailureKind::InvalidInput, "no AWS Region is configured")
            .advice("Give --region, or set AWS_REGION"));
    }
    let attempts = connection.max_attempts.unwrap_or(ATTEMPTS);
    let mut config = config
        .into_builder()
        .retry_config(RetryConfig::standard().with_max_attempts(attempts))
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).build());
    // So that CloudTrail tells who it was.
    config.set_app_name(AppName::new("evenkeel").ok());
    let mut config = config.build();
    if let Some(role) = &connection.role_arn {
        let mut provider = AssumeRoleProvider::builder(role).session_name("evenkeel").configure(&config);
        if let Some(id) = &connection.external_id {
            provider = provider.external_id(id);
        }
        let provider = SharedCredentialsProvider::new(provider.build().await);
        config = config.into_builder().credentials_provider(provider).build();
    }
    // The SDK lets all clients of a process share one allowance of retries, and one outage would use
    // it up for the next deployment. Ours are few, and limited for each call.
    let allowance = RetryPartition::custom("evenkeel").token_bucket(TokenBucket::unlimited()).build();
    let config = aws_sdk_ecs::config::Builder::from(&config).retry_partition(allowance).build();
    Ok(EcsClient::new(aws_sdk_ecs::Client::from_conf(config)))
}

/// The SDK's own chain: variables, profiles, containers and instances.
async fn environment(connection: &Connection) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(https());
    if let Some(region) = &connection.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(url) = &connection.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    loader.load().await
}

fn embedded(client: SharedHttpClient) -> SdkConfig {
    let anyone = Credentials::new("embedded", "embedded", None, None, "embedded");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(client)
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(anyone))
        .build()
}

/// TLS by rustls and ring, with the system's root certificates.
fn https() -> SharedHttpClient {
    let provider = tls::Provider::rustls(tls::rustls_provider::CryptoMode::Ring);
    aws_smithy_http_client::Builder::new().tls_provider(provider).build_https()
}
