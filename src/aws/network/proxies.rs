//! The proxies that the environment names, and the hosts that are reached without them.

use std::fmt;
use std::sync::Arc;

use aws_smithy_http_client::proxy::ProxyConfig;
use evenkeel_core::failure::Failure;
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

use super::Network;

/// The metadata services of instances and containers, which are on the machine's own link (Amazon EC2
/// user guide, "Instance metadata"; Amazon EKS user guide, "EKS Pod Identity"): a proxy would answer for
/// its own machine.
const METADATA: [&str; 5] =
    ["169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23"];

/// Which proxy a request goes through.
#[derive(Clone)]
pub(super) struct Proxies {
    https: Option<Proxy>,
    http: Option<Proxy>,
    exceptions: Arc<Vec<Exception>>,
}

/// A proxy, and the variable that names it.
#[derive(Clone)]
pub(super) struct Proxy {
    pub(super) variable: &'static str,
    pub(super) address: Uri,
}

impl Proxies {
    /// Reads the variables; `metadata` is another address of the instance's metadata service.
    pub(super) fn parse(network: &Network, metadata: Option<&str>) -> Result<Self, Failure> {
        // In lower case first, as curl and the AWS CLI read them.
        let first = |names: [&'static str; 4]| {
            let set = |name: &'static str| Some((name, network.get(name)?));
            names.into_iter().find_map(set).map(|(name, value)| Proxy::parse(name, value)).transpose()
        };
        let no_proxy = ["no_proxy", "NO_PROXY"].into_iter().find_map(|name| network.get(name));
        let endpoints = ["AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];
        let endpoints = endpoints.into_iter().filter_map(|name| network.get(name)).chain(metadata);
        let endpoints = endpoints.filter_map(|text| Some(text.parse::<Uri>().ok()?.host()?.to_owned()));
        let exceptions = METADATA.into_iter().map(str::to_owned).chain(endpoints);
        let exceptions = exceptions.chain(no_proxy.unwrap_or_default().split(',').map(str::to_owned));
        Ok(Self {
            https: first(["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])?,
            http: first(["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])?,
            exceptions: Arc::new(exceptions.filter_map(|entry| Exception::parse(&entry)).collect()),
        })
    }

    /// The proxy for a request to this address, if it goes through one.
    pub(super) fn toward(&self, address: &Uri) -> Option<&Proxy> {
        let proxy = match address.scheme_str() {
            Some("https") => self.https.as_ref(),
            Some("http") => self.http.as_ref(),
            _ => None,
        };
        proxy.filter(|_| !self.exceptions.iter().any(|exception| exception.holds_for(address)))
    }
}

impl Proxy {
    fn parse(variable: &'static str, text: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| {
            Failure::invalid_input(format!("{variable} is not the address of a proxy"))
                .because(why)
                .advice("Give http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, with the characters : / ? # [ ] @ % of user and password percent-encoded, or unset it")
        };
        let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        // The parser's own error is left out: nothing of a text with a password reaches a message.
        let address: Uri = text.parse().map_err(|_| wrong("it cannot be parsed"))?;
        match address.scheme_str() {
            Some("http" | "https") => {}
            Some(scheme) => {
                return Err(wrong(&format!("Evenkeel speaks to proxies by HTTP, not by {scheme}")));
            }
            None => return Err(wrong("it cannot be parsed")),
        }
        let authority = address.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        let port = host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).map(|(_, port)| port);
        if address.host().is_none_or(str::is_empty) {
            return Err(wrong("the host is missing"));
        }
        if port.is_some_and(|port| port.parse::<u16>().is_err()) {
            return Err(wrong("the port is no number"));
        }
        Ok(Self { variable, address })
    }

    /// The proxy's configuration for requests by this scheme.
    pub(super) fn config(&self, is_https: bool) -> ProxyConfig {
        let (address, disabled) = (self.address.clone(), |_| ProxyConfig::disabled());
        if is_https {
            ProxyConfig::https(address).unwrap_or_else(disabled)
        } else {
            ProxyConfig::http(address).unwrap_or_else(disabled)
        }
    }

    /// Whether the address holds a user.
    pub(super) fn has_user(&self) -> bool {
        self.address.authority().is_some_and(|authority| authority.as_str().contains('@'))
    }
}

/// Host and port: the rest of the address may hold a password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.address.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        write!(f, "{} of {}", authority.rsplit('@').next().unwrap_or_default(), self.variable)
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proxies")
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// An entry of `NO_PROXY`: a host, a `.suffix`, `*`, an address or a CIDR, each with a port or without.
struct Exception {
    port: Option<u16>,
    /// The hosts that it names; `None` for `*`, which the matcher does not take for addresses.
    hosts: Option<Matcher>,
}

impl Exception {
    fn parse(entry: &str) -> Option<Self> {
        let entry = entry.trim();
        let (host, port) = match entry.rsplit_once(':') {
            // An address of IPv6 has colons of its own.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                port.parse().map_or((entry, None), |port| (host, Some(port)))
            }
            Some(_) | None => (entry, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        // Java's form of a suffix.
        let host = host.strip_prefix('*').filter(|suffix| suffix.starts_with('.')).unwrap_or(host);
        // The proxy is no real one: the matcher is only asked whether it would be used.
        let hosts = Matcher::builder().all("http://proxy.invalid").no(host).build();
        (!host.is_empty()).then_some(Self { port, hosts: (host != "*").then_some(hosts) })
    }

    fn holds_for(&self, address: &Uri) -> bool {
        let port = address.port_u16().unwrap_or(if address.scheme_str() == Some("http") { 80 } else { 443 });
        self.port.is_none_or(|wanted| wanted == port)
            && self.hosts.as_ref().is_none_or(|hosts| hosts.intercept(address).is_none())
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_core::failure::FailureKind;

    use super::*;

    fn proxies(variables: &[(&'static str, &str)]) -> Result<Proxies, Failure> {
        let get = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        Proxies::parse(&Network::of(get), None)
    }

    fn toward(proxies: &Proxies, address: &str) -> Option<String> {
        proxies.toward(&address.parse().unwrap()).map(ToString::to_string)
    }

    #[test]
    fn each_scheme_has_its_proxy_in_both_cases_of_the_name() {
        for (variables, https, http) in [
            (&[][..], None, None),
            (&[("HTTPS_PROXY", "http://p:1")][..], Some("p:1 of HTTPS_PROXY"), None),
            (&[("https_proxy", "p:1"), ("HTTPS_PROXY", "q:2")], Some("p:1 of https_proxy"), None),
            (&[("HTTP_PROXY", "https://p")], None, Some("p of HTTP_PROXY")),
            (&[("http_proxy", "[::1]:3128")], None, Some("[::1]:3128 of http_proxy")),
            (
                &[("ALL_PROXY", "p:1"), ("https_proxy", "u:w@q:2")],
                Some("q:2 of https_proxy"),
                Some("p:1 of ALL_PROXY"),
            ),
        ] {
            let found = proxies(variables).unwrap();
            let told = |address| toward(&found, address);
            assert_eq!(told("https://ecs.eu-west-1.amazonaws.com/").as_deref(), https, "{variables:?}");
            assert_eq!(told("http://emulator:4566/").as_deref(), http, "{variables:?}");
        }
    }

    #[test]
    fn no_proxy_is_understood_in_its_usual_forms() {
        for (entry, without, with) in [
            (
                "example.com",
                &["https://example.com/", "https://a.example.com/"][..],
                "https://anexample.com/",
            ),
            (".example.com", &["https://a.example.com/"], "https://example.org/"),
            ("*.example.com", &["https://a.example.com/"], "https://example.org/"),
            ("EXAMPLE.com", &["https://a.example.COM/"], "https://example.org/"),
            ("*", &["https://example.com/", "https://10.0.0.1/"], ""),
            ("10.0.0.1", &["https://10.0.0.1/"], "https://10.0.0.2/"),
            ("10.0.0.0/8", &["https://10.9.9.9/"], "https://11.0.0.1/"),
            ("fd00::/8", &["https://[fd12::1]/"], "https://[fe80::1]/"),
            ("[::1]", &["https://[::1]:8443/"], "https://[::2]/"),
            ("[::1]:8443", &["https://[::1]:8443/"], "https://[::1]/"),
            ("example.com:8443", &["https://example.com:8443/"], "https://example.com/"),
            ("example.com:443", &["https://example.com/"], "https://example.com:8443/"),
            ("x.org, example.com ,", &["https://example.com/", "https://x.org/"], "https://example.org/"),
        ] {
            let found = proxies(&[("ALL_PROXY", "p:1"), ("no_proxy", entry)]).unwrap();
            for address in without {
                assert_eq!(toward(&found, address), None, "{entry}: {address}");
            }
            if !with.is_empty() {
                assert!(toward(&found, with).is_some(), "{entry}: {with}");
            }
        }
    }

    #[test]
    fn metadata_and_container_credentials_never_go_through_a_proxy() {
        let found = proxies(&[
            ("ALL_PROXY", "p:1"),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://imds.local:8080"),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:51679/creds"),
        ])
        .unwrap();
        for address in [
            "http://169.254.169.254/latest/meta-data/",
            "http://169.254.170.2/v2/credentials/x",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::254]/latest/api/token",
            "http://[fd00:ec2::23]/v1/credentials",
            "http://imds.local:8080/latest/api/token",
            "http://127.0.0.1:51679/creds",
        ] {
            assert_eq!(toward(&found, address), None, "{address}");
        }
        assert!(toward(&found, "http://169.254.169.253/").is_some());
    }

    #[test]
    fn a_bad_address_names_the_variable_and_never_the_password() {
        for address in [
            "http://user:s3cret#x@proxy:3128",
            "http://user:s3cret@proxy:port",
            "http://user:s3cret@",
            "socks5://user:s3cret@proxy:1080",
            "http://user:s3cret@pro xy:3128",
            "user:s3cret/x@proxy:3128",
        ] {
            let failure = proxies(&[("HTTPS_PROXY", address)]).unwrap_err();
            assert_eq!(failure.kind(), FailureKind::InvalidInput);
            let told = format!("{failure} {failure:?}");
            assert!(told.starts_with("HTTPS_PROXY is not the address of a proxy: "), "{told}");
            assert!(!told.contains("s3cret"), "{told}");
        }
        let found = proxies(&[("HTTPS_PROXY", "http://user:s3cret@proxy:3128")]).unwrap();
        assert!(!format!("{found:?} {:?}", found.https).contains("s3cret"));
    }
}
