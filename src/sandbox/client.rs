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
            let answer = sandbox.handle(received(&request)?).await;
            let answer = answer.map_err(|Cut| ConnectorError::io("connection reset by peer".into()))?;
            let status =
                StatusCode::try_from(answer.status).map_err(|error| ConnectorError::user(error.into()))?;
            let mut response = HttpResponse::new(status, SdkBody::from(answer.body));
            response.headers_mut().insert("content-type", answer.content_type);
            response.headers_mut().insert("x-amzn-requestid", answer.request_id);
            Ok(response)
        })
    }
}

fn received(request: &HttpRequest) -> Result<Request, ConnectorError> {
    let header = |name| request.headers().get(name).map(str::to_owned);
    let body = request.body().bytes();
    let body = body.ok_or_else(|| ConnectorError::user("the sandbox takes no streaming body".into()))?;
    Ok(Request {
        target: header("x-amz-target"),
        content_length: header("content-length"),
        authorization: header("authorization"),
        body: body.to_vec(),
    })
}
