//! `/healthz`, `/readyz` and `/metrics`, for the orchestrator and the monitoring.

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

use crate::clock::{Clock, Moment};

use super::metrics::Metrics;

/// How many connections are answered at once; a prober and a scraper need one each.
const CONNECTIONS: usize = 16;

/// How long a connection may last.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait after a connection could not be accepted, as when the process has no file descriptor left.
const RECOVERY: Duration = Duration::from_secs(1);

/// Answers until it is dropped.
pub async fn serve(listener: TcpListener, metrics: Arc<Metrics>, clock: Clock) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = accepted(|| listener.accept(), clock).await;
        while connections.len() >= CONNECTIONS {
            connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        let metrics = Arc::clone(&metrics);
        connections.spawn(async move {
            tokio::select! {
                () = answer(stream, &metrics) => {}
                () = clock.sleep(PATIENCE) => {}
            }
        });
    }
}

/// What is accepted next. An error is no reason to end a worker that deploys.
async fn accepted<T, F: Future<Output = io::Result<T>>>(mut accept: impl FnMut() -> F, clock: Clock) -> T {
    loop {
        match accept().await {
            Ok(accepted) => return accepted,
            Err(error) => tracing::warn!("the health port cannot accept a connection: {error}"),
        }
        clock.sleep(RECOVERY).await;
    }
}

async fn answer(stream: TcpStream, metrics: &Metrics) {
    let service = service_fn(|request: Request<Incoming>| {
        let (status, body) = page(request.method(), request.uri().path(), metrics, Moment::now());
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = status;
        std::future::ready(Ok::<_, Infallible>(response))
    });
    // A prober that hangs up is none of our business.
    let _ = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service).await;
}

/// The page at `path`.
///
/// `/healthz` is 200 while the worker's loops turn: also when it is full, and when CodePipeline does not answer.
/// `/readyz` is 200 while the job queue answers. `/metrics` is Prometheus's text.
pub fn page(method: &Method, path: &str, metrics: &Metrics, now: Moment) -> (StatusCode, String) {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return (StatusCode::METHOD_NOT_ALLOWED, "GET only\n".to_owned());
    }
    let unless = |trouble: Option<String>| match trouble {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(trouble) => (StatusCode::SERVICE_UNAVAILABLE, format!("{trouble}\n")),
    };
    match path {
        "/healthz" => unless(metrics.pulse().stuck(now).map(|stuck| format!("{} is stuck", stuck.as_str()))),
        "/readyz" => unless(metrics.pulse().unready(now)),
        "/metrics" => (StatusCode::OK, metrics.text()),
        _ => (StatusCode::NOT_FOUND, "there are /healthz, /readyz and /metrics\n".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_error_of_accept_is_waited_for_and_gone_on_from() {
        let (clock, began) = (Clock::system(), Moment::now());
        let mut calls = 0;
        let accept = || {
            calls += 1;
            std::future::ready(if calls < 4 { Err(io::Error::from_raw_os_error(24)) } else { Ok(calls) })
        };
        assert_eq!(accepted(accept, clock).await, 4);
        assert_eq!(Moment::now().since(began), 3 * RECOVERY);
    }
}
