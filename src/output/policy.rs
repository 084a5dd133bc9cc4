//! An IAM policy as IAM reads it.

use evenkeel_core::policy::Statement;
use serde_json::{Value, json};

/// The policy of these statements (AWS IAM user guide, "Grammar of the IAM JSON policy language").
#[must_use]
pub fn policy_document(statements: &[Statement]) -> Value {
    let statement = |statement: &Statement| {
        let mut document = json!({
            "Sid": statement.id,
            "Effect": "Allow",
            "Action": statement.actions,
            "Resource": statement.resources,
        });
        if let Some(condition) = &statement.condition {
            document["Condition"] = json!({ condition.operator: { condition.key: condition.values } });
        }
        document
    };
    json!({ "Version": "2012-10-17", "Statement": statements.iter().map(statement).collect::<Vec<_>>() })
}
