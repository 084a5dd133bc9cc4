//! Members of a document that this version does not know: a later version's. They are kept.

/// Reads and writes `$name`, a structure of `#[serde(remote = "Self")]`, with the members that it does not know in
/// its field `unknown`. `$known` are the names of the members that it knows.
///
/// Serde's own `flatten` reads no number where `serde_json` keeps numbers of any size.
#[macro_export]
macro_rules! keeps_unknown_members {
    ($name:ident, $known:expr) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let mut members = serde_json::Map::<String, serde_json::Value>::deserialize(deserializer)?;
                let known = serde_json::Value::Object(members.clone());
                let mut it = Self::deserialize(known).map_err(serde::de::Error::custom)?;
                members.retain(|name, _| !$known.contains(&name.as_str()));
                it.unknown = members;
                Ok(it)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let known = Self::serialize(self, serde_json::value::Serializer);
                let mut members = match known.map_err(serde::ser::Error::custom)? {
                    serde_json::Value::Object(members) => members,
                    _ => serde_json::Map::new(),
                };
                for (name, value) in &self.unknown {
                    members.entry(name.clone()).or_insert_with(|| value.clone());
                }
                serde::Serialize::serialize(&members, serializer)
            }
        }
    };
}
