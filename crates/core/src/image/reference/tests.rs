use proptest::prelude::*;
use regex_lite::Regex;

use super::super::super::runner::Runner;
use super::super::InvalidImage;
use super::*;

const HASH: &str = "94afd1f2e64d908bc90dbca0035a5b567abcdef00123456789abcdef01234567";

/// References that a runtime can pull, as they stand in public task definitions, manifests and manuals;
/// `HASH` stands for 64 hexadecimal digits.
const REAL: [&str; 66] = [
    "nginx",
    "nginx:1.27",
    "nginx:latest",
    "nginx@sha256:HASH",
    "nginx:1.27-alpine3.20-slim@sha256:HASH",
    "busybox:1.36.1-musl",
    "amazon/amazon-ecs-agent",
    "amazon/aws-for-fluent-bit:stable",
    "amazon/cloudwatch-agent:1.300049.1b929",
    "datadog/agent:7.58.0-jmx",
    "library/redis:7",
    "docker.io/redis:7",
    "docker.io/library/postgres:16.4-bookworm",
    "index.docker.io/library/postgres:16",
    "registry-1.docker.io/library/alpine:3.20",
    "docker.elastic.co/beats/filebeat:8.15.2",
    "docker.redpanda.com/redpandadata/redpanda:v24.2.7",
    "docker.n8n.io/n8nio/n8n:1.63.4",
    "ghcr.io/astral-sh/uv:0.4.20-python3.12-bookworm-slim",
    "ghcr.io/open-telemetry/opentelemetry-collector-releases/opentelemetry-collector-contrib:0.111.0",
    "ghcr.io/org/app:sha-4f2a9c1",
    "ghcr.io/org/app:pr-12",
    "gcr.io/distroless/static-debian12:nonroot",
    "gcr.io/google-containers/pause:3.2",
    "us-docker.pkg.dev/google-samples/containers/gke/hello-app:1.0",
    "europe-west1-docker.pkg.dev/project-1/shop/web@sha256:HASH",
    "registry.k8s.io/pause:3.10",
    "registry.k8s.io/ingress-nginx/controller:v1.11.3@sha256:HASH",
    "mcr.microsoft.com/dotnet/aspnet:8.0",
    "mcr.microsoft.com/windows/servercore:ltsc2022-amd64",
    "mcr.microsoft.com/mssql/server:2022-CU15-ubuntu-22.04",
    "myregistry.azurecr.io/samples/nginx:v1",
    "quay.io/prometheus/node-exporter:v1.8.2",
    "quay.io/coreos/etcd:v3.5.16",
    "registry.gitlab.com/gitlab-org/gitlab-runner:alpine-v17.5.0",
    "registry.gitlab.com/group/sub-group/sub_group/project/image-name:main",
    "registry.access.redhat.com/ubi9/ubi-minimal:9.4-1227",
    "registry.redhat.io/rhel9/httpd-24@sha256:HASH",
    "container-registry.oracle.com/database/express:21.3.0-xe",
    "icr.io/codeengine/helloworld",
    "public.ecr.aws/nginx/nginx:1.27",
    "public.ecr.aws/docker/library/node:20.18.0-alpine3.20",
    "public.ecr.aws/aws-observability/aws-otel-collector:v0.41.1",
    "public.ecr.aws/xray/aws-xray-daemon:3.x",
    "public.ecr.aws/appmesh/aws-appmesh-envoy:v1.29.9.0-prod",
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web",
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:2026-11-22_a.b",
    "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/web@sha256:HASH",
    "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/web:2.0@sha256:HASH",
    "123456789012.dkr.ecr.us-east-2.amazonaws.com/docker-hub/library/nginx:1.27",
    "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/web:1",
    "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com/web:1",
    "123456789012.dkr-ecr.eu-west-1.on.aws/web:1",
    "123456789012.dkr-ecr-fips.us-east-1.on.aws/web:1",
    "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu/web:1",
    "000000000000.dkr.ecr.us-east-1.localhost.localstack.cloud:4566/web:1",
    "vpce-0a1b2c3d4e5f.dkr.ecr.us-east-1.vpce.amazonaws.com/web:1",
    "localhost/app",
    "localhost:5000/app",
    "localhost:5000/team/app:v1@sha256:HASH",
    "127.0.0.1:5000/app:1",
    "10.0.12.7:443/shop/web:4f2a9c1",
    "[::1]:5000/app",
    "[2001:db8::1]:5000/shop/web:1@sha256:HASH",
    "Registry.Example.COM:8443/shop/web:Release_1",
    "nexus:8082/a/b/c/d/e/f/g/h/i/j/k__l/m--n/o.p/q-r:_snapshot",
];

/// What builds were seen to write and nothing can pull; with what is said of it, and with a part of the remedy.
const REFUSED: [(&str, &str, &str); 48] = [
    ("", "names no image", "Was the variable for the image set? Give a full reference"),
    (
        "sha256:HASH",
        "is a digest or an image's id without a repository",
        "Write registry/repository@sha256:DIGEST",
    ),
    ("HASH", "is a digest or an image's id without a repository", "with the digest that the push printed"),
    (":4f2a9c1", "has no repository before its tag or digest", "Was the variable for the repository set?"),
    (
        "@sha256:HASH",
        "has no repository before its tag or digest",
        "Was the variable for the repository set?",
    ),
    ("/web:1", "begins with a slash", "Was the variable for the registry set?"),
    ("//web:1", "begins with a slash", "Was the variable for the registry set?"),
    ("https://R/web:1", "begins with https://, which is no part of a reference", "Write R/web:1"),
    ("docker://ghcr.io/org/app:1", "begins with docker://, which is no part", "Write ghcr.io/org/app:1"),
    (
        "ghcr.io/Org/App:1",
        "has capital letters in its repository",
        "Write ghcr.io/org/app:1. GitHub's `github.repository` keeps capital letters",
    ),
    (
        "ghcr.io/Org/App:Tag@sha256:HASH",
        "has capital letters in its repository",
        "Write ghcr.io/org/app:Tag@sha256:HASH. ",
    ),
    ("Nginx", "has capital letters in its repository", "Write nginx. "),
    ("repo:", "ends in a colon without a tag", "Was the variable for the tag set?"),
    ("registry.example/web:", "ends in a colon without a tag", "Was the variable for the tag set?"),
    (
        "registry.example:/web:1",
        "has a colon without a port before a slash",
        "Was the variable for the port set?",
    ),
    ("registry.example//web:1", "has nothing between two of its slashes", "Was the variable for the part"),
    ("registry.example/shop//web", "has nothing between two of its slashes", "Was the variable for the part"),
    (
        "registry.example/",
        "has no repository after its last slash",
        "Was the variable for the repository set?",
    ),
    (
        "registry.example/:1",
        "has no repository after its last slash",
        "Was the variable for the repository set?",
    ),
    (
        "registry.example/shop/:1",
        "has no repository after its last slash",
        "Was the variable for the repository set?",
    ),
    (
        "registry..example/web:1",
        "has an empty part in the name of its registry",
        "Was the variable for the missing part",
    ),
    (
        ".example.com/web:1",
        "has an empty part in the name of its registry",
        "Was the variable for the missing part",
    ),
    ("registry.example:99999/web:1", "has the port 99999; ports end at 65535", "Give a full reference"),
    ("web:1\n", "has a line break as its character 6", "Remove the white space"),
    ("web:1\r", "has a carriage return as its character 6", "`tr -d '\\r'`"),
    ("web: 1", "has a space as its character 5", "Remove the white space"),
    (" web:1", "has a space as its character 1", "Remove the white space"),
    ("\"web:1\"", "has a quotation mark as its character 1", "Give a full reference"),
    ("web:$TAG", "has the variable \"$TAG\", which nothing replaced", "single quotes keep it from that"),
    ("${REPO}/web:1", "has the variable \"${REPO}\", which nothing replaced", "Let the shell replace it"),
    ("r/web:${{ github.sha }}", "has the variable \"${{ github.sha }}\"", "Let the shell replace it"),
    ("r/web:%TAG%", "has the variable \"%TAG%\", which nothing replaced", "Let the shell replace it"),
    (
        "<registry>/web:1",
        "has the variable \"<registry>\", which nothing replaced",
        "Let the shell replace it",
    ),
    ("***.dkr.ecr.eu-west-1.amazonaws.com/web:1", "has ***, which a CI system prints", "is not masked"),
    ("größe", "has 'ö' as its character 3", "Give a full reference"),
    ("web\\app:1", "has a backslash as its character 4", "Give a full reference"),
    (
        "web:feature/login",
        "has the tag \"feature/login\"; a tag has letters",
        "such as feature-login, and write",
    ),
    (
        "r.example/web:feature/login",
        "has the tag \"feature/login\"; a tag has letters",
        "such as feature-login",
    ),
    (
        "web:1.0.0+build.5",
        "has the tag \"1.0.0+build.5\"; a tag has letters",
        "such as 1.0.0-build.5, and write",
    ),
    ("web:1#2", "has the tag \"1#2\"; a tag has letters", "such as 1-2, and write"),
    ("web:1:2", "has the tag \"1:2\"; a tag has letters", "such as 1-2, and write"),
    ("web:-1", "has the tag \"-1\"; a tag has letters", "such as 1, and write"),
    ("registry.example/-web:1", "has the part \"-web\" in its repository", "Give a full reference"),
    ("registry.example/a._b:1", "has the part \"a._b\" in its repository", "Give a full reference"),
    ("app@sha512:HASH", "has no valid digest after the @", "Take the digest that the push printed"),
    ("app@", "has no valid digest after the @", "Take the digest that the push printed"),
    ("app@sha256:HASH0", "has no valid digest after the @", "RepoDigests"),
    ("app@sha256:HASH@sha256:HASH", "has no valid digest after the @", "RepoDigests"),
];

/// What cannot be in Amazon ECR.
const NOT_IN_ECR: [(&str, &str, &str); 10] = [
    (
        "123456789012.dkr.ecr..amazonaws.com/app:1",
        "names no Region in its registry of Amazon ECR",
        "Was the variable for the Region set? Write ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG",
    ),
    (
        "123456789012.dkr.ecr.amazonaws.com/app:1",
        "names no Region in its registry of Amazon ECR",
        "Was the variable for the Region set?",
    ),
    (
        "123456789012.dkr.ecr-fips..amazonaws.com/app:1",
        "names no Region in its registry of Amazon ECR",
        "Was the variable for the Region set?",
    ),
    (
        "123456789012.dkr-ecr..on.aws/app:1",
        "names no Region in its registry of Amazon ECR",
        "Was the variable for the Region set?",
    ),
    (
        "123456789012.dkr.ecr.eu_west_1.amazonaws.com/app:1",
        "has \"eu_west_1\" as the Region of its registry, which is no Region's name",
        "Write ACCOUNT.dkr.ecr.REGION",
    ),
    (
        "123456789012.dkr.ecr.EU-WEST-1.amazonaws.com/app:1",
        "has \"EU-WEST-1\" as the Region of its registry",
        "Write ACCOUNT.dkr.ecr.REGION",
    ),
    (
        ".dkr.ecr.eu-west-1.amazonaws.com/app:1",
        "names no account in its registry of Amazon ECR",
        "Was the variable for the account set?",
    ),
    (
        "12345678901.dkr.ecr.eu-west-1.amazonaws.com/app:1",
        "has \"12345678901\" as the account of its registry; an account has twelve digits",
        "Was the variable for the account set?",
    ),
    (
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/:1",
        "names no repository of Amazon ECR",
        "Was the variable for the repository set?",
    ),
    (
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a:1",
        "has the repository \"a\"; Amazon ECR's repositories have names of 2 to 256 characters",
        "Write ACCOUNT.dkr.ecr.REGION",
    ),
];

fn hashed(text: &str) -> String {
    text.replace("HASH", HASH)
}

#[test]
fn what_a_runtime_can_pull_is_taken_as_it_stands() {
    for text in REAL.map(hashed) {
        let image = ImageReference::parse(&text).unwrap_or_else(|invalid| panic!("{text} {invalid}"));
        assert_eq!(image.as_str(), text);
        assert_eq!(image.to_string(), text);
        let digest = text.split_once('@').map(|(_, digest)| digest);
        assert_eq!(image.digest(), digest, "{text}");
    }
}

#[test]
fn what_nothing_can_pull_is_refused_with_the_cause_and_the_remedy() {
    for (text, what, remedy) in REFUSED.iter().chain(&NOT_IN_ECR) {
        let text = hashed(text);
        let invalid = ImageReference::parse(&text).expect_err(&text);
        let (told, advised) = (invalid.to_string(), invalid.remedy(Runner::Other));
        assert!(told.starts_with(what), "{text:?} {told}");
        assert!(advised.contains(&hashed(remedy)), "{text:?} {told}. {advised}");
        assert!(!told.ends_with(['.', '?']) && !advised.ends_with(['.', '?']), "{told}. {advised}");
    }
}

#[test]
fn on_github_an_image_that_came_to_nothing_is_told_as_a_masked_output() {
    for text in [
        "",
        ":1",
        "/web:1",
        "***.dkr.ecr.eu-west-1.amazonaws.com/web:1",
        ".dkr.ecr.eu-west-1.amazonaws.com/web:1",
    ] {
        let invalid = ImageReference::parse(text).unwrap_err();
        let on_github = invalid.remedy(Runner::GitHub);
        assert!(on_github.starts_with("GitHub empties a job's output that holds a secret"), "{on_github}");
        assert!(on_github.ends_with(&invalid.remedy(Runner::Other)), "{on_github}");
    }
    let tag = ImageReference::parse("web:").unwrap_err();
    assert_eq!(tag.remedy(Runner::GitHub), tag.remedy(Runner::Other), "a tag holds no account");
}

#[test]
fn the_limit_of_255_characters_does_not_count_the_digest() {
    let longest = "a".repeat(255);
    assert_eq!(ImageReference::parse(&longest).unwrap().as_str(), longest);
    let pinned = format!("{longest}@sha256:{HASH}");
    assert_eq!(ImageReference::parse(&pinned).unwrap().as_str().len(), 255 + 72);
    assert_eq!(ImageReference::parse(&"a".repeat(256)), Err(InvalidImage::TooLong { characters: 256 }));
    for repository in ["web", "localhost/web", "localhost:5000/web", "registry.example/shop/web"] {
        let tagged = |length| ImageReference::parse(&format!("{repository}:{}", "x".repeat(length)));
        assert!(tagged(128).is_ok(), "{repository}");
        assert_eq!(tagged(129), Err(InvalidImage::LongTag { characters: 129 }), "{repository}");
    }
}

#[test]
fn what_is_registered_already_is_taken_whatever_it_is() {
    assert_eq!(ImageReference::as_registered("Old/Image:").as_str(), "Old/Image:");
}

/// The grammar as `distribution/reference` writes it, with the digests that ECS documents.
fn grammar() -> String {
    let label = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
    let host = format!(r"(?:{label}(?:\.{label})*|\[(?:[a-fA-F0-9:]+)\])");
    let part = "[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*";
    let name = format!("(?:{host}(?::[0-9]+)?/)?{part}(?:/{part})*");
    format!(r"{name}(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?(?:@sha256:[a-f0-9]{{64}})?")
}

/// Pieces of which references are made, put together at random: some are references, most are not quite.
fn nearly() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z0-9]{1,6}",
        "[A-Z]",
        "[-_.:/@#+]",
        Just("//".to_owned()),
        Just("__".to_owned()),
        Just("registry.example".to_owned()),
        Just("localhost:5000/".to_owned()),
        Just("[::1]:5000/".to_owned()),
        Just(format!("@sha256:{HASH}")),
        Just("x".repeat(127)),
    ];
    proptest::collection::vec(piece, 1..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn what_the_grammar_makes_is_taken(text in proptest::string::string_regex(
        r"([a-z0-9][a-z0-9-]{0,8}[a-z0-9](\.[a-z0-9]{1,6}){0,3}(:[1-9][0-9]{0,3})?/|\[[a-f0-9]{1,4}::[a-f0-9]{1,4}\](:[1-9][0-9]{0,3})?/)?[a-z0-9]{2,8}((\.|_|__|-{1,3})[a-z0-9]{1,8}){0,3}(/[a-z0-9]{1,8}((\.|_|__|-)[a-z0-9]{1,4}){0,2}){0,6}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,60})?(@sha256:[a-f0-9]{64})?"
    ).unwrap()) {
        prop_assert!(text.len() < 255 + 72);
        let taken = ImageReference::parse(&text);
        prop_assert!(taken.is_ok(), "{text:?} {}", taken.unwrap_err());
    }

    #[test]
    fn what_is_taken_follows_the_grammar_and_what_is_refused_has_a_reason(text in nearly()) {
        thread_local!(static GRAMMAR: Regex = Regex::new(&format!("^(?:{})$", grammar())).unwrap());
        let follows = GRAMMAR.with(|grammar| grammar.is_match(&text));
        match ImageReference::parse(&text) {
            Ok(_) => prop_assert!(follows, "{text:?}"),
            // Beyond the grammar are the length and the port.
            Err(InvalidImage::TooLong { .. } | InvalidImage::Port { .. }) => {}
            Err(invalid) => prop_assert!(!follows, "{text:?} {invalid}"),
        }
    }

    #[test]
    fn no_text_is_too_odd(text in "\\PC{0,40}") {
        let _ = ImageReference::parse(&text).map_err(|invalid| invalid.remedy(Runner::GitHub));
    }
}
