//! The file that CodePipeline's ECR source action writes (`imageDetail.json`): an image, and no
//! container.
//!
//! Its form is `{"ImageURI": …}`, among other members that are ignored (AWS CodePipeline user guide,
//! "Image definitions file reference").

use serde::Deserialize;
use serde_json::Value;

use super::failure::Failure;
use super::image::{ImageReference, Images};
use super::image_definitions::MAX_BYTES;
use super::quote::quoted;
use super::runner::Runner;

/// What the file is always called.
pub const FILE_NAME: &str = "imageDetail.json";

#[derive(Deserialize)]
struct Detail {
    #[serde(rename = "ImageURI")]
    image: String,
}

/// Reads the image for `container` from `bytes`. `source` names them in messages.
///
/// # Errors
/// Always [`Failure::invalid_input`], for anything but an object that names an image that ECS
/// takes.
pub fn parse(source: &str, bytes: &[u8], container: &str) -> Result<Images, Failure> {
    let refuse = |why: String| {
        Failure::invalid_input(format!("{source} is not understood"))
            .because(why)
            .advice(r#"Write it as {"ImageURI": "IMAGE"}"#)
    };
    if bytes.len() > MAX_BYTES {
        return Err(refuse(format!("it has {} bytes, more than {MAX_BYTES}", bytes.len())));
    }
    let body = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(refuse("it is not a JSON object".to_owned()));
    }
    let detail: Detail = serde_json::from_slice(body).map_err(|error| {
        let keys: serde_json::Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
        match keys.keys().find(|key| key.eq_ignore_ascii_case("ImageURI") && *key != "ImageURI") {
            Some(key) => {
                refuse(format!("it has {}, not \"ImageURI\"; upper and lower case count", quoted(key)))
            }
            None => refuse(error.to_string()),
        }
    })?;
    let image = ImageReference::parse(&detail.image).map_err(|invalid| {
        refuse(format!("the image {} {invalid}", quoted(&detail.image))).advice(invalid.remedy(Runner::Other))
    })?;
    let mut images = Images::default();
    // It is the only one.
    let _ = images.insert(container, image);
    Ok(images)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureKind;

    #[test]
    fn the_image_is_for_the_container_that_is_named() {
        let long =
            br#"{"ImageSizeInBytes": 9, "ImageDigest": "sha256:1", "Version": "1.0", "ImageTags": ["a"],
            "RepositoryName": "shop", "ImageURI": "registry.example.com/shop/web:2"}"#;
        let short = "\u{feff}{\"ImageURI\": \"registry.example.com/shop/web:2\"}".as_bytes();
        for bytes in [&long[..], short] {
            let images = parse("imageDetail.json", bytes, "app").unwrap();
            let named: Vec<String> = images.iter().map(|(name, image)| format!("{name}={image}")).collect();
            assert_eq!(named, ["app=registry.example.com/shop/web:2"]);
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_reason() {
        for (bytes, why) in [
            ("", "not a JSON object"),
            ("[]", "not a JSON object"),
            (r#"["registry.example.com/shop/web:2"]"#, "not a JSON object"),
            ("{}", "missing field `ImageURI`"),
            (r#"{"imageUri": "a:1"}"#, "it has \"imageUri\", not \"ImageURI\""),
            (r#"{"ImageURI": "a:"}"#, "Was the variable for the tag set?"),
            (r#"{"ImageURI": 1}"#, "invalid type"),
            (r#"{"ImageURI": ""}"#, "image"),
            (r#"{"ImageURI": "a:1"} x"#, "trailing characters"),
        ] {
            let failure = parse("imageDetail.json in s3://b/k", bytes.as_bytes(), "app").unwrap_err();
            assert_eq!(failure.kind(), FailureKind::InvalidInput);
            let message = failure.to_string();
            assert!(
                message.starts_with("imageDetail.json in s3://b/k is not") && message.contains(why),
                "{message}"
            );
        }
        let long = format!("{{\"ImageURI\": \"{}\"}}", "x".repeat(MAX_BYTES));
        assert!(parse("x", long.as_bytes(), "app").unwrap_err().to_string().contains("more than"));
    }
}
