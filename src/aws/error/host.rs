//! Notes with a connection's failure where it was to go: the SDK's own error does not say.

use std::error::Error as StdError;
use std::fmt;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::config_bag::ConfigBag;

/// A client whose errors hold the name of the host that a request was for.
pub(in crate::aws) fn naming_hosts(client: SharedHttpClient) -> SharedHttpClient {
    SharedHttpClient::new(Naming(client))
}

/// An error of the connection to a host.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) name: String,
    source: ConnectorError,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the connection to {} failed", self.name)
    }
}

impl StdError for Host {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.source)
    }
}

#[derive(Debug)]
struct Naming(SharedHttpClient);

impl HttpClient for Naming {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(HostConnector(self.0.http_connector(settings, components)))
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), aws_smithy_runtime_api::box_error::BoxError> {
        self.0.validate_base_client_config(components, config)
    }

    fn validate_final_config(
        &self,
        components: &RuntimeComponents,
        config: &ConfigBag,
    ) -> Result<(), aws_smithy_runtime_api::box_error::BoxError> {
        self.0.validate_final_config(components, config)
    }
}

#[derive(Debug)]
struct HostConnector(SharedHttpConnector);

impl HttpConnector for HostConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let uri = request.uri().parse::<http::Uri>().ok();
        let connector = self.0.clone();
        HttpConnectorFuture::new(async move {
            let called = connector.call(request).await;
            called.map_err(|error| match uri.as_ref().and_then(http::Uri::host) {
                Some(host) => named(error, host),
                None => error,
            })
        })
    }
}

/// The error with the host's name, and what the SDK's retries look at.
fn named(source: ConnectorError, host: &str) -> ConnectorError {
    let (is_timeout, is_user, is_io, kind) =
        (source.is_timeout(), source.is_user(), source.is_io(), source.as_other());
    let error = Box::new(Host { name: host.to_owned(), source });
    if is_timeout {
        ConnectorError::timeout(error)
    } else if is_user {
        ConnectorError::user(error)
    } else if is_io {
        ConnectorError::io(error)
    } else {
        ConnectorError::other(error, kind)
    }
}
