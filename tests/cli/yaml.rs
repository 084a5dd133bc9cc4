//! The call sites' files, read.

use serde_json::Value;

/// The only document of a file.
pub(crate) fn read(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

/// The texts of a list.
pub(crate) fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}
