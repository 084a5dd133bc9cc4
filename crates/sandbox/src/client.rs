//! The transport inside the process: the SDK's HTTP client, answered without a socket.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::byte_stream::ByteStream;

use super::Sandbox;
use super::handler::ConnectionCut;
use super::wire::Request;

/// An HTTP client whose every request ends in `sandbox`.
pub(super) fn in_process(sandbox: Sandbox) -> SharedHttpClient {
    SharedHttpClient::new(InProcess(sandbox))
}

#[derive(Debug, Clone)]
struct InProcess(Sandbox);

impl HttpClient for InProcess {
    // The settings are time-outs of a connection, and there is none: the SDK's own time-outs of an
    // attempt and of an operation work as ever.
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let sandbox = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = received(request).await.map_err(ConnectorError::user)?;
            let answer = sandbox.handle(request).await;
            let answer =
                answer.map_err(|ConnectionCut| ConnectorError::io("connection reset by peer".into()))?;
            let response = answer.into_http().map_err(|error| ConnectorError::user(error.into()))?;
            HttpResponse::try_from(response).map_err(|error| ConnectorError::user(error.into()))
        })
    }
}

async fn received(request: HttpRequest) -> Result<Request, BoxError> {
    let (parts, body) = request.try_into_http1x()?.into_parts();
    // It is read as a connection would read it: the SDK takes a body that nobody reads for a stalled upload.
    let body = ByteStream::new(body).collect().await?.to_vec();
    Ok(Request::new(&parts, body))
}
