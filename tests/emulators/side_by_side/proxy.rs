//! An HTTP proxy before the emulator: it notes each call, and plays the rollouts of the services under test.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use evenkeel::clock::Clock;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderMap, TRANSFER_ENCODING};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::world::{Call, World};

/// What each call takes beside the emulator's own time, half of it before the response is made.
const LATENCY: Duration = Duration::from_millis(80);

/// Serves until it is dropped.
pub(super) struct Proxy {
    pub(super) url: String,
    pub(super) world: Arc<Mutex<World>>,
    forwarder: Forwarder,
    serving: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy before the emulator at `emulator`.
    pub(super) async fn start(emulator: &str, clock: Clock) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let world = Arc::new(Mutex::new(World::default()));
        let client = Client::builder(TokioExecutor::new()).build_http();
        let forwarder = Forwarder { emulator: emulator.to_owned(), client, world: Arc::clone(&world), clock };
        Self { url, world, forwarder: forwarder.clone(), serving: tokio::spawn(serve(listener, forwarder)) }
    }

    /// Has the emulator do something that no process under test asks for.
    pub(super) async fn set_up(&self, operation: &str, asked: Value) -> Value {
        let signed = "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/ecs/aws4_request, SignedHeaders=host, \
                      Signature=0";
        let request = Request::post(format!("{}/", self.forwarder.emulator))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("AmazonEC2ContainerServiceV20141113.{operation}"))
            .header(AUTHORIZATION, signed)
            .body(Full::new(Bytes::from(asked.to_string())));
        let response = self.forwarder.client.request(request.unwrap()).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(status.is_success(), "{operation}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[derive(Clone)]
struct Forwarder {
    emulator: String,
    client: Client<HttpConnector, Full<Bytes>>,
    world: Arc<Mutex<World>>,
    clock: Clock,
}

async fn serve(listener: TcpListener, forwarder: Forwarder) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        // Without this, small responses would wait for the client's acknowledgements.
        stream.set_nodelay(true).unwrap();
        let forwarder = forwarder.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| forwarder.pass(request));
            // An error is a connection that the client closed.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

impl Forwarder {
    async fn pass(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let call = Call {
            at: self.clock.now(),
            process: access_key(&parts.headers).to_owned(),
            operation: operation(&parts.headers).to_owned(),
        };
        let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
        self.world.lock().unwrap().calls.push(call.clone());
        self.clock.sleep(LATENCY / 2).await;
        let made = self.world.lock().unwrap().respond(&call, &asked, self.clock.now());
        let response = match made {
            Some(Ok(value)) => answer(StatusCode::OK, &value),
            Some(Err(error)) => answer(StatusCode::BAD_REQUEST, &error),
            None => self.forward(&call, Request::from_parts(parts, Full::new(body))).await,
        };
        self.clock.sleep(LATENCY / 2).await;
        Ok(response)
    }

    /// The emulator's response, with the rollouts as they are to be seen.
    async fn forward(&self, call: &Call, mut request: Request<Full<Bytes>>) -> Response<Full<Bytes>> {
        let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        *request.uri_mut() = format!("{}{path}", self.emulator).parse::<Uri>().unwrap();
        // The client sets the emulator's.
        request.headers_mut().remove(HOST);
        let (mut parts, body) = self.client.request(request).await.unwrap().into_parts();
        let mut body = body.collect().await.unwrap().to_bytes();
        if parts.status.is_success()
            && let Ok(mut value) = serde_json::from_slice::<Value>(&body)
        {
            self.world.lock().unwrap().overlay(call, &mut value, self.clock.now());
            body = value.to_string().into();
            parts.headers.remove(CONTENT_LENGTH);
            parts.headers.remove(TRANSFER_ENCODING);
        }
        Response::from_parts(parts, Full::new(body))
    }
}

fn answer(status: StatusCode, value: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(value.to_string().into()));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", "application/x-amz-json-1.1".parse().unwrap());
    response
}

/// The access key, which tells the processes apart: KEY in `AWS4-HMAC-SHA256 Credential=KEY/20261130/…`.
fn access_key(headers: &HeaderMap) -> &str {
    let signed = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    signed.split_once("Credential=").and_then(|(_, rest)| rest.split('/').next()).unwrap_or_default()
}

/// The operation of `X-Amz-Target: SERVICE.OPERATION`.
fn operation(headers: &HeaderMap) -> &str {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    target.rsplit('.').next().unwrap_or_default()
}
