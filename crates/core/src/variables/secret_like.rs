//! Values that have the form of a secret.

/// How keys begin that their issuers gave a prefix to be found by, and the fewest characters of one.
///
/// Sources: GitHub docs "About authentication to GitHub" (token formats); GitLab docs "Token overview"; Slack API docs
/// "Token types"; Stripe docs "API keys"; npm, `SendGrid`, Google and Docker name theirs in the same way.
const PREFIXES: [(&str, usize); 21] = [
    ("ghp_", 20),
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("ghr_", 20),
    ("github_pat_", 30),
    ("glpat-", 20),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("xoxa-", 20),
    ("xoxr-", 20),
    ("xoxs-", 20),
    ("xapp-", 20),
    ("sk_live_", 20),
    ("sk_test_", 20),
    ("rk_live_", 20),
    ("whsec_", 20),
    ("npm_", 30),
    ("SG.", 40),
    ("AIza", 35),
    ("dckr_pat_", 20),
];

/// How many characters the id of an AWS access key has (IAM API reference, `AccessKey`: 16 to 128; the ids that are
/// issued have 20).
const ACCESS_KEY_ID: usize = 20;

/// How many characters an AWS secret access key has (IAM user guide, "Manage access keys").
const SECRET_ACCESS_KEY: usize = 40;

/// In what a value looks like a secret, as the end of a sentence that begins with the value; nothing if it does not.
pub(super) fn secret_like(value: &str) -> Option<&'static str> {
    let words =
        || value.split(|c: char| c.is_whitespace() || ",;\"'`".contains(c)).filter(|word| !word.is_empty());
    if value.contains("-----BEGIN ") && value.contains("PRIVATE KEY") {
        return Some("has a private key in it");
    }
    if words().any(has_password) {
        return Some("has a URL with a password in it");
    }
    if words().any(is_access_key_id) {
        return Some("has the id of an AWS access key in it");
    }
    if words().map(value_of).any(is_secret_access_key) {
        return Some("has the form of an AWS secret access key");
    }
    if words().map(value_of).any(is_issued) {
        return Some("begins as an access token of a known issuer does");
    }
    words().map(value_of).any(is_json_web_token).then_some("has the form of a JSON Web Token")
}

/// What follows the last `=` of `Key=value`, unless that is padding.
fn value_of(word: &str) -> &str {
    match word.trim_end_matches('=').split_once('=') {
        Some((name, value)) if name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c)) => value,
        Some(_) | None => word,
    }
}

/// `scheme://user:password@host`.
fn has_password(word: &str) -> bool {
    let Some((scheme, rest)) = word.split_once("://") else { return false };
    let is_scheme =
        scheme.chars().rev().take_while(|c| c.is_ascii_alphanumeric() || "+-.".contains(*c)).count() > 0;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((user, _)) = authority.rsplit_once('@') else { return false };
    is_scheme && user.split_once(':').is_some_and(|(_, password)| !password.is_empty())
}

fn is_access_key_id(word: &str) -> bool {
    let id = |text: &str| {
        text.len() == ACCESS_KEY_ID
            && ["AKIA", "ASIA"].iter().any(|prefix| text.starts_with(prefix))
            && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    word.split(|c: char| !c.is_ascii_alphanumeric()).any(id)
}

/// Such a key is base64 of random bytes: small and capital letters and digits. A commit's hash has no capital letters.
fn is_secret_access_key(word: &str) -> bool {
    let has = |is: fn(&u8) -> bool| word.as_bytes().iter().any(is);
    word.len() == SECRET_ACCESS_KEY
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_digit)
}

fn is_issued(word: &str) -> bool {
    let rest_is_random =
        |rest: &str| rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    PREFIXES.iter().any(|(prefix, fewest)| {
        word.len() >= *fewest && word.strip_prefix(prefix).is_some_and(rest_is_random)
    })
}

/// Three parts in base64, of which the first begins as `{"` does.
fn is_json_web_token(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    let is_base64 =
        |part: &&str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_=".contains(&byte));
    parts.len() == 3
        && parts.iter().all(is_base64)
        && parts[0].starts_with("eyJ")
        && parts[1].starts_with("eyJ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_and_a_url_with_a_password_look_like_secrets() {
        for (value, why) in [
            ("-----BEGIN RSA PRIVATE KEY-----\\nMIIE", "a private key"),
            ("-----BEGIN PRIVATE KEY-----", "a private key"),
            ("postgres://app:hunter2@db.internal:5432/app", "a URL with a password"),
            ("primary redis://:s3cret@cache:6379", "a URL with a password"),
            ("jdbc:postgresql://app:x@db/app", "a URL with a password"),
            ("https://user:p@ss@example.com", "a URL with a password"),
            ("AKIAIOSFODNN7EXAMPLE", "an AWS access key"),
            ("key=ASIAIOSFODNN7EXAMPLE", "an AWS access key"),
            ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "an AWS secret access key"),
            ("AccountKey=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "an AWS secret access key"),
            ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "an access token"),
            ("glpat-abcdefghij1234567890", "an access token"),
            ("xoxb-123456789012-abcdefghijkl", "an access token"),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "a JSON Web Token"),
        ] {
            let found = secret_like(value);
            assert!(found.is_some_and(|found| found.contains(why)), "{value}: {found:?}");
        }
    }

    #[test]
    fn what_a_build_sets_does_not_look_like_a_secret() {
        for value in [
            "",
            "abc",
            "1.2.3",
            "0123456789abcdef0123456789abcdef01234567",
            "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "https://example.com/path?user=a:b@c",
            "https://user@example.com/x",
            "https://example.com:8080/@scope/package",
            "2026-12-01T12:00:00Z",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:2.0",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf",
            "npm_config_cache",
            "feature/AKIA",
            "-----BEGIN CERTIFICATE-----",
            "env:production,service:web",
        ] {
            assert_eq!(secret_like(value), None, "{value}");
        }
    }
}
