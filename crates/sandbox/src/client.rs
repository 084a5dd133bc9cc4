//! The transport inside the process: the SDK's HTTP client, answered without a socket.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

use super::Sandbox;
use super::handler::Cut;
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
            let answer = sandbox.handle(received(request).await?).await;
            let answer = answer.map_err(|Cut| ConnectorError::io("connection reset by peer".into()))?;
            let status =
                StatusCode::try_from(answer.status).map_err(|error| ConnectorError::user(error.into()))?;
            let mut response = HttpResponse::new(status, SdkBody::from(answer.body));
            response.headers_mut().insert("content-type", answer.content_type);
            if !answer.request_id.is_empty() {
                response.headers_mut().insert("x-amzn-requestid", answer.request_id);
            }
            for (name, value) in answer.headers {
                response.headers_mut().insert(name, value);
            }
            Ok(response)
        })
    }
}

async fn received(request: HttpRequest) -> Result<Request, ConnectorError> {
    let uri: http::Uri = request.uri().parse().map_err(|error| ConnectorError::user(Box::new(error)))?;
    let method = request.method().to_owned();
    let headers = request.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    // It is read as a connection would read it: the SDK takes a body that nobody reads for a stalled upload.
    let body = ByteStream::new(request.into_body()).collect().await;
    let body = body.map_err(|error| ConnectorError::user(error.into()))?.to_vec();
    let target = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    Ok(Request { method, target, headers, body })
}
