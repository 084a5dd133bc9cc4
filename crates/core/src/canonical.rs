//! The form that two equivalent task definitions share.
//!
//! ECS answers `DescribeTaskDefinition` with more than it was sent: it fills in defaults and empty lists, and
//! gives some lists in another order. The canonical form leaves all of that out again. It decides whether a
//! revision that is there already can serve instead of a new one, so in doubt two definitions differ: a
//! difference too many costs one revision, one too few would run something else than was asked for.
//!
//! Hence these stay different, though ECS has been seen to add some of them, or a default is documented:
//! * `user` "0" and no `user`: an image may bring a `USER` of its own.
//! * `entryPoint` or `command` `[]` and none: Docker takes an empty entry point as "not the image's own".
//! * `hostPort` equal to `containerPort` and none, in bridge mode: one fixed port against any free one.
//! * an empty string, or an empty object other than `host`, and none.
//!
//! Sources: the ECS API reference (`RegisterTaskDefinition`, `ContainerDefinition`, `PortMapping`, `HealthCheck`,
//! `EFSVolumeConfiguration`) for the defaults; the tests of Terraform's AWS provider for the order and the lists.

use serde_json::{Map, Number, Value, json};

/// The lists of a container for which an empty one says the same as none.
const LISTS: [&str; 16] = [
    "credentialSpecs",
    "dependsOn",
    "dnsSearchDomains",
    "dnsServers",
    "dockerSecurityOptions",
    "environment",
    "environmentFiles",
    "extraHosts",
    "links",
    "mountPoints",
    "portMappings",
    "resourceRequirements",
    "secrets",
    "systemControls",
    "ulimits",
    "volumesFrom",
];

/// The canonical form of a definition. It is idempotent, and the definition itself is left as it is.
pub(super) fn canonical(definition: &Value) -> Value {
    let mut form = plain(definition);
    if let Value::Object(task) = &mut form {
        canonical_task(task);
    }
    form
}

/// Without `null` members, which say the same as absent ones, and with every number in its shortest form.
fn plain(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
        Value::Number(number) => Value::Number(shortest(number)),
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(members) => {
            let present = members.iter().filter(|(_, value)| !value.is_null());
            Value::Object(present.map(|(name, value)| (name.clone(), plain(value))).collect())
        }
    }
}

fn canonical_task(task: &mut Map<String, Value>) {
    let windows = task
        .get("runtimePlatform")
        .and_then(|platform| platform["operatingSystemFamily"].as_str())
        .is_some_and(|family| family.starts_with("WINDOWS"));
    // Windows has a default mode of its own, which has no name in the API; elsewhere it is bridge.
    if !windows {
        drop_defaults(task, &json!({ "networkMode": "bridge" }));
    }
    let one_network = matches!(task.get("networkMode").and_then(Value::as_str), Some("awsvpc" | "host"));

    for_each_object(task, "containerDefinitions", |container| canonical_container(container, one_network));
    sort_by_text(task, "containerDefinitions", "name");
    for_each_object(task, "volumes", canonical_volume);
    sort_by_text(task, "tags", "key");
    drop_defaults(task, &json!({ "placementConstraints": [], "volumes": [], "enableFaultInjection": false }));
    in_units(task, "cpu", "vCPU");
    in_units(task, "memory", "GB");
}

/// `one_network` is the mode in which a container's port and the host's are the same port.
fn canonical_container(container: &mut Map<String, Value>, one_network: bool) {
    for_each_object(container, "portMappings", |mapping| {
        drop_defaults(mapping, &json!({ "protocol": "tcp", "hostPort": 0 }));
        if one_network && let Some(port) = mapping.get("containerPort").cloned() {
            drop_defaults(mapping, &json!({ "hostPort": port }));
        }
    });
    drop_defaults_of(container, "healthCheck", &json!({ "interval": 30, "timeout": 5, "retries": 3 }));
    drop_defaults_of(container, "logConfiguration", &json!({ "secretOptions": [] }));
    drop_defaults(container, &json!({ "cpu": 0, "essential": true }));
    container.retain(|name, value| !LISTS.contains(&name.as_str()) || *value != json!([]));
    sort_by_text(container, "environment", "name");
    sort_by_text(container, "secrets", "name");
}

fn canonical_volume(volume: &mut Map<String, Value>) {
    drop_defaults(volume, &json!({ "host": {} }));
    drop_defaults_of(volume, "dockerVolumeConfiguration", &json!({ "scope": "task", "driver": "local" }));
    drop_defaults_of(volume, "efsVolumeConfiguration", &json!({ "rootDirectory": "/" }));
}

fn drop_defaults(members: &mut Map<String, Value>, defaults: &Value) {
    members.retain(|name, value| defaults.get(name) != Some(value));
}

/// Drops the defaults in the member `name`, if that is an object.
fn drop_defaults_of(members: &mut Map<String, Value>, name: &str, defaults: &Value) {
    if let Some(Value::Object(members)) = members.get_mut(name) {
        drop_defaults(members, defaults);
    }
}

fn for_each_object(members: &mut Map<String, Value>, list: &str, each: impl Fn(&mut Map<String, Value>)) {
    let items = members.get_mut(list).and_then(Value::as_array_mut);
    items.into_iter().flatten().filter_map(Value::as_object_mut).for_each(each);
}

/// Items of the same text keep their order: of two variables of one name the later one counts.
fn sort_by_text(members: &mut Map<String, Value>, list: &str, key: &str) {
    if let Some(Value::Array(items)) = members.get_mut(list) {
        items.sort_by(|a, b| a[key].as_str().cmp(&b[key].as_str()));
    }
}

/// "1 vCPU" as "1024" and "2 GB" as "2048", as ECS itself converts them when it registers.
fn in_units(task: &mut Map<String, Value>, member: &str, unit: &str) {
    let amount = task.get(member).and_then(Value::as_str).and_then(|text| units(text, unit));
    if let Some(units) = amount {
        task.insert(member.to_owned(), Value::from(units.to_string()));
    }
}

/// 1024 times the number before the unit; none when there is no unit, or when that is no whole number.
fn units(text: &str, unit: &str) -> Option<u64> {
    let (amount, suffix) = text.split_at_checked(text.len().checked_sub(unit.len())?)?;
    let amount = amount.trim();
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    let fraction = fraction.trim_end_matches('0');
    let digits = format!("{whole}{fraction}");
    if !suffix.eq_ignore_ascii_case(unit) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let scale = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let scaled = digits.parse::<u64>().ok()?.checked_mul(1024)?;
    scaled.is_multiple_of(scale).then_some(scaled / scale)
}

/// The one way to write a number's value: 2.50 as 2.5 and 1e3 as 1000. It works on the text, because a
/// float would take two large numbers for the same.
fn shortest(number: &Number) -> Number {
    // An exponent beyond an i64 is left as it is written.
    decimal(number.as_str()).and_then(|text| text.parse().ok()).unwrap_or_else(|| number.clone())
}

fn decimal(text: &str) -> Option<String> {
    /// Beyond so many zeros an exponent is written, so that no number grows without bound.
    const MOST_ZEROS: u64 = 40;
    let (sign, unsigned) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let leading = all.trim_start_matches('0');
    let digits = leading.trim_end_matches('0');
    if digits.is_empty() {
        return Some("0".to_owned());
    }
    // The value is `digits` times ten to the power of `exponent`.
    let trailing = i64::try_from(leading.len() - digits.len()).ok()?;
    let exponent =
        exponent.parse::<i64>().ok()?.checked_sub_unsigned(fraction.len() as u64)?.checked_add(trailing)?;
    let zeros = usize::try_from(exponent.unsigned_abs().min(MOST_ZEROS)).ok()?;
    Some(if exponent.unsigned_abs() > MOST_ZEROS {
        format!("{sign}{digits}e{exponent}")
    } else if exponent >= 0 {
        format!("{sign}{digits}{}", "0".repeat(zeros))
    } else {
        // At least one digit stands before the point.
        let padded = format!("{digits:0>width$}", width = zeros + 1);
        let (before, after) = padded.split_at(padded.len() - zeros);
        format!("{sign}{before}.{after}")
    })
}

#[cfg(test)]
pub(super) mod tests;
