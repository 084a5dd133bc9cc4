//! What stands between Evenkeel and AWS that a repetition does not remove, or that a proxy put there.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use aws_smithy_runtime_api::client::result::ConnectorError;
use evenkeel_core::failure::FailureKind;
use http::Uri;
use rustls::CertificateError;

use super::authorities::Authorities;
use super::proxies::Proxy;

/// Why a connection was not made, with a sentence of our own.
#[derive(Debug)]
pub(in crate::aws) struct Obstacle {
    what: String,
    advice: String,
    kind: FailureKind,
    source: Option<ConnectorError>,
}

/// The obstacle among the causes of an error.
pub(in crate::aws) fn obstacle<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Obstacle> {
    chain(error).find_map(|error| error.downcast_ref::<Obstacle>())
}

impl Obstacle {
    /// What kind of failure it is.
    pub(in crate::aws) fn kind(&self) -> FailureKind {
        self.kind
    }

    /// What to do about it.
    pub(in crate::aws) fn advice(&self) -> &str {
        &self.advice
    }

    /// The same error, for the SDK; it repeats what may be mended by itself.
    pub(super) fn into_error(self, may_pass: bool) -> ConnectorError {
        if may_pass { ConnectorError::io(self.into()) } else { ConnectorError::other(self.into(), None) }
    }

    /// There is no authority to check a connection to `address` against.
    pub(super) fn no_authorities(address: &Uri) -> Self {
        Self {
            what: format!("the certificate of {} cannot be checked: the system has no certificate authorities", host(address)),
            advice: "Install the system's certificates (the package ca-certificates), or set AWS_CA_BUNDLE to a file with them as PEM".to_owned(),
            kind: FailureKind::InvalidInput,
            source: None,
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl StdError for Obstacle {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

/// The error, with an obstacle in its place where its causes show one.
pub(super) fn explained(
    error: ConnectorError,
    address: &Uri,
    proxy: Option<&Proxy>,
    authorities: &Authorities,
) -> ConnectorError {
    let certificate = chain(&error).find_map(|error| match error.downcast_ref::<rustls::Error>() {
        Some(rustls::Error::InvalidCertificate(why)) => Some(of_certificate(why, address, authorities)),
        _ => None,
    });
    if let Some((what, advice)) = certificate {
        let obstacle = Obstacle { what, advice, kind: FailureKind::InvalidInput, source: Some(error) };
        return obstacle.into_error(false);
    }
    match proxy {
        Some(proxy) if error.is_io() => of_proxy(error, address, proxy),
        Some(_) | None => error,
    }
}

fn of_certificate(why: &CertificateError, address: &Uri, authorities: &Authorities) -> (String, String) {
    let host = host(address);
    match why {
        CertificateError::UnknownIssuer => {
            let beside = authorities.origin().map(|it| format!(" and not in {it}")).unwrap_or_default();
            (
                format!("the issuer of the certificate of {host} is not known: it is not among the system's certificate authorities{beside}"),
                "Set AWS_CA_BUNDLE (or ca_bundle in the profile) to a file with the certificate of that authority as PEM".to_owned(),
            )
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            format!("the certificate of {host} is for another name"),
            "Give the endpoint's address by the name that its certificate has".to_owned(),
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
            format!("the certificate of {host} has expired"),
            "Renew the certificate, or set this machine's clock".to_owned(),
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            (format!("the certificate of {host} is not valid yet"), "Set this machine's clock".to_owned())
        }
        _ => (
            format!("the certificate of {host} is not valid: {why}"),
            "Give the server a certificate of its own, signed by an authority that is trusted".to_owned(),
        ),
    }
}

/// The tunnel's errors have no public type, so they are known by their words (hyper-util 0.1,
/// `TunnelError`). A refusal comes without its status: it may pass, and it may be forever.
fn of_proxy(error: ConnectorError, address: &Uri, proxy: &Proxy) -> ConnectorError {
    let says = |words: &str| chain(&error).any(|error| error.to_string() == words);
    let (what, advice, kind, may_pass) = if says("tunnel error: proxy authorization required") {
        let (what, advice) = if proxy.has_user() {
            ("does not accept its user and password", "Correct the user and the password in")
        } else {
            ("asks for a user and a password", "Give them, as http://USER:PASSWORD@HOST:PORT, in")
        };
        let advice = format!("{advice} {}", proxy.variable);
        (format!("the proxy {proxy} {what}"), advice, FailureKind::InvalidInput, false)
    } else if says("tunnel error: unsuccessful") {
        let what = format!("the proxy {proxy} refuses connections to {}", host(address));
        let advice =
            format!("Let the proxy allow them, or name the host in NO_PROXY, or correct {}", proxy.variable);
        (what, advice, FailureKind::InvalidInput, true)
    } else if says("tunnel error: failed to create underlying connection") || !reached(&error) {
        let what = format!("the proxy {proxy} cannot be reached");
        let advice = format!("Correct {}, or run the same command again", proxy.variable);
        (what, advice, FailureKind::Unavailable, true)
    } else {
        return error;
    };
    Obstacle { what, advice, kind, source: Some(error) }.into_error(may_pass)
}

/// Whether the connection was made, so that the proxy is there.
fn reached(error: &ConnectorError) -> bool {
    let mut causes = chain(error).filter_map(|it| it.downcast_ref::<hyper_util::client::legacy::Error>());
    !causes.any(hyper_util::client::legacy::Error::is_connect)
}

fn host(address: &Uri) -> String {
    let host = address.host().unwrap_or_default();
    address.port_u16().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The error and its causes. The cause that an `io::Error` holds is no `source` of it, but inside.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| match error.downcast_ref::<io::Error>() {
        Some(io) => io.get_ref().map(|inner| inner as _),
        None => error.source(),
    })
}
