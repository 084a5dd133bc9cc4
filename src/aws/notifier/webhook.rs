//! A webhook whose address, which is all the authorization it has, lies in a parameter.

use aws_sdk_ecs::config::RuntimeComponents;
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnector, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::job::Secret;
use evenkeel_core::notification::Notification;
use serde_json::json;

use super::super::components::CaptureComponents;
use super::super::connect::ATTEMPT_TIMEOUT;
use super::super::error::{failure_as, unreachable};
use super::super::settings::settings;
use super::AwsNotifier;

/// Where a webhook may be without TLS: nobody listens in on the way.
const HERE: [&str; 3] = ["http://127.0.0.1", "http://localhost", "http://[::1]"];

impl AwsNotifier {
    /// Posts the text in the form of Slack's incoming webhooks, which others take, too.
    pub(super) async fn post(&self, parameter: &str, notification: &Notification) -> Result<(), Failure> {
        let settings = settings!(aws_sdk_ssm, &self.config, &self.observers);
        let components = CaptureComponents::default();
        let call = aws_sdk_ssm::Client::from_conf(settings.build()).get_parameter();
        let call = call.name(parameter).with_decryption(true);
        let sent = Box::pin(call.customize().interceptor(components.clone()).send()).await;
        let answer = sent.map_err(|error| failure_as(&self.who, "ssm", "GetParameter", parameter, &error))?;
        let value = answer.parameter.and_then(|parameter| parameter.value).unwrap_or_default();
        let (address, components) = (Secret::new(value.trim()), components.take());
        if !is_address(address.expose()) {
            let what = format!("the parameter {parameter} has no webhook's address");
            return Err(Failure::invalid_input(what)
                .advice("Give it the address that begins with https://, as it was handed out"));
        }
        let body = json!({ "text": escaped(&notification.text) }).to_string();
        match self.send(parameter, &address, components, body).await? {
            200..=299 => Ok(()),
            status => {
                Err(Failure::invalid_input(format!("the webhook in {parameter} answered with HTTP {status}")))
            }
        }
    }

    /// The status that a request is answered with, by the client that calls AWS. Nobody is shown the address.
    async fn send(
        &self,
        parameter: &str,
        address: &Secret,
        components: Option<RuntimeComponents>,
        body: String,
    ) -> Result<u16, Failure> {
        let what = || format!("the webhook in {parameter} cannot be reached");
        let request = http::Request::post(address.expose()).header("content-type", "application/json");
        let request = request.header("content-length", body.len()).body(SdkBody::from(body)).ok();
        let request = request.and_then(|request| HttpRequest::try_from(request).ok());
        let (Some(client), Some(components), Some(request)) =
            (self.config.http_client(), components, request)
        else {
            return Err(Failure::invalid_input(what()).because("its address is none"));
        };
        let connector = client.http_connector(&HttpConnectorSettings::default(), &components);
        // The SDK's own time-outs are above the connector.
        let called = tokio::time::timeout(ATTEMPT_TIMEOUT, connector.call(request)).await;
        let response = called.map_err(|_| {
            let why = format!("it did not answer in {} s", ATTEMPT_TIMEOUT.as_secs());
            Failure::new(FailureKind::Unavailable, what()).because(why)
        })?;
        Ok(response.map_err(|error| unreachable(what(), &error))?.status().as_u16())
    }
}

fn is_address(text: &str) -> bool {
    let is_here = |text: &str| {
        HERE.iter().any(|here| {
            text.strip_prefix(here).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
        })
    };
    (text.starts_with("https://") || is_here(text)) && !text.contains(char::is_whitespace)
}

/// Text in which nothing is taken for a mention or a link (Slack, "Formatting text for app surfaces").
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_by_nobody_on_the_way() {
        for address in
            ["https://hooks.example.com/services/T0/B0/x", "http://127.0.0.1:8080/x", "http://localhost"]
        {
            assert!(is_address(address), "{address}");
        }
        for text in ["", "http://hooks.example.com", "http://localhost.example.com", "ftp://x", "https://a b"]
        {
            assert!(!is_address(text), "{text}");
        }
    }

    #[test]
    fn nobody_is_mentioned_by_what_a_container_said() {
        assert_eq!(escaped("<!channel> & <@U1>"), "&lt;!channel&gt; &amp; &lt;@U1&gt;");
    }
}
