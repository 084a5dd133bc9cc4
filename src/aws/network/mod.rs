//! The network between Evenkeel and AWS: the proxy, the certificate authorities, the HTTP client.

mod authorities;
mod client;
mod obstacle;
mod proxies;

use std::collections::BTreeMap;
use std::fmt;

use aws_config::profile::ProfileSet;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use evenkeel_core::failure::Failure;

use authorities::Authorities;
use proxies::Proxies;

pub(super) use obstacle::{Obstacle, obstacle};

/// The variables that say how the network is reached.
const VARIABLES: [&str; 11] = [
    "https_proxy",
    "HTTPS_PROXY",
    "http_proxy",
    "HTTP_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "AWS_CA_BUNDLE",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

/// The network settings of the environment, as they were typed.
#[derive(Clone, Default)]
pub struct Network(BTreeMap<&'static str, String>);

impl Network {
    /// Takes the settings from variables; `get` gives a variable's value if it is set and not empty.
    pub fn of<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Self {
        let pairs = VARIABLES.into_iter().filter_map(|name| Some((name, get(name)?.trim().to_owned())));
        Self(pairs.filter(|(_, value)| !value.is_empty()).collect())
    }

    /// The HTTP client for every request of the process, also with the settings of the profile.
    ///
    /// # Errors
    /// [`FailureKind::InvalidInput`](evenkeel_core::failure::FailureKind::InvalidInput) for a proxy's
    /// address or a CA bundle that cannot be used; it names the variable.
    pub(super) fn client(&self, profile: Option<&ProfileSet>) -> Result<SharedHttpClient, Failure> {
        let proxies = Proxies::parse(self, profile.and_then(|it| it.get("ec2_metadata_service_endpoint")))?;
        let authorities = match (self.get("AWS_CA_BUNDLE"), profile.and_then(|it| it.get("ca_bundle"))) {
            (Some(path), _) => Authorities::beside("AWS_CA_BUNDLE", path)?,
            (None, Some(path)) if !path.trim().is_empty() => {
                Authorities::beside("the profile's ca_bundle", path.trim())?
            }
            (None, _) => Authorities::of_the_system(),
        };
        Ok(client::routed(proxies, authorities))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// The names alone: a proxy's address may hold a password.
impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}
