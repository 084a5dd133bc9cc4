//! Why there are no credentials.
//!
//! The texts of the sources are shown only where they tell of this machine's own files and variables: what the metadata
//! services and STS respond may hold keys.

use std::io;

use aws_config::imds::client::error::ImdsError;
use aws_config::meta::ProviderChainError;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_types::os_shim_internal::Env;
use evenkeel_core::failure::FailureKind;

use super::unreached::{Unreached, chain};

/// Where the SDK keeps profiles.
const FILES: &str =
    "AWS_CONFIG_FILE, else ~/.aws/config, and AWS_SHARED_CREDENTIALS_FILE, else ~/.aws/credentials";

/// What gives a person's own shell credentials, whatever kind of sign-in the profile has.
const EXPORT: &str = "`aws configure export-credentials --profile NAME --format env`";

/// Why there are no credentials, in a sentence, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) kind: FailureKind,
    pub(super) why: String,
    pub(super) advice: String,
}

/// Why the SDK has no credentials.
pub(super) fn missing(error: &CredentialsError) -> Missing {
    let denied = |why: String, advice: String| Missing { kind: FailureKind::Denied, why, advice };
    match error {
        CredentialsError::CredentialsNotLoaded(_) => not_found(error),
        CredentialsError::ProviderTimedOut(_) => Missing {
            kind: FailureKind::Unavailable,
            why: "the source of the AWS credentials did not respond in time".to_owned(),
            advice: "Run the same command again; it goes on where this one ended".to_owned(),
        },
        CredentialsError::InvalidConfiguration(_) => {
            let (why, advice) = of_configuration(error);
            denied(why, advice)
        }
        _ => {
            let (why, advice) = of_source(error);
            denied(why, advice)
        }
    }
}

/// Every source was asked, and none has any.
fn not_found(error: &CredentialsError) -> Missing {
    let attempts = chain(error).find_map(|it| it.downcast_ref::<ProviderChainError<CredentialsError>>());
    let profile = attempts.into_iter().flat_map(ProviderChainError::attempts).find_map(|attempt| {
        let said = chain(attempt.error()).skip(1).find_map(|error| profile_said(&error.to_string()))?;
        (attempt.name() == "Profile").then_some(said)
    });
    let profile = match (profile, variable("AWS_PROFILE")) {
        (Some(said), _) => format!("the profile files ({FILES}): {said}"),
        (None, Some(name)) => {
            format!("the profile files ({FILES}), of which none has the profile `{name}` of AWS_PROFILE")
        }
        (None, None) => format!("the profile files ({FILES})"),
    };
    Missing {
        kind: FailureKind::Denied,
        why: format!(
            "no AWS credentials were found. Evenkeel looked at AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, \
             AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI, the \
             instance's metadata service, and {profile}"
        ),
        advice: format!(
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN for temporary ones), or AWS_PROFILE, or \
             run Evenkeel where a role is attached; {EXPORT} prints those of a profile"
        ),
    }
}

/// A profile, or another source, is configured in a way that cannot work.
fn of_configuration(error: &CredentialsError) -> (String, String) {
    let texts: Vec<String> = chain(error).skip(1).map(|error| error.to_string()).collect();
    let all = texts.join("\n");
    let sign_in = [
        ("cargo feature(s) enabled: sso", "signs in by IAM Identity Center (sso)"),
        (
            "cargo feature(s) enabled: credentials-process",
            "gets its credentials from a program (credential_process)",
        ),
        ("cargo feature(s) enabled: credentials-login", "signs in by `aws login` (login_session)"),
    ];
    if let Some((_, way)) = sign_in.iter().find(|(words, _)| all.contains(words)) {
        return (
            format!("the AWS profile {way}, which this build of Evenkeel does not support"),
            format!("Give its credentials by variables: {EXPORT} prints them"),
        );
    }
    let of_profile = "ProfileFile provider could not be built: ";
    match texts.iter().find_map(|text| text.strip_prefix(of_profile)) {
        Some(said) => (
            format!("the AWS profile cannot be used: {said}"),
            format!("Correct the profile in {FILES}"),
        ),
        // What a metadata service said is not shown.
        None => (
            "the source of the AWS credentials is not configured as it should be".to_owned(),
            "Look at the role of the instance or container, at its trust policy, and at the variables AWS_CONTAINER_*".to_owned(),
        ),
    }
}

/// A source that is configured failed.
fn of_source(error: &CredentialsError) -> (String, String) {
    if let Some(metadata) = chain(error).find_map(|error| error.downcast_ref::<ImdsError>()) {
        let why = match metadata {
            ImdsError::ErrorResponse(response) => {
                format!("with HTTP {}", response.response().status().as_u16())
            }
            _ => "without credentials".to_owned(),
        };
        return (
            format!("the instance's metadata service responded {why}"),
            "Attach a role to the instance, or give credentials by variables".to_owned(),
        );
    }
    if let Some(error) = chain(error).find_map(|error| error.downcast_ref::<ConnectorError>()) {
        return (
            format!(
                "the source of the AWS credentials could not be reached: {}",
                Unreached::of(error).words()
            ),
            "Look at AWS_CONTAINER_CREDENTIALS_FULL_URI and NO_PROXY, and run the same command again"
                .to_owned(),
        );
    }
    if let Some(error) = chain(error).find_map(|error| error.downcast_ref::<io::Error>()) {
        let why = match error.kind() {
            io::ErrorKind::NotFound => "there is none",
            io::ErrorKind::PermissionDenied => "its permissions forbid it",
            _ => "it cannot be read",
        };
        return (
            match variable("AWS_WEB_IDENTITY_TOKEN_FILE") {
                Some(path) => format!("the file of the web identity's token cannot be read ({path}): {why}"),
                None => format!("the file of the web identity's token cannot be read: {why}"),
            },
            "Correct AWS_WEB_IDENTITY_TOKEN_FILE, or web_identity_token_file of the profile".to_owned(),
        );
    }
    let status = chain(error).find_map(|error| status_said(&error.to_string()));
    let why = match status {
        Some(status) => format!("responded with HTTP {status}"),
        None => "responded without credentials that can be read".to_owned(),
    };
    (
        format!("the source of the AWS credentials {why}"),
        "Look at the role of the instance or container, or give credentials by variables".to_owned(),
    )
}

/// A variable as the SDK reads it: its errors do not tell the values.
fn variable(name: &str) -> Option<String> {
    Env::real().get(name).ok().filter(|value| !value.is_empty())
}

/// What the SDK says of a profile, which tells its name and what it lacks.
fn profile_said(text: &str) -> Option<String> {
    let text = text.trim();
    (text.starts_with("profile `") || text.starts_with("selected profile")).then(|| text.to_owned())
}

/// The status in the SDK's words on a container's credentials endpoint.
fn status_said(text: &str) -> Option<u16> {
    let (_, after) = text.split_once("Non-success status from HTTP credential provider: StatusCode(")?;
    after.split(')').next()?.parse().ok()
}
