//! `/healthz` and `/metrics`, for whoever keeps the worker running.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::clock::Clock;

use super::metrics::Metrics;

/// How many connections are answered at once; a prober and a scraper need one each.
const CONNECTIONS: usize = 16;

/// How long a connection may last.
const PATIENCE: Duration = Duration::from_secs(30);

/// Answers until it is dropped.
///
/// `/healthz` is 200 as long as the job queue has answered within `silence`, and 503 after that;
/// `/metrics` is Prometheus's text.
///
/// # Errors
/// When the listener cannot accept connections any more.
pub async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    clock: Clock,
    silence: Duration,
) -> io::Result<()> {
    let began = clock.now().since_epoch();
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        while connections.len() >= CONNECTIONS {
            connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        let metrics = Arc::clone(&metrics);
        connections.spawn(async move {
            tokio::select! {
                () = answer(stream, &metrics, clock, began, silence) => {}
                () = clock.sleep(PATIENCE) => {}
            }
        });
    }
}

async fn answer(stream: TcpStream, metrics: &Metrics, clock: Clock, began: Duration, silence: Duration) {
    let service = service_fn(|request: Request<Incoming>| {
        let quiet = clock.now().since_epoch().saturating_sub(metrics.last_heard().max(began));
        let (status, body) = page(&request, metrics, quiet, silence);
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = status;
        std::future::ready(Ok::<_, Infallible>(response))
    });
    // A prober that hangs up is none of our business.
    let _ = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service).await;
}

fn page(
    request: &Request<Incoming>,
    metrics: &Metrics,
    quiet: Duration,
    silence: Duration,
) -> (StatusCode, String) {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return (StatusCode::METHOD_NOT_ALLOWED, "GET only\n".to_owned());
    }
    match request.uri().path() {
        "/healthz" if quiet <= silence => (StatusCode::OK, "ok\n".to_owned()),
        "/healthz" => {
            let seconds = quiet.as_secs();
            (StatusCode::SERVICE_UNAVAILABLE, format!("the job queue has not answered for {seconds} s\n"))
        }
        "/metrics" => (StatusCode::OK, metrics.text()),
        _ => (StatusCode::NOT_FOUND, "there are /healthz and /metrics\n".to_owned()),
    }
}
