//! Why no response came, by class: the connector's own text holds addresses, headers and debug dumps.

use std::error::Error as StdError;
use std::io;

use aws_smithy_runtime_api::client::result::ConnectorError;
use evenkeel_core::failure::FailureKind;

use super::host::Host;

/// Why no response, or no whole one, came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unreached {
    class: Class,
    /// Where the request went, `ecs.eu-west-1.amazonaws.com`.
    host: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    UnknownHost,
    Refused,
    Tls,
    BadAddress,
    NoConnection,
    TimedOut,
    CutOff,
}

impl Unreached {
    /// A request that took too long.
    pub(super) fn timed_out() -> Self {
        Self { class: Class::TimedOut, host: None }
    }

    /// Reading a response's body failed so.
    pub(super) fn cutting_off(error: &(dyn StdError + 'static)) -> Self {
        let class = if is_time_out(error) { Class::TimedOut } else { Class::CutOff };
        Self { class, host: None }
    }

    pub(super) fn of(error: &ConnectorError) -> Self {
        let class = if error.is_timeout() { Class::TimedOut } else { class(error) };
        Self {
            class,
            host: chain(error).find_map(|it| it.downcast_ref::<Host>()).map(|host| host.name.clone()),
        }
    }

    /// The same without the host's name.
    pub(super) fn without_host(self) -> Self {
        Self { host: None, ..self }
    }

    /// Whether no byte of the request was sent.
    pub(super) fn never_connected(&self) -> bool {
        !matches!(self.class, Class::TimedOut | Class::CutOff)
    }

    pub(super) fn kind(&self) -> FailureKind {
        match self.class {
            Class::Tls | Class::BadAddress => FailureKind::InvalidInput,
            Class::UnknownHost | Class::Refused | Class::NoConnection | Class::TimedOut | Class::CutOff => {
                FailureKind::Unavailable
            }
        }
    }

    pub(super) fn words(&self) -> String {
        let host = match &self.host {
            Some(host) => format!("the host {host}"),
            None => "the host".to_owned(),
        };
        match self.class {
            Class::UnknownHost => format!("the name of {host} is not known (DNS)"),
            Class::Refused => format!("{host} refused the connection"),
            Class::Tls => format!("{host} and Evenkeel could not agree on a secure connection (TLS)"),
            Class::BadAddress => "the address of the endpoint or of the proxy is none".to_owned(),
            Class::NoConnection => format!("no connection to {host} could be made"),
            Class::TimedOut => format!("{host} did not respond in time"),
            Class::CutOff => "the connection was cut off before the response was whole".to_owned(),
        }
    }

    pub(super) fn advice(&self) -> &'static str {
        match self.class {
            Class::UnknownHost => {
                "Check the network, the Region and the endpoint's address, and behind a proxy set HTTPS_PROXY; then run \
                 the same command again"
            }
            Class::Tls => {
                "Look whether the address is one of TLS (https:// to a port that speaks http fails so), and whether a proxy \
                 breaks the connection open"
            }
            Class::BadAddress => {
                "Correct --endpoint-url, AWS_ENDPOINT_URL or HTTPS_PROXY: http://HOST:PORT or https://HOST"
            }
            Class::Refused | Class::NoConnection | Class::TimedOut | Class::CutOff => {
                "Run the same command again; it goes on where this one ended"
            }
        }
    }
}

/// The classes are found by the errors' types where these are public, else by words of rustls, hyper-util and the
/// resolver, none of which is shown.
fn class(error: &ConnectorError) -> Class {
    let texts: String = chain(error).map(|it| format!("{it}\n")).collect();
    let says = |words: &[&str]| words.iter().any(|word| texts.contains(word));
    let kind = chain(error).find_map(|it| it.downcast_ref::<io::Error>()).map(io::Error::kind);
    let is_connecting = chain(error)
        .filter_map(|it| it.downcast_ref::<hyper_util::client::legacy::Error>())
        .any(hyper_util::client::legacy::Error::is_connect);
    if says(&["dns error", "failed to lookup address", "failed to perform DNS", "error resolving"]) {
        Class::UnknownHost
    } else if says(&[
        "certificate",
        "InvalidContentType",
        "received corrupt message",
        "HandshakeFailure",
        "received fatal alert",
    ]) {
        Class::Tls
    } else if kind == Some(io::ErrorKind::ConnectionRefused) {
        Class::Refused
    } else if kind == Some(io::ErrorKind::TimedOut) {
        Class::TimedOut
    } else if error.is_user() || says(&["invalid URL", "scheme is not http", "invalid uri"]) {
        Class::BadAddress
    } else if is_connecting {
        Class::NoConnection
    } else {
        Class::CutOff
    }
}

fn is_time_out(error: &(dyn StdError + 'static)) -> bool {
    let is = |it: &(dyn StdError + 'static)| {
        it.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
            || it.downcast_ref::<ConnectorError>().is_some_and(ConnectorError::is_timeout)
    };
    chain(error).any(is)
}

/// An error and its causes, the last one last.
pub(super) fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| (*error).source())
}
