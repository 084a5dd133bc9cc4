//! Two worlds that differ in secret values alone, and what AWS quotes of the values there.

use fastrand::Rng;
use serde_json::{Value, json};

/// What a value may have in the same places in both worlds: all that some encoder escapes.
const SPECIAL: [char; 12] = ['"', '\\', '/', 'é', '<', '&', '=', '%', '@', ':', '+', '-'];

/// One of the two worlds.
pub(crate) struct Twin {
    /// The values of the live revision and of a second one.
    values: [Vec<String>; 2],
    /// What AWS quotes of the first one's, and of both.
    quotes: [Vec<String>; 2],
}

/// Two worlds. Their secret values have the same lengths and share no eight characters with anything else.
pub(crate) fn twins(seed: u64) -> [Twin; 2] {
    [1, 2].map(|which| {
        let (mut shape, mut fill) = (Rng::with_seed(seed), Rng::with_seed(seed ^ (which << 32)));
        let values = [(); 2].map(|()| values(&mut shape, &mut fill));
        let quotes = [values[0].clone(), values.concat()]
            .map(|values| (0..4).map(|_| quote(&mut shape, &values)).collect());
        Twin { values, quotes }
    })
}

impl Twin {
    /// The definition with this world's values wherever a plan hides one; `which` of the revisions.
    pub(crate) fn definition(&self, mut definition: Value, which: usize) -> Value {
        let values = &self.values[which];
        let app = &mut definition["containerDefinitions"][0];
        app["environment"] = json!([
            { "name": "A", "value": values[0] }, { "name": "B", "value": values[1] }, { "name": "C", "value": values[2] },
        ]);
        app["command"] = json!(["serve", values[3]]);
        app["entryPoint"] = json!([values[4]]);
        app["dockerLabels"] = json!({ "auth": values[5] });
        app["logConfiguration"] = json!({ "logDriver": "awslogs", "options": {
            "awslogs-group": "/shop/web", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "web",
        } });
        let proxy = &mut definition["containerDefinitions"][1];
        proxy["logConfiguration"] =
            json!({ "logDriver": "splunk", "options": { "splunk-token": values[6] } });
        proxy["healthCheck"] = json!({ "command": ["CMD", values[7]] });
        definition["volumes"] =
            json!([{ "name": "v", "dockerVolumeConfiguration": { "driverOpts": { "o": values[8] } } }]);
        definition
    }

    /// What AWS quotes where there is the live revision alone, or also the second one.
    pub(crate) fn quotes(&self, has_second: bool) -> Vec<String> {
        self.quotes[usize::from(has_second)].clone()
    }

    /// Whether eight characters of a value are in the text.
    pub(crate) fn is_shown_in(&self, text: &str) -> bool {
        let heads = self.values.iter().flatten().flat_map(|value| value.lines());
        heads
            .map(|line| line.trim_start_matches(ADDRESS))
            .any(|line| text.contains(&line.chars().take(8).collect::<String>()))
    }
}

/// Says where two outputs differ, if they do.
pub(crate) fn assert_alike(one: &str, other: &str, what: &str) {
    let differs = one.chars().zip(other.chars()).position(|(one, other)| one != other);
    let part = |text: &str| {
        let from = differs.unwrap_or_default().saturating_sub(100);
        text.chars().skip(from).take(300).collect::<String>()
    };
    assert!(one == other, "{what}: they differ:\n{}\n---\n{}", part(one), part(other));
}

/// How an address begins that holds other values.
const ADDRESS: &str = "postgres://";

fn values(shape: &mut Rng, fill: &mut Rng) -> Vec<String> {
    let mut values: Vec<String> = (0..7).map(|_| value(shape, fill, true)).collect();
    values.push(format!("{ADDRESS}{}@{}/x", values[0], values[1]));
    values.push((0..4).map(|_| value(shape, fill, false)).collect::<Vec<_>>().join("\n"));
    // Any of them may stand anywhere.
    shape.shuffle(&mut values);
    values
}

fn value(shape: &mut Rng, fill: &mut Rng, with_special: bool) -> String {
    let length = shape.usize(8..40);
    let character = |at| {
        let (filled, special) = (fill.alphanumeric(), *shape.choice(&SPECIAL).unwrap_or(&'-'));
        if with_special && at >= 8 && shape.u8(..) < 40 { special } else { filled }
    };
    (0..length).map(character).collect()
}

/// One to three pieces of values side by side.
fn quote(shape: &mut Rng, values: &[String]) -> String {
    let pieces = shape.usize(1..4);
    let piece = |_| {
        let value = &values[shape.usize(..values.len())];
        let lines: Vec<&str> = value.lines().collect();
        let piece = if shape.bool() { value.as_str() } else { lines[shape.usize(..lines.len())] };
        let escaped = match shape.u8(..5) {
            0 => json!(piece).to_string().trim_matches('"').to_owned(),
            1 => format!("{piece:?}").trim_matches('"').to_owned(),
            2 => percent(piece),
            _ => piece.to_owned(),
        };
        let whole = escaped.chars().count();
        let length = if shape.bool() { whole } else { shape.usize(8.min(whole)..=whole) };
        escaped.chars().take(length).collect::<String>()
    };
    (0..pieces).map(piece).collect()
}

fn percent(text: &str) -> String {
    let byte = |byte: u8| match char::from(byte) {
        c if c.is_ascii_alphanumeric() || "-_.~".contains(c) => c.to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}
