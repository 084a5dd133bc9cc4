//! Many calls at one moment, over few connections.

use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::config_bag::ConfigBag;
use tokio::sync::Semaphore;

/// A client that sends at most `count` requests at once; the others wait for their turn in order.
pub(super) fn at_most(count: usize, client: SharedHttpClient) -> SharedHttpClient {
    SharedHttpClient::new(ConnectionLimit { client, turns: Arc::new(Semaphore::new(count)) })
}

#[derive(Debug)]
struct ConnectionLimit {
    client: SharedHttpClient,
    turns: Arc<Semaphore>,
}

impl HttpClient for ConnectionLimit {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let connector = self.client.http_connector(settings, components);
        SharedHttpConnector::new(LimitedConnector { connector, turns: Arc::clone(&self.turns) })
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), aws_smithy_runtime_api::box_error::BoxError> {
        self.client.validate_base_client_config(components, config)
    }

    fn validate_final_config(
        &self,
        components: &RuntimeComponents,
        config: &ConfigBag,
    ) -> Result<(), aws_smithy_runtime_api::box_error::BoxError> {
        self.client.validate_final_config(components, config)
    }
}

#[derive(Debug)]
struct LimitedConnector {
    connector: SharedHttpConnector,
    turns: Arc<Semaphore>,
}

impl HttpConnector for LimitedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (connector, turns) = (self.connector.clone(), Arc::clone(&self.turns));
        HttpConnectorFuture::new(async move {
            let _turn = turns.acquire().await.map_err(|error| ConnectorError::other(error.into(), None))?;
            connector.call(request).await
        })
    }
}
