//! How Amazon S3 is to encrypt an object, as it is typed behind an address.

use std::fmt;

/// How S3 is to encrypt an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Encryption {
    /// As the bucket says.
    #[default]
    Default,
    /// With keys of S3's own.
    Aes256,
    /// With S3's own KMS key, `aws/s3`.
    AwsKms,
    /// With this KMS key.
    Kms(String),
    /// In two layers, with this KMS key or the bucket's.
    TwoLayers(Option<String>),
}

/// The form of an object's address with what is typed behind it.
pub const SINK_FORM: &str = "s3://BUCKET/KEY?sse=AES256 or s3://BUCKET/KEY?sse=aws:kms&kms-key-id=KEY";
/// The form of the claims' address with what is typed behind it.
pub const CLAIMS_FORM: &str =
    "s3://BUCKET/PREFIX?sse=AES256 or s3://BUCKET/PREFIX?sse=aws:kms&kms-key-id=KEY";

impl Encryption {
    /// Splits an address from the encryption that is typed behind it.
    ///
    /// # Errors
    /// What is wrong with it; its forms are [`SINK_FORM`] and [`CLAIMS_FORM`].
    pub fn split(text: &str) -> Result<(&str, Self), &'static str> {
        match text.split_once('?') {
            Some((address, query)) => Ok((address, Self::parse(query)?)),
            None => Ok((text, Self::Default)),
        }
    }

    fn parse(query: &str) -> Result<Self, &'static str> {
        let (mut algorithm, mut key) = (None, None);
        for member in query.split('&') {
            let (name, value) = member.split_once('=').unwrap_or((member, ""));
            let place = match name {
                "sse" => &mut algorithm,
                "kms-key-id" => &mut key,
                _ => return Err("behind the question mark there are sse and kms-key-id only"),
            };
            if place.replace(value).is_some() {
                return Err("behind the question mark something is given twice");
            }
        }
        let in_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '/' | '_' | '-');
        if key.is_some_and(|key| key.is_empty() || !key.chars().all(in_key)) {
            return Err("kms-key-id is the id, the ARN or the alias of a KMS key");
        }
        match (algorithm, key) {
            (Some("AES256"), None) => Ok(Self::Aes256),
            (Some("aws:kms"), None) => Ok(Self::AwsKms),
            (Some("aws:kms"), Some(key)) => Ok(Self::Kms(key.to_owned())),
            (Some("aws:kms:dsse"), key) => Ok(Self::TwoLayers(key.map(str::to_owned))),
            (Some("AES256") | None, Some(_)) => Err("kms-key-id belongs to sse=aws:kms"),
            (Some(_), _) => Err("sse is AES256, aws:kms or aws:kms:dsse"),
            (None, None) => Err("behind the question mark there is nothing"),
        }
    }

    /// The KMS key that is named.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Kms(key) | Self::TwoLayers(Some(key)) => Some(key),
            Self::Default | Self::Aes256 | Self::AwsKms | Self::TwoLayers(None) => None,
        }
    }
}

/// As it is typed behind an address.
impl fmt::Display for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => return Ok(()),
            Self::Aes256 => f.write_str("?sse=AES256")?,
            Self::AwsKms | Self::Kms(_) => f.write_str("?sse=aws:kms")?,
            Self::TwoLayers(_) => f.write_str("?sse=aws:kms:dsse")?,
        }
        self.key().map_or(Ok(()), |key| write!(f, "&kms-key-id={key}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_read_and_shown_as_it_was() {
        for (text, encryption) in [
            ("", Encryption::Default),
            ("?sse=AES256", Encryption::Aes256),
            ("?sse=aws:kms", Encryption::AwsKms),
            ("?sse=aws:kms&kms-key-id=alias/shop", Encryption::Kms("alias/shop".to_owned())),
            ("?sse=aws:kms:dsse", Encryption::TwoLayers(None)),
            (
                "?sse=aws:kms:dsse&kms-key-id=arn:aws:kms:eu-west-1:123456789012:key/1a-2b",
                Encryption::TwoLayers(Some("arn:aws:kms:eu-west-1:123456789012:key/1a-2b".to_owned())),
            ),
        ] {
            let typed = format!("s3://bucket/key{text}");
            assert_eq!(Encryption::split(&typed), Ok(("s3://bucket/key", encryption.clone())));
            assert_eq!(encryption.to_string(), text);
        }
    }

    #[test]
    fn every_mistake_is_told() {
        for (query, why) in [
            ("", "sse and kms-key-id only"),
            ("x", "sse and kms-key-id only"),
            ("sse", "sse is AES256"),
            ("sse=AES128", "sse is AES256"),
            ("sse=aws:kms&sse=aws:kms", "given twice"),
            ("sse=AES256&kms-key-id=k", "belongs to sse=aws:kms"),
            ("kms-key-id=k", "belongs to sse=aws:kms"),
            ("sse=aws:kms&kms-key-id=", "the id, the ARN or the alias"),
            ("sse=aws:kms&kms-key-id=a b", "the id, the ARN or the alias"),
        ] {
            let text = format!("s3://bucket/key?{query}");
            let told = Encryption::split(&text).unwrap_err();
            assert!(told.contains(why), "{query}: {told}");
        }
    }
}
