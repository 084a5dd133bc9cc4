//! Tells AWS's responses from those of a proxy or a gateway.

use std::error::Error as StdError;
use std::fmt;

use aws_sdk_ecs::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_ecs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ecs::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};

/// Who may have responded instead of AWS.
pub(super) const SUSPECT: &str = "a proxy or a gateway answered?";

/// Refuses a successful response that AWS cannot have sent.
///
/// The SDK takes an empty body for an empty object, half a list in XML for a short list, and any 200 for a write that
/// S3 has done: behind a proxy that answers by itself, a deployment would believe that its service is missing, that a
/// record is not there, or that one was written.
#[derive(Debug, Clone, Copy)]
pub(in crate::aws) struct OnlyAws;

impl Intercept for OnlyAws {
    fn name(&self) -> &'static str {
        "OnlyAws"
    }

    // Only here has the body been read to its end.
    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _runtime_components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(metadata) = config.load::<Metadata>() else { return Ok(()) };
        let response = context.response();
        if context.output_or_error().is_err() || !response.status().is_success() {
            return Ok(());
        }
        match garbled(metadata.service(), metadata.name(), response) {
            Some(garbled) => Err(garbled.into()),
            None => Ok(()),
        }
    }
}

/// How a response shows that it is none of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Garbled {
    /// A page for a browser.
    Html,
    /// There is no body where AWS always sends one.
    Empty,
    /// Half of a body, or something else altogether.
    Unlike,
}

impl Garbled {
    /// How a response looks that is not AWS's.
    pub(super) fn of(response: &HttpResponse) -> Self {
        let body = trimmed(response);
        if is_html(response) {
            Self::Html
        } else if body.is_empty() {
            Self::Empty
        } else {
            Self::Unlike
        }
    }

    /// What came instead of AWS's response.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Html => "a page of HTML",
            Self::Empty => "an empty body",
            Self::Unlike => "a body that is cut off or in no form of AWS",
        }
    }
}

impl fmt::Display for Garbled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

impl StdError for Garbled {}

/// Whether AWS sent the response, as far as that can be told.
pub(in crate::aws) fn is_of_aws(operation: &Metadata, response: &HttpResponse) -> bool {
    if response.status().is_success() {
        garbled(operation.service(), operation.name(), response).is_none()
    } else {
        is_whole_error(response)
    }
}

/// What is wrong with a successful response to a service's operation.
fn garbled(service: &str, operation: &str, response: &HttpResponse) -> Option<Garbled> {
    let fits = match (service, operation) {
        // An object's content is anybody's, but S3 always names its version.
        ("S3", "GetObject" | "HeadObject" | "PutObject") => return without_tag(response),
        ("S3", "DeleteObject") => trimmed(response).is_empty(),
        ("S3" | "SNS" | "STS", _) => is_whole_xml(trimmed(response)),
        (
            "ECS" | "CodePipeline" | "ECR" | "SSM" | "EventBridge" | "Scheduler" | "CloudWatch Logs",
            operation,
        ) => {
            let body = trimmed(response);
            is_object(body) || body.is_empty() && has_no_output(operation)
        }
        _ => true,
    };
    (!fits || is_html(response)).then(|| Garbled::of(response))
}

fn without_tag(response: &HttpResponse) -> Option<Garbled> {
    let is_tagged = response.headers().get("etag").is_some_and(|tag| !tag.is_empty());
    (!is_tagged).then(|| if is_html(response) { Garbled::Html } else { Garbled::Unlike })
}

/// Whether AWS answers the operation with an empty body.
fn has_no_output(operation: &str) -> bool {
    operation.starts_with("PutJob")
        || ["Tag", "Untag", "Enable", "Disable", "Delete"].iter().any(|verb| operation.starts_with(verb))
}

/// Whether an error's body is whole, and in a form of AWS.
pub(super) fn is_whole_error(response: &HttpResponse) -> bool {
    let body = trimmed(response);
    serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(body).is_ok()
        || is_whole_xml(body) && !is_html(response)
}

fn is_object(body: &[u8]) -> bool {
    body.first() == Some(&b'{') && body.last() == Some(&b'}')
}

/// Whether the text begins with an element and ends with the end of the same.
fn is_whole_xml(body: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(body) else { return false };
    let text = match text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")) {
        Some((_, rest)) => rest.trim_start(),
        None => text,
    };
    let Some(rest) = text.strip_prefix('<') else { return false };
    let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || ":_-".contains(*c)).collect();
    !name.is_empty() && !name.eq_ignore_ascii_case("html") && text.ends_with(&format!("</{name}>"))
}

/// Whether the body is a page for a browser. The content type alone proves nothing: moto, for one, sends whole
/// responses under `text/html`.
fn is_html(response: &HttpResponse) -> bool {
    let body = trimmed(response);
    let is_said = response.headers().get("content-type").is_some_and(|kind| kind.starts_with("text/html"));
    let begins =
        |word: &str| body.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word.as_bytes()));
    let is_other = body.is_empty() || is_object(body) || is_whole_xml(body);
    is_said && !is_other || begins("<!doctype html") || begins("<html")
}

fn trimmed(response: &HttpResponse) -> &[u8] {
    response.body().bytes().unwrap_or_default().trim_ascii()
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;

    use super::*;

    #[test]
    fn a_response_is_of_aws_when_it_is_whole_and_in_a_form_of_aws() {
        let response = |status: u16, body| HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
        let is_of = |response| is_of_aws(&Metadata::new("DescribeServices", "ECS"), &response);
        assert!(is_of(response(200, "{}")) && is_of(response(400, "{\"__type\":\"ClientException\"}")));
        assert!(is_of(response(403, "<Error><Code>RequestTimeTooSkewed</Code></Error>")));
        let page = "<!DOCTYPE html>\n<html><body><h1>Bad Gateway</h1></body></html>";
        for (status, body) in [(200, page), (502, page), (200, ""), (503, ""), (200, "{\"services\":")] {
            assert!(!is_of(response(status, body)), "{status} {body}");
        }
        for (service, operation) in [("Scheduler", "ListSchedules"), ("EventBridge", "ListTargetsByRule")] {
            let is_of = |body| is_of_aws(&Metadata::new(operation, service), &response(200, body));
            assert!(is_of("{\"NextToken\":null}") && !is_of("") && !is_of("{\"Sched"), "{operation}");
        }
    }

    #[test]
    fn xml_is_whole_when_its_first_element_ends_it() {
        for whole in ["<A/></A>", "<A><B>x</B></A>", "<?xml version=\"1.0\"?>\n<Error><Code>A</Code></Error>"]
        {
            assert!(is_whole_xml(whole.as_bytes()), "{whole}");
        }
        for other in
            ["", "<A><B>x</B>", "<A><B></A", "x<A></A>", "<html></html>", "<?xml version=\"1.0\"?>", "{}"]
        {
            assert!(!is_whole_xml(other.as_bytes()), "{other}");
        }
    }
}
