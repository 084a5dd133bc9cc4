//! From options and the SDK's own configuration to clients.

use std::borrow::Cow;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{self, ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_sdk_ecs::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::os_shim_internal::{Env, Fs};
use evenkeel_core::failure::Failure;
use evenkeel_core::job::{ActionType, ArtifactCredentials, Secret};
use evenkeel_core::ports::{Access, Identity};

use crate::clock::Clock;

use super::buckets::Buckets;
use super::connection_limit::at_most;
use super::error::{Who, naming_hosts};
use super::network::Network;
use super::settings::{Observers, settings};
use super::time::sdk_time;
use super::{AwsCloud, AwsNotifier, Calls, CodePipelineQueue, S3Objects, SsmParameters};

/// How long one attempt of a call may take. ECS answers in well under a second; a connection that
/// hangs must not hold a deployment up for long.
pub(super) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);

/// How often a call is tried. The SDK's default is 3; of ten deployments under 30 % throttling
/// that loses one or two, and this one in a thousand.
const ATTEMPTS: u32 = 8;

/// How many requests are under way at once. A worker may want to renew a thousand claims at one
/// moment, and a connection by TLS takes tens of kilobytes.
const CONNECTIONS: usize = 32;

/// What the SDK's own variables and profiles do not say.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// The Region; else that of the environment or the profile.
    pub region: Option<String>,
    /// Another endpoint for every service, as an emulator's.
    pub endpoint_url: Option<String>,
    /// The profile whose credentials are used; else the SDK's own chain finds them.
    pub profile: Option<String>,
    /// Amazon S3 alone has another endpoint, by a variable of the SDK's own.
    pub has_s3_endpoint: bool,
    /// A role to assume for Amazon ECS.
    pub role_arn: Option<String>,
    /// The external id that the role's trust policy asks for.
    pub external_id: Option<String>,
    /// The value of `AWS_MAX_ATTEMPTS`.
    pub max_attempts: Option<String>,
    /// The proxy and the certificate authorities.
    pub network: Network,
    /// The clock that learns AWS's time from its responses.
    pub clock: Clock,
    /// Who is told of every attempt of a call.
    pub calls: Option<Calls>,
    /// The embedded AWS, which takes the place of the network, the environment and the profiles.
    pub embedded: Option<SharedHttpClient>,
}

/// Connects to Amazon ECS. Makes no call yet, but may look for the Region.
///
/// # Errors
/// [`Failure::invalid_input`] when no Region is known.
pub async fn connect(connection: &Connection) -> Result<AwsCloud, Failure> {
    Ok(Aws::deployer(connection).await?.cloud())
}

/// AWS, as one process reaches it: its clients share a configuration and a pool of connections.
#[derive(Debug, Clone)]
pub struct Aws {
    config: SdkConfig,
    /// S3 elsewhere than in AWS has no host name for each bucket.
    path_style: bool,
    observers: Observers,
    buckets: Buckets,
    who: Who,
    /// What carries the requests, without a limit on how many at once.
    client: Option<SharedHttpClient>,
}

fn limited(client: SharedHttpClient) -> SharedHttpClient {
    naming_hosts(at_most(CONNECTIONS, client))
}

impl Aws {
    /// Loads the configuration. Makes no call yet, but may look for the Region.
    ///
    /// # Errors
    /// [`Failure::invalid_input`] when no Region is known.
    pub async fn load(connection: &Connection) -> Result<Self, Failure> {
        let retries =
            RetryConfig::standard().with_max_attempts(attempts(connection.max_attempts.as_deref())?);
        let config = match &connection.embedded {
            Some(client) => embedded(client.clone(), connection.clock),
            None => environment(connection).await?,
        };
        region(&config)?;
        let client = config.http_client();
        let mut config = config
            .into_builder()
            .retry_config(retries)
            .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).build());
        config.set_http_client(client.clone().map(limited));
        // So that CloudTrail tells who it was.
        config.set_app_name(AppName::new("evenkeel").ok());
        let config = config.build();
        let is_elsewhere = connection.embedded.is_some() || config.endpoint_url().is_some();
        Ok(Self {
            config,
            path_style: is_elsewhere || connection.has_s3_endpoint,
            observers: Observers { clock: connection.clock, calls: connection.calls.clone() },
            buckets: Buckets::default(),
            who: Who::Caller,
            client,
        })
    }

    /// The clock that learns AWS's time from its responses.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.observers.clock
    }

    /// The same AWS with an allowance of requests of its own: what hangs elsewhere does not hold these up.
    #[must_use]
    pub fn apart(&self) -> Self {
        let mut config = self.config.clone().into_builder();
        config.set_http_client(self.client.clone().map(limited));
        Self { config: config.build(), ..self.clone() }
    }

    /// AWS as whoever deploys reaches it: in the connection's role, if it names one.
    ///
    /// # Errors
    /// [`Failure::invalid_input`] when no Region is known.
    pub async fn deployer(connection: &Connection) -> Result<Self, Failure> {
        let aws = Self::load(connection).await?;
        let identity = Identity {
            region: None,
            role_arn: connection.role_arn.clone(),
            external_id: connection.external_id.clone().map(Secret::new),
            session: "evenkeel".to_owned(),
        };
        Ok(aws.acting_as(&identity).await)
    }

    /// Amazon ECS, and what stands around a deployment.
    #[must_use]
    pub fn cloud(&self) -> AwsCloud {
        AwsCloud::new(self.config.clone(), self.observers.clone(), self.who.clone())
    }

    /// The Parameter Store of AWS Systems Manager.
    #[must_use]
    pub fn parameters(&self) -> SsmParameters {
        let settings = settings!(aws_sdk_ssm, &self.config, &self.observers);
        SsmParameters::new(aws_sdk_ssm::Client::from_conf(settings.build()), self.who.clone())
    }

    /// Those who are told that a deployment has ended.
    #[must_use]
    pub fn notifier(&self) -> AwsNotifier {
        AwsNotifier::new(self.config.clone(), self.observers.clone(), self.who.clone())
    }

    /// CodePipeline's jobs for this action type.
    #[must_use]
    pub fn job_queue(&self, action_type: ActionType) -> CodePipelineQueue {
        CodePipelineQueue::new(self.codepipeline(), action_type)
    }

    pub(super) fn codepipeline(&self) -> aws_sdk_codepipeline::Client {
        let settings = settings!(aws_sdk_codepipeline, &self.config, &self.observers);
        aws_sdk_codepipeline::Client::from_conf(settings.build())
    }

    /// Amazon S3.
    #[must_use]
    pub fn objects(&self) -> S3Objects {
        self.s3(&self.config, self.who.clone())
    }

    fn s3(&self, config: &SdkConfig, who: Who) -> S3Objects {
        // A bucket with Object Lock takes no object without a checksum. Our contents are in memory, so it is a
        // header, which every emulator of S3 takes; those of what is read are none that all of them give.
        let settings = settings!(aws_sdk_s3, config, &self.observers)
            .force_path_style(self.path_style)
            .request_checksum_calculation(RequestChecksumCalculation::WhenSupported)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        S3Objects::new(aws_sdk_s3::Client::from_conf(settings.build()), self.buckets.clone(), who)
    }

    /// The same in another's name.
    async fn acting_as(&self, identity: &Identity) -> Self {
        let (mut config, mut who) = (self.config.clone(), self.who.clone());
        if let Some(region) = &identity.region {
            config = config.into_builder().region(Region::new(region.clone())).build();
        }
        if let Some(role) = &identity.role_arn {
            who = Who::Role(role.as_str().into());
            let session = session_name(&identity.session);
            // STS is another client, which signs by AWS's time as it is known by now.
            let calling = self.config.clone().into_builder().time_source(sdk_time(self.clock())).build();
            let mut provider = AssumeRoleProvider::builder(role).session_name(session).configure(&calling);
            if let Some(id) = &identity.external_id {
                provider = provider.external_id(id.expose());
            }
            let provider = SharedCredentialsProvider::new(provider.build().await);
            config = config.into_builder().credentials_provider(provider).build();
        }
        Self { config, who, ..self.clone() }
    }
}

impl Access for Aws {
    type Ecs = AwsCloud;
    type Objects = S3Objects;
    type Parameters = SsmParameters;
    type Notifier = AwsNotifier;

    async fn ecs(&self, identity: &Identity) -> Result<AwsCloud, Failure> {
        Ok(self.acting_as(identity).await.cloud())
    }

    async fn records(&self, identity: &Identity) -> Result<(S3Objects, SsmParameters), Failure> {
        let aws = self.acting_as(identity).await;
        Ok((aws.objects(), aws.parameters()))
    }

    async fn notifier(&self, identity: &Identity) -> Result<AwsNotifier, Failure> {
        Ok(self.acting_as(identity).await.notifier())
    }

    fn artifacts(&self, credentials: &ArtifactCredentials) -> S3Objects {
        let credentials = Credentials::new(
            &credentials.access_key_id,
            credentials.secret_access_key.expose(),
            Some(credentials.session_token.expose().to_owned()),
            None,
            "CodePipeline",
        );
        let provider = SharedCredentialsProvider::new(credentials);
        self.s3(&self.config.clone().into_builder().credentials_provider(provider).build(), Who::Job)
    }
}

/// A role session's name: 2 to 64 of `[\w+=,.@-]` (AWS STS API reference, `AssumeRole`).
fn session_name(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    text.chars().map(|c| if allowed(c) { c } else { '-' }).take(64).collect()
}

/// How often a call is tried, by the value of `AWS_MAX_ATTEMPTS`.
fn attempts(given: Option<&str>) -> Result<u32, Failure> {
    let Some(text) = given else { return Ok(ATTEMPTS) };
    text.parse().ok().filter(|attempts| *attempts > 0).ok_or_else(|| {
        let what = format!("AWS_MAX_ATTEMPTS is {text:?}, which is no number of attempts");
        Failure::invalid_input(what).advice("Set it to 1 or more, or unset it")
    })
}

/// Makes sure that there is a Region whose name can be part of a host's.
fn region(config: &SdkConfig) -> Result<(), Failure> {
    let region = config.region().map(AsRef::as_ref).unwrap_or_default();
    if region.is_empty() {
        return Err(
            Failure::invalid_input("no AWS Region is configured").advice("Give --region, or set AWS_REGION")
        );
    }
    let in_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !region.chars().all(in_name) {
        return Err(Failure::invalid_input(format!("{region:?} is not a Region"))
            .because("the name of a Region has lower-case letters, digits and hyphens")
            .advice("Give --region, or set AWS_REGION, as in eu-west-1"));
    }
    Ok(())
}

/// The SDK's own chain: variables, profiles, containers and instances.
async fn environment(connection: &Connection) -> Result<SdkConfig, Failure> {
    // The SDK reports a profile that cannot be read when it needs it.
    let named = connection.profile.clone().map(Cow::Owned);
    let profile = profile::load(&Fs::real(), &Env::real(), &EnvConfigFiles::default(), named).await.ok();
    let client = connection.network.client(profile.as_ref())?;
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(client.clone())
        .time_source(sdk_time(connection.clock));
    // The SDK's own look at AWS_MAX_ATTEMPTS, AWS_RETRY_MODE and the profile panics at what it does not know.
    loader = loader.retry_config(RetryConfig::standard());
    if let Some(region) = &connection.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(url) = &connection.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if let Some(named) = &connection.profile {
        let credentials = of_profile(named, connection, client).await;
        loader = loader.profile_name(named).credentials_provider(credentials);
    }
    let config = loader.load().await;
    // An empty member of the profile is not given; the SDK panics at such an address.
    let is_empty = config.endpoint_url().is_some_and(|url| url.trim().is_empty());
    let mut builder = config.into_builder();
    if is_empty {
        builder.set_endpoint_url(None);
    }
    Ok(builder.build())
}

/// The credentials of a profile that was named: the SDK's own chain would take those of the environment
/// before them.
async fn of_profile(
    profile: &str,
    connection: &Connection,
    client: SharedHttpClient,
) -> ProfileFileCredentialsProvider {
    let own = ProfileFileRegionProvider::builder().profile_name(profile).build();
    let chain = RegionProviderChain::first_try(connection.region.clone().map(Region::new))
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(own);
    // A profile may name a role, which STS is asked for.
    let configuration = ProviderConfig::without_region()
        .with_region(chain.region().await)
        .with_http_client(client)
        .with_time_source(sdk_time(connection.clock));
    ProfileFileCredentialsProvider::builder().configure(&configuration).profile_name(profile).build()
}

fn embedded(client: SharedHttpClient, clock: Clock) -> SdkConfig {
    let anyone = Credentials::new("embedded", "embedded", None, None, "embedded");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(client)
        .time_source(sdk_time(clock))
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(anyone))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_name_is_one_that_sts_takes() {
        assert_eq!(session_name("evenkeel-shop/prod é-1a2b"), "evenkeel-shop-prod---1a2b");
        assert_eq!(session_name(&"x".repeat(99)).len(), 64);
    }
}
