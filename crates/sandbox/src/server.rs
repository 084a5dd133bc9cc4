//! The transport over loopback: HTTP/1.1 with connections that are kept open.

use std::io::ErrorKind;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::Sandbox;
use super::handler::ConnectionCut;
use super::wire::Request;

/// More than any request of an AWS API that is answered here.
const LARGEST_BODY: usize = 4 << 20;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// How long no connection is accepted after one could not be.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers each connection in a task of its own, for ever. Dropping the future ends them all.
pub(super) async fn serve(sandbox: &Sandbox, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(sandbox.clone(), stream));
                }
                // A client that gave up before it was accepted is none of the others' concern.
                Err(error) if is_of_client(error.kind()) => {}
                // The machine lacks something, such as a descriptor for one more file: that passes.
                Err(_) => sandbox.clock.sleep(PAUSE).await,
            },
            // Without this, the results of closed connections would pile up.
            Some(_) = connections.join_next() => {}
        }
    }
}

fn is_of_client(error: ErrorKind) -> bool {
    matches!(error, ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused)
}

async fn converse(sandbox: Sandbox, stream: TcpStream) {
    // Without this, small answers would wait for the client's acknowledgements.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(&sandbox, request));
    // An error means a connection that the client closed, or that a fault cuts by giving no answer.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    sandbox: &Sandbox,
    request: http::Request<Incoming>,
) -> Result<http::Response<Full<Bytes>>, Error> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, LARGEST_BODY).collect().await?.to_bytes().to_vec();
    let answer = sandbox.handle(Request::new(&parts, body)).await;
    Ok(answer.map_err(|ConnectionCut| "the connection is cut on purpose")?.into_http()?)
}
