//! From options and the SDK's own configuration to a client.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::domain::failure::{Failure, FailureKind};

use super::EcsClient;

/// How long one attempt of a call may take. ECS answers in well under a second; a connection that
/// hangs must not hold a deployment up for long.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);

/// How often a call is tried. The SDK's default is 3; of ten deployments under 30 % throttling
/// that loses one or two.
const ATTEMPTS: u32 = 6;

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
    /// What carries the requests, if not the network: the embedded AWS.
    pub http_client: Option<SharedHttpClient>,
}

/// Connects to Amazon ECS. Makes no call yet, but may look for the Region.
///
/// # Errors
/// [`FailureKind::InvalidInput`] when no Region is known.
pub async fn connect(connection: &Connection) -> Result<EcsClient, Failure> {
    let http_client = connection.http_client.clone().unwrap_or_else(https);
    let attempts = connection.max_attempts.unwrap_or(ATTEMPTS);
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client)
        .retry_config(RetryConfig::standard().with_max_attempts(attempts))
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).build());
    if let Some(region) = &connection.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(url) = &connection.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    let mut config = loader.load().await;
    if config.region().is_none() {
        return Err(Failure::new(FailureKind::InvalidInput, "no AWS Region is configured")
            .advice("Give --region, or set AWS_REGION"));
    }
    if let Some(role) = &connection.role_arn {
        let mut provider = AssumeRoleProvider::builder(role).session_name("evenkeel").configure(&config);
        if let Some(id) = &connection.external_id {
            provider = provider.external_id(id);
        }
        let provider = aws_sdk_ecs::config::SharedCredentialsProvider::new(provider.build().await);
        config = config.into_builder().credentials_provider(provider).build();
    }
    Ok(EcsClient::new(aws_sdk_ecs::Client::new(&config)))
}

/// TLS by rustls and ring, with the system's root certificates.
fn https() -> SharedHttpClient {
    let provider = tls::Provider::rustls(tls::rustls_provider::CryptoMode::Ring);
    aws_smithy_http_client::Builder::new().tls_provider(provider).build_https()
}
