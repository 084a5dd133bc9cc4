//! A worker's line to AWS, which can be cut for that worker alone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use crate::world::CLAIMS;

/// Which calls of a worker are never answered while its line is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reach {
    Claims,
    Webhooks,
    Everything,
}

/// Where the tests' webhooks are.
pub(crate) const WEBHOOKS: &str = "https://hooks.test";

#[derive(Debug, Clone)]
pub(crate) struct Line<C> {
    inner: C,
    /// The worker's number.
    worker: usize,
    cut: Arc<Mutex<Option<Reach>>>,
    /// The number of the worker that called last.
    last_caller: Arc<AtomicUsize>,
}

impl Line<SharedHttpClient> {
    pub(crate) fn new(inner: SharedHttpClient, worker: usize, last_caller: &Arc<AtomicUsize>) -> Self {
        Self { inner, worker, cut: Arc::default(), last_caller: Arc::clone(last_caller) }
    }

    /// What cuts the line, and mends it.
    pub(crate) fn cutter(&self) -> Arc<Mutex<Option<Reach>>> {
        Arc::clone(&self.cut)
    }
}

impl HttpClient for Line<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let Self { inner, worker, cut, last_caller } = self.clone();
        let inner = inner.http_connector(settings, components);
        SharedHttpConnector::new(Line { inner, worker, cut, last_caller })
    }
}

impl HttpConnector for Line<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let is_cut = match *self.cut.lock().unwrap() {
            Some(Reach::Everything) => true,
            Some(Reach::Claims) => request.uri().contains(CLAIMS),
            Some(Reach::Webhooks) => request.uri().starts_with(WEBHOOKS),
            None => false,
        };
        if is_cut {
            return HttpConnectorFuture::new(std::future::pending());
        }
        self.last_caller.store(self.worker, Ordering::Relaxed);
        self.inner.call(request)
    }
}
