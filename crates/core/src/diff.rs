//! What differs between two task definitions, for people.

use serde_json::{Map, Value};

use super::task_definition::TaskDefinition;

/// The longest text of a value that is shown, in characters.
const MAX_CHARACTERS: usize = 200;

/// What is shown in the place of a value that may be a secret.
pub(super) const HIDDEN: &str = "(hidden)";

/// One difference: a value that was added (`from` is `None`), removed (`to` is `None`) or replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where: `containerDefinitions[app].environment[DB_URL]`.
    pub path: String,
    /// What is there now, fit to be shown.
    pub from: Option<String>,
    /// What will be there, fit to be shown.
    pub to: Option<String>,
}

/// The differences between the canonical forms of two definitions, in the order of their paths; none exactly
/// when the two are [equivalent](TaskDefinition::is_equivalent).
///
/// The items of a list are told apart by their `name` (tags by their `key`) if each has one of its own, and by
/// their position otherwise. Values that may be secrets are hidden on both sides, and values are cut at 200
/// characters, so a change can show the same text twice.
#[must_use]
pub fn diff(from: &TaskDefinition, to: &TaskDefinition) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut tell = |path: &str, place: Differing<'_>| changes.push(change(path, place));
    compare("", Visibility::Shown, Some(&from.canonical()), Some(&to.canonical()), &mut tell);
    changes
}

/// The texts of a definition: those that [`diff`] hides, and all that it shows.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub(super) hidden: Vec<String>,
    pub(super) shown: Vec<String>,
}

/// The texts of a whole definition, sorted by the rule that decides what a plan shows.
pub(super) fn texts(definition: &TaskDefinition) -> Texts {
    let mut texts = Texts::default();
    let mut tell = |path: &str, place: Differing<'_>| {
        // Names of containers, variables and labels are in the path.
        texts.shown.push(path.to_owned());
        let Differing::Value(visibility, _, Some(value)) = place else { return };
        let list = if visibility == Visibility::Shown { &mut texts.shown } else { &mut texts.hidden };
        list.push(text_of(value));
    };
    compare("", Visibility::Shown, None, Some(definition.value()), &mut tell);
    texts
}

/// Something that differs at a path.
enum Differing<'a> {
    /// A value on either side.
    Value(Visibility, Option<&'a Value>, Option<&'a Value>),
    /// The order of a list's items.
    Order(String, String),
}

/// Receives every path at which two definitions differ.
type Tell<'a> = dyn FnMut(&str, Differing<'_>) + 'a;

/// Whether a value may be shown.
///
/// Environment values are secrets by promise. The rest that is hidden is where people are known to put
/// passwords and tokens for want of a better place: in the command line of a container or its health check
/// (`--password=…`), in labels (basic authentication of a proxy, credentials of a monitoring agent), in the
/// options of a volume driver (`o=username=…,password=…`) or of a log driver (`splunk-token`, `apikey`). The
/// path still says what changes. The options of `awslogs` name log groups, streams and formats, so
/// they are shown. `secrets`, `secretOptions` and `repositoryCredentials` are references to secrets, and are shown.
#[derive(Clone, Copy, PartialEq)]
enum Visibility {
    Shown,
    /// In the options of a log driver: each name decides.
    LogOptions,
    Hidden,
}

impl Visibility {
    fn of_member(self, name: &str) -> Self {
        match self {
            Self::Hidden => Self::Hidden,
            Self::LogOptions if name.starts_with("awslogs-") => Self::Shown,
            Self::LogOptions => Self::Hidden,
            Self::Shown => match name {
                "command" | "dockerLabels" | "driverOpts" | "entryPoint" | "environment" | "labels" => {
                    Self::Hidden
                }
                "options" => Self::LogOptions,
                _ => Self::Shown,
            },
        }
    }
}

fn compare(
    path: &str,
    visibility: Visibility,
    from: Option<&Value>,
    to: Option<&Value>,
    tell: &mut Tell<'_>,
) {
    if from == to {
        return;
    }
    match (from, to) {
        (Some(Value::Object(from)), Some(Value::Object(to))) => {
            compare_members(path, visibility, from, to, tell)
        }
        (Some(Value::Array(from)), Some(Value::Array(to))) => compare_items(path, visibility, from, to, tell),
        // A part that comes or goes is shown value by value, so that what is secret in it stays hidden.
        (Some(Value::Object(members)), None) if !members.is_empty() => {
            compare_members(path, visibility, members, &Map::new(), tell);
        }
        (None, Some(Value::Object(members))) if !members.is_empty() => {
            compare_members(path, visibility, &Map::new(), members, tell);
        }
        (Some(Value::Array(items)), None) if !items.is_empty() => {
            compare_items(path, visibility, items, &[], tell)
        }
        (None, Some(Value::Array(items))) if !items.is_empty() => {
            compare_items(path, visibility, &[], items, tell)
        }
        (Some(from), Some(to)) if is_nested(from) || is_nested(to) => {
            compare(path, visibility, Some(from), None, tell);
            compare(path, visibility, None, Some(to), tell);
        }
        (from, to) => tell(path, Differing::Value(visibility, from, to)),
    }
}

fn compare_members(
    path: &str,
    visibility: Visibility,
    from: &Map<String, Value>,
    to: &Map<String, Value>,
    tell: &mut Tell<'_>,
) {
    let added = to.keys().filter(|name| !from.contains_key(*name));
    let mut names: Vec<&String> = from.keys().chain(added).collect();
    names.sort_unstable();
    for name in names {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        compare(&path, visibility.of_member(name), from.get(name), to.get(name), tell);
    }
}

fn compare_items(path: &str, visibility: Visibility, from: &[Value], to: &[Value], tell: &mut Tell<'_>) {
    let Some((from, to)) = ["name", "key"].iter().find_map(|key| Some((keyed(from, key)?, keyed(to, key)?)))
    else {
        for index in 0..from.len().max(to.len()) {
            compare(&format!("{path}[{index}]"), visibility, from.get(index), to.get(index), tell);
        }
        return;
    };
    let in_both = |here: &[(&str, Value)], there: &[(&str, Value)]| -> Vec<String> {
        let kept = here.iter().filter(|(name, _)| item(there, name).is_some());
        kept.map(|(name, _)| (*name).to_owned()).collect()
    };
    let (order, new_order) = (in_both(&from, &to), in_both(&to, &from));
    if order != new_order {
        let [from, to] = [order, new_order].map(|order| format!("in the order {}", order.join(", ")));
        tell(path, Differing::Order(from, to));
    }
    let added = to.iter().filter(|(name, _)| item(&from, name).is_none());
    let mut names: Vec<&str> = from.iter().chain(added).map(|(name, _)| *name).collect();
    names.sort_unstable();
    for name in names {
        let (from, to) = lone_values(item(&from, name), item(&to, name));
        compare(&format!("{path}[{name}]"), visibility, from, to, tell);
    }
}

/// The items of a list under their keys, each without its key; none when one has no key of its own.
fn keyed<'a>(items: &'a [Value], key: &str) -> Option<Vec<(&'a str, Value)>> {
    let mut keyed: Vec<(&str, Value)> = Vec::with_capacity(items.len());
    for value in items {
        let name = value.get(key)?.as_str()?;
        if item(&keyed, name).is_some() {
            return None;
        }
        let mut rest = value.clone();
        rest.as_object_mut()?.remove(key);
        keyed.push((name, rest));
    }
    Some(keyed)
}

fn item<'a>(items: &'a [(&str, Value)], name: &str) -> Option<&'a Value> {
    items.iter().find(|(key, _)| *key == name).map(|(_, rest)| rest)
}

/// For pairs of a key and a value, as variables, secrets and tags are, the values themselves: `environment[A]`
/// reads better than `environment[A].value`.
fn lone_values<'a>(from: Option<&'a Value>, to: Option<&'a Value>) -> (Option<&'a Value>, Option<&'a Value>) {
    for member in ["value", "valueFrom"] {
        let is_pair =
            |item: &Value| item.get(member).is_some() && item.as_object().is_some_and(|item| item.len() == 1);
        if [from, to].into_iter().flatten().all(is_pair) {
            return (from.map(|item| &item[member]), to.map(|item| &item[member]));
        }
    }
    (from, to)
}

fn is_nested(value: &Value) -> bool {
    matches!(value, Value::Object(_) | Value::Array(_))
}

fn change(path: &str, place: Differing<'_>) -> Change {
    let (from, to) = match place {
        Differing::Value(visibility, from, to) => {
            (from.map(|from| show(visibility, from)), to.map(|to| show(visibility, to)))
        }
        Differing::Order(from, to) => (Some(cut(from)), Some(cut(to))),
    };
    Change { path: path.to_owned(), from, to }
}

fn show(visibility: Visibility, value: &Value) -> String {
    if visibility == Visibility::Shown { cut(text_of(value)) } else { HIDDEN.to_owned() }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn cut(text: String) -> String {
    match text.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests;
