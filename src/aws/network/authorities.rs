//! The certificate authorities that are trusted: the system's, and those of a CA bundle.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use aws_smithy_types::base64;
use evenkeel_core::failure::Failure;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// The trusted authorities. The system's are read when the first connection by TLS is made.
#[derive(Debug, Clone)]
pub(super) struct Authorities {
    bundle: Arc<Vec<CertificateDer<'static>>>,
    /// The name of the setting and the file that the bundle is from.
    origin: Option<(&'static str, String)>,
    context: Arc<OnceLock<Option<TlsContext>>>,
}

impl Authorities {
    pub(super) fn of_the_system() -> Self {
        Self { bundle: Arc::default(), origin: None, context: Arc::default() }
    }

    /// The system's authorities and those in the file at `path`, which the setting `name` gave.
    pub(super) fn beside(name: &'static str, path: &str) -> Result<Self, Failure> {
        let wrong = |what: &str| Failure::invalid_input(format!("the CA bundle {path} of {name} {what}"));
        let advice = "Give a file with the certificates of your certificate authorities as PEM, or unset it";
        let text = std::fs::read(Path::new(path))
            .map_err(|error| wrong("cannot be read").caused_by(error).advice(advice))?;
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        let found = found.map_err(|error| wrong("is not PEM").because(error.to_string()).advice(advice))?;
        if found.is_empty() {
            return Err(wrong("has no certificate").advice(advice));
        }
        let usable = usable(found);
        if usable.is_empty() {
            return Err(wrong("has no certificate that can be used").advice(advice));
        }
        let origin = Some((name, path.to_owned()));
        Ok(Self { bundle: Arc::new(usable), origin, context: Arc::default() })
    }

    /// The setting and the file that the bundle is from, for people.
    pub(super) fn origin(&self) -> Option<String> {
        self.origin.as_ref().map(|(name, path)| format!("{name} ({path})"))
    }

    /// What a connection by TLS is checked against; `None` if there is no authority at all.
    pub(super) fn context(&self) -> Option<TlsContext> {
        self.context.get_or_init(|| self.load()).clone()
    }

    fn load(&self) -> Option<TlsContext> {
        // The SDK's own trust store panics where the system has none, so we fill an empty one.
        let system = usable(rustls_native_certs::load_native_certs().certs);
        let mut store = TrustStore::empty();
        for certificate in system.iter().chain(self.bundle.iter()) {
            store.add_pem_certificate(pem(certificate));
        }
        let is_empty = system.is_empty() && self.bundle.is_empty();
        TlsContext::builder().with_trust_store(store).build().ok().filter(|_| !is_empty)
    }
}

/// A connection without TLS is checked against nothing.
pub(super) fn without_tls() -> TlsContext {
    let store = TlsContext::builder().with_trust_store(TrustStore::empty());
    store.build().unwrap_or_default()
}

/// Those that can be the anchor of a chain; a system's store may hold others, which are no harm.
fn usable(certificates: Vec<CertificateDer<'static>>) -> Vec<CertificateDer<'static>> {
    let is_usable = |it: &CertificateDer<'static>| RootCertStore::empty().add(it.clone()).is_ok();
    certificates.into_iter().filter(is_usable).collect()
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    let body = base64::encode(certificate.as_ref());
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
}

#[cfg(test)]
mod tests {
    use evenkeel_core::failure::FailureKind;

    use super::*;

    #[test]
    fn a_bundle_that_cannot_be_used_is_told_with_its_setting_and_path() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.display().to_string()
        };
        for (path, words) in [
            (folder.path().join("none.pem").display().to_string(), "cannot be read: No such file"),
            (file("empty.pem", "\n"), "has no certificate. Give a file"),
            (file("text.pem", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"), "is not PEM"),
            (
                file("der.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
                "has no certificate that can be used",
            ),
        ] {
            let failure = Authorities::beside("AWS_CA_BUNDLE", &path).unwrap_err();
            assert_eq!(failure.kind(), FailureKind::InvalidInput);
            let told = failure.to_string();
            assert!(told.starts_with(&format!("the CA bundle {path} of AWS_CA_BUNDLE ")), "{told}");
            assert!(told.contains(words), "{told}");
        }
    }
}
