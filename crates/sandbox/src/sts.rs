//! STS: who am I, and temporary credentials for a role.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;
use serde_json::Value;

use super::ACCOUNT;
use super::request::text;
use super::wire::{ApiError, query_answer, xml_escaped};

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The roles that were assumed, by the access key id that was handed out.
#[derive(Debug, Clone, Default)]
pub(super) struct Sts {
    sessions: BTreeMap<String, Identity>,
}

#[derive(Debug, Clone)]
struct Identity {
    arn: String,
    user_id: String,
}

impl Sts {
    /// Answers with the XML of the operation's result.
    pub(super) fn answer(
        &mut self,
        operation: &str,
        request: &Value,
        access_key: Option<&str>,
        now: Timestamp,
    ) -> Result<String, ApiError> {
        let result = match operation {
            "GetCallerIdentity" => self.caller_identity(access_key),
            "AssumeRole" => self.assume_role(request, now)?,
            _ => return Err(ApiError::unknown_operation()),
        };
        Ok(query_answer(NAMESPACE, operation, &result))
    }

    fn caller_identity(&self, access_key: Option<&str>) -> String {
        let session = access_key.and_then(|key| self.sessions.get(key));
        let Identity { arn, user_id } = session.cloned().unwrap_or_else(|| Identity {
            arn: format!("arn:aws:iam::{ACCOUNT}:user/evenkeel"),
            user_id: "AIDAEVENKEELSANDBOX00".to_owned(),
        });
        let arn = xml_escaped(&arn);
        format!("<Arn>{arn}</Arn><UserId>{user_id}</UserId><Account>{ACCOUNT}</Account>")
    }

    fn assume_role(&mut self, request: &Value, now: Timestamp) -> Result<String, ApiError> {
        let role_arn = required(request, "RoleArn")?;
        let session = required(request, "RoleSessionName")?;
        let role = role_arn.strip_prefix("arn:aws:iam::").and_then(|arn| arn.split_once(":role/"));
        let (account, role) =
            role.ok_or_else(|| ApiError::new("ValidationError", format!("{role_arn} is invalid")))?;
        let seconds = request.get("DurationSeconds").and_then(Value::as_str).unwrap_or("3600");
        let seconds = seconds.parse().map_err(|_| {
            ApiError::new("ValidationError", format!("DurationSeconds: {seconds} is not a number"))
        })?;

        let number = self.sessions.len() + 1;
        let access_key = format!("ASIASANDBOX{number:09}");
        let user_id = format!("AROAEVENKEELSANDBOX00:{session}");
        let arn = format!("arn:aws:sts::{account}:assumed-role/{role}/{session}");
        let xml = format!(
            "<AssumedRoleUser><AssumedRoleId>{}</AssumedRoleId><Arn>{}</Arn></AssumedRoleUser><Credentials>\
             <AccessKeyId>{access_key}</AccessKeyId><SecretAccessKey>sandbox-secret-{number}</SecretAccessKey>\
             <SessionToken>sandbox-token-{number}</SessionToken><Expiration>{}</Expiration></Credentials>",
            xml_escaped(&user_id),
            xml_escaped(&arn),
            now.plus(Duration::from_secs(seconds)),
        );
        self.sessions.insert(access_key, Identity { arn, user_id });
        Ok(xml)
    }
}

fn required<'a>(request: &'a Value, member: &str) -> Result<&'a str, ApiError> {
    text(request, member).ok_or_else(|| {
        let member = member[..1].to_lowercase() + &member[1..];
        let message = format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
        );
        ApiError::new("ValidationError", message)
    })
}
