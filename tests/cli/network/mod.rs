//! The real binary behind a company's proxy and certificate authority, with real sockets.

mod metadata;
mod world;

use world::{NAME, Network, ended};

/// The certificate of some company's authority, as PEM.
pub(crate) fn authority() -> String {
    world::certificate().1
}

#[test]
fn a_deployment_goes_through_a_proxy_and_trusts_the_companys_authority() {
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let network = Network::new();
        let mut deploy = network.deploy(&format!("https://{NAME}:8443"), &[]);
        deploy.env(variable, network.proxy()).env("AWS_CA_BUNDLE", &network.bundle);
        ended(&mut deploy).is(0, "deployed", None, &[]);
        let proxied = network.proxied();
        assert!(!proxied.is_empty(), "{variable}");
        assert!(proxied.iter().all(|line| line == "CONNECT aws.test:8443 HTTP/1.1"), "{proxied:?}");
        assert_eq!(network.account.effects("UpdateService"), 1);
    }
}

#[test]
fn a_request_without_tls_goes_through_the_proxy_for_http() {
    for variable in ["HTTP_PROXY", "http_proxy"] {
        let network = Network::new();
        let mut deploy = network.deploy(&format!("http://{NAME}:8080"), &[]);
        ended(deploy.env(variable, network.proxy())).is(0, "deployed", None, &[]);
        let proxied = network.proxied();
        assert!(!proxied.is_empty(), "{variable}");
        assert!(proxied.iter().all(|line| line == "POST http://aws.test:8080/ HTTP/1.1"), "{proxied:?}");
    }
}

#[test]
fn a_webhook_is_posted_to_through_the_proxy() {
    let network = Network::new();
    network.account.sandbox.put_parameter("/deploy/webhook", "https://hooks.test/T0/B0/x").unwrap();
    let mut deploy =
        network.deploy(&format!("https://{NAME}:8443"), &["--notify", "webhook:ssm:/deploy/webhook"]);
    deploy.env("HTTPS_PROXY", network.proxy()).env("AWS_CA_BUNDLE", &network.bundle);
    ended(&mut deploy).is(0, "deployed", None, &[]);
    let proxied = network.proxied();
    assert!(proxied.iter().any(|line| line == "CONNECT hooks.test:443 HTTP/1.1"), "{proxied:?}");
}

#[test]
fn no_proxy_is_reached_directly() {
    let network = Network::new();
    let endpoint = format!("https://{}", network.tls);
    for exception in ["127.0.0.1", "127.0.0.0/8", "*", &network.tls.to_string()] {
        let mut deploy = network.deploy(&endpoint, &["--force-new-deployment"]);
        deploy.env("HTTPS_PROXY", network.proxy()).env("AWS_CA_BUNDLE", &network.bundle);
        ended(deploy.env("NO_PROXY", exception)).is(0, "deployed", None, &[]);
        assert_eq!(network.proxied(), [""; 0], "{exception}");
    }
}

#[test]
fn an_unknown_issuer_is_3_at_once_and_names_the_variable() {
    let network = Network::new();
    for (proxy, endpoint) in [
        (network.proxy(), format!("https://{NAME}:8443")),
        (String::new(), format!("https://{}", network.tls)),
    ] {
        let before = network.handshakes();
        let mut deploy = network.deploy(&endpoint, &[]);
        deploy.env("HTTPS_PROXY", proxy).env("AWS_MAX_ATTEMPTS", "4");
        let host = endpoint.trim_start_matches("https://");
        let ended = ended(&mut deploy);
        let words = [&format!("the issuer of the certificate of {host} is not known"), "Set AWS_CA_BUNDLE"];
        ended.is(3, "failed", Some("invalid_input"), &words);
        assert_eq!(network.handshakes() - before, 1, "what a repetition cannot mend is not repeated");
    }
}

#[test]
fn the_profiles_bundle_is_trusted_and_the_variable_comes_first() {
    let network = Network::new();
    let folder = network.account.path().join(".aws");
    std::fs::create_dir(&folder).unwrap();
    let config = format!("[profile company]\nca_bundle = {}\n", network.bundle.display());
    std::fs::write(folder.join("config"), config).unwrap();
    let endpoint = format!("https://{}", network.tls);
    let mut deploy = network.deploy(&endpoint, &[]);
    ended(deploy.env("AWS_PROFILE", "company")).is(0, "deployed", None, &[]);

    network.account.file("empty.pem", "");
    let mut deploy = network.deploy(&endpoint, &[]);
    let ended = ended(deploy.env("AWS_PROFILE", "company").env("AWS_CA_BUNDLE", "empty.pem"));
    let words = ["the CA bundle empty.pem of AWS_CA_BUNDLE has no certificate"];
    ended.is(3, "failed", Some("invalid_input"), &words);
}

#[test]
fn a_system_without_authorities_needs_none_for_http_and_is_3_for_https() {
    let network = Network::new();
    let none = |command: &mut std::process::Command| {
        ended(command.env("SSL_CERT_FILE", "/no/such/file").env("SSL_CERT_DIR", "/no/such/folder"))
    };
    none(&mut network.deploy(&format!("http://{}", network.account.address()), &[])).is(
        0,
        "deployed",
        None,
        &[],
    );
    let endpoint = format!("https://{}", network.tls);
    let words = ["the system has no certificate authorities", "set AWS_CA_BUNDLE"];
    none(&mut network.deploy(&endpoint, &[])).is(3, "failed", Some("invalid_input"), &words);
    let mut deploy = network.deploy(&endpoint, &["--force-new-deployment"]);
    none(deploy.env("AWS_CA_BUNDLE", &network.bundle)).is(0, "deployed", None, &[]);
}

#[test]
fn a_refusal_of_the_proxy_names_the_variable() {
    let network = Network::new();
    let at = network.proxy;
    for (name, proxy, status, words) in [
        (NAME, format!("http://{at}"), 3, &["asks for a user and a password", "in HTTPS_PROXY"][..]),
        (
            NAME,
            format!("http://eve:wrong@{at}"),
            3,
            &["does not accept its user and password", "in HTTPS_PROXY"],
        ),
        ("refused.test", network.proxy(), 3, &["refuses connections to refused.test:8443", "NO_PROXY"]),
        (NAME, "http://127.0.0.1:9".to_owned(), 75, &["127.0.0.1:9 of HTTPS_PROXY cannot be reached"]),
        (NAME, "socks5://127.0.0.1:1080".to_owned(), 3, &["HTTPS_PROXY is not the address of a proxy"]),
    ] {
        let mut deploy = network.deploy(&format!("https://{name}:8443"), &[]);
        let ended = ended(deploy.env("HTTPS_PROXY", proxy));
        let kind = if status == 3 { "invalid_input" } else { "unavailable" };
        ended.is(status, "failed", Some(kind), words);
        assert!(!ended.stderr.contains("wrong"), "{ended:?}");
    }
}

#[test]
fn credentials_of_the_instance_are_asked_for_without_the_proxy() {
    let network = Network::new();
    let metadata = metadata::serve();
    let mut deploy = network.deploy(&format!("https://{NAME}:8443"), &[]);
    deploy.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    deploy
        .env_remove("AWS_EC2_METADATA_DISABLED")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata.address);
    deploy.env("AWS_CA_BUNDLE", &network.bundle).env("ALL_PROXY", network.proxy());
    ended(&mut deploy).is(0, "deployed", None, &[]);
    assert!(metadata.asked().iter().any(|line| line.starts_with("PUT /latest/api/token")));
    let proxied = network.proxied();
    assert!(proxied.iter().all(|line| line == "CONNECT aws.test:8443 HTTP/1.1"), "{proxied:?}");
    let key = network.account.sandbox.calls()[0].access_key.clone();
    assert_eq!(key.as_deref(), Some("ASIAINSTANCE"));
}
