//! What AWS quotes in its own words: values of the definition that a task, an event or an error is about.

use serde_json::Value;

use super::wire::{Parsed, Protocol, Response};

/// Members in which ECS explains something to a person, and EventBridge Scheduler an error.
const SENTENCES: [&str; 6] =
    ["stoppedReason", "reason", "message", "Message", "rolloutStateReason", "statusReason"];

/// The texts that are quoted; none unless a test sets some.
#[derive(Debug, Clone, Default)]
pub(super) struct Quotes(pub(super) Vec<String>);

impl Quotes {
    /// Adds the quoted texts to all that ECS explains, to every line of a log and to every error.
    pub(super) fn add_to(&self, response: &mut Response, call: &Parsed) {
        let is_json = match call.protocol {
            Protocol::Json(_) => true,
            // What it answers else is a schedule, as somebody wrote it.
            Protocol::RestJson => response.status != 200,
            Protocol::Query | Protocol::Rest => false,
        };
        if self.0.is_empty() || !is_json {
            return;
        }
        let Ok(mut body) = serde_json::from_slice::<Value>(&response.body) else { return };
        if call.operation == "GetLogEvents" && response.status == 200 {
            let events = body.get_mut("events").and_then(Value::as_array_mut).into_iter().flatten();
            for (event, quote) in events.zip(self.0.iter().cycle()) {
                append(event.get_mut("message"), quote);
            }
        } else {
            self.add_to_sentences(&mut body);
        }
        response.body = body.to_string().into_bytes();
    }

    fn add_to_sentences(&self, value: &mut Value) {
        match value {
            Value::Object(members) => {
                // A container that ran has a reason only if there is something to explain.
                if members.contains_key("exitCode") {
                    members.entry("reason").or_insert_with(|| "Explained".into());
                }
                for (name, member) in members.iter_mut() {
                    if SENTENCES.contains(&name.as_str()) && member.is_string() {
                        append(Some(member), &self.0.join(" | "));
                    } else if name != "failures" && name != "taskDefinition" {
                        self.add_to_sentences(member);
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.add_to_sentences(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

fn append(text: Option<&mut Value>, quote: &str) {
    if let Some(Value::String(text)) = text {
        text.push_str(" [");
        text.push_str(quote);
        text.push(']');
    }
}
