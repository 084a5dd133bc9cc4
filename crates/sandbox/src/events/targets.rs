//! The targets of rules.

use serde_json::{Value, json};

use super::bus::Rule;
use super::rules::PAGING;
use super::{Events, invalid};
use crate::request::{list, paged, text, texts};
use crate::wire::{ApiError, ApiResult, refuse_if};

/// The most entries of one request (Amazon EventBridge API reference, `PutTargets`).
const MOST_ENTRIES: usize = 10;
/// The most targets that a rule has.
const MOST_TARGETS: usize = 5;

/// Why a target is not put, though the request succeeds.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) message: String,
}

impl Events {
    pub(super) fn list_targets(&mut self, request: &Value) -> ApiResult {
        let size = self.page_size();
        let targets = self.rule(request, "Rule")?.targets.clone();
        paged(request, "Targets", targets, size, PAGING)
    }

    /// Replaces each target by id. One that EventBridge refuses is an entry of the response's `FailedEntries`, and the status is
    /// 200 all the same.
    pub(super) fn put_targets(&mut self, request: &Value) -> ApiResult {
        let targets = list(request, "Targets");
        refuse_if(targets.len() > MOST_ENTRIES, || {
            invalid(format!(
                "The request has {} targets, and {MOST_ENTRIES} are taken at most.",
                targets.len()
            ))
        })?;
        targets.iter().try_for_each(refuse_unsound)?;
        let rule = self.rule(request, "Rule")?;
        rule.refuse_if_managed(request)?;
        let further =
            targets.iter().filter(|target| target["Id"].as_str().and_then(|id| rule.target(id)).is_none());
        refuse_if(rule.targets.len() + further.count() > MOST_TARGETS, || {
            let message = "The requested resource exceeds the maximum number allowed.";
            ApiError::new("LimitExceededException", message)
        })?;
        let mut failed = Vec::new();
        for target in targets {
            if self.refusals.is_empty() {
                self.rule(request, "Rule")?.put(target);
            } else {
                let Refusal { code, message } = self.refusals.remove(0);
                failed.push(json!({ "TargetId": target["Id"], "ErrorCode": code, "ErrorMessage": message }));
            }
        }
        Ok(json!({ "FailedEntryCount": failed.len(), "FailedEntries": failed }))
    }

    /// A target that is not there is removed as well.
    pub(super) fn remove_targets(&mut self, request: &Value) -> ApiResult {
        let rule: &mut Rule = self.rule(request, "Rule")?;
        rule.refuse_if_managed(request)?;
        let ids = texts(request, "Ids");
        rule.targets.retain(|target| target["Id"].as_str().is_none_or(|id| !ids.contains(&id)));
        Ok(json!({ "FailedEntryCount": 0, "FailedEntries": [] }))
    }
}

fn refuse_unsound(target: &Value) -> Result<(), ApiError> {
    let id = text(target, "Id").unwrap_or_default();
    let inputs = ["Input", "InputPath", "InputTransformer"];
    let given = inputs.iter().filter(|input| target.get(**input).is_some_and(|input| !input.is_null()));
    refuse_if(given.count() > 1, || {
        invalid(format!(
            "Only one of Input, InputPath, or InputTransformer must be provided for target {id}."
        ))
    })?;
    let input = text(target, "Input");
    refuse_if(input.is_some_and(|input| serde_json::from_str::<Value>(input).is_err()), || {
        invalid(format!("JSON syntax error in input for target {id}."))
    })?;
    let arn = text(target, "Arn").unwrap_or_default();
    if !arn.starts_with("arn:aws:ecs:") {
        return Ok(());
    }
    refuse_if(text(target, "RoleArn").is_none(), || {
        invalid(format!("RoleArn is required for target {arn}."))
    })?;
    refuse_if(!target["EcsParameters"].is_object(), || {
        invalid(format!("EcsParameters is required for target {arn}."))
    })
}
