//! The HTTP client: each request goes directly, or through the proxy for its address.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_async::rt::sleep::SharedAsyncSleep;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use http::Uri;

use super::authorities::{Authorities, without_tls};
use super::obstacle::{Obstacle, explained};
use super::proxies::{Proxies, Proxy};

/// How long a connection may be idle and is used again: longer than the longest wait between two polls.
/// A connection that the network dropped in silence costs a whole attempt to find out.
const IDLE: Duration = Duration::from_secs(20);

/// A client that goes through these proxies and trusts these authorities. By rustls and ring.
pub(super) fn routed(proxies: Proxies, authorities: Authorities) -> SharedHttpClient {
    let ways = Ways { proxies, authorities, connectors: Mutex::default() };
    SharedHttpClient::new(Routed(Arc::new(ways)))
}

#[derive(Debug)]
struct Routed(Arc<Ways>);

/// All connectors, each with its pool of connections, made when they are first needed.
struct Ways {
    proxies: Proxies,
    authorities: Authorities,
    connectors: Mutex<HashMap<(Transport, Timeouts), SharedHttpConnector>>,
}

/// By TLS or without, through a proxy or directly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Transport {
    is_https: bool,
    is_proxied: bool,
}

/// How long a connection, and a read, may take.
type Timeouts = (Option<Duration>, Option<Duration>);

impl HttpClient for Routed {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Route {
            ways: Arc::clone(&self.0),
            settings: settings.clone(),
            sleep: components.sleep_impl(),
        })
    }
}

#[derive(Debug)]
struct Route {
    ways: Arc<Ways>,
    settings: HttpConnectorSettings,
    sleep: Option<SharedAsyncSleep>,
}

impl HttpConnector for Route {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Ok(address) = request.uri().parse::<Uri>() else {
            let why = "the address of the request cannot be parsed";
            return HttpConnectorFuture::ready(Err(ConnectorError::user(why.into())));
        };
        let proxy = self.ways.proxies.toward(&address).cloned();
        let Some(connector) = self.connector(&address, proxy.as_ref()) else {
            let obstacle = Obstacle::no_authorities(&address).into_error(false);
            return HttpConnectorFuture::ready(Err(obstacle));
        };
        let authorities = self.ways.authorities.clone();
        HttpConnectorFuture::new(async move {
            let called = connector.call(request).await;
            called.map_err(|error| explained(error, &address, proxy.as_ref(), &authorities))
        })
    }
}

impl Route {
    /// The connector for this way; `None` if a certificate could not be checked.
    fn connector(&self, address: &Uri, proxy: Option<&Proxy>) -> Option<SharedHttpConnector> {
        let way = Transport { is_https: address.scheme_str() == Some("https"), is_proxied: proxy.is_some() };
        let timeouts = (self.settings.connect_timeout(), self.settings.read_timeout());
        let mut connectors = self.ways.connectors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connector) = connectors.get(&(way, timeouts)) {
            return Some(connector.clone());
        }
        let is_tls = way.is_https || proxy.is_some_and(|it| it.address.scheme_str() == Some("https"));
        let context = if is_tls { self.ways.authorities.context()? } else { without_tls() };
        let provider = tls::Provider::rustls(tls::rustls_provider::CryptoMode::Ring);
        let mut builder = Connector::builder()
            .pool_idle_timeout(IDLE)
            .connector_settings(self.settings.clone())
            .tls_provider(provider)
            .tls_context(context);
        builder.set_sleep_impl(self.sleep.clone());
        builder.set_proxy_config(proxy.map(|proxy| proxy.config(way.is_https)));
        let connector = SharedHttpConnector::new(builder.build());
        connectors.insert((way, timeouts), connector.clone());
        Some(connector)
    }
}

impl fmt::Debug for Ways {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ways")
    }
}
