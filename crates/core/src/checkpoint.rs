//! How far an action's deployment is, in a form that the next worker goes on from: CodePipeline's
//! continuation token.
//!
//! It is JSON with short names, because a token has at most 2048 characters (AWS CodePipeline API
//! reference, `PutJobSuccessResult`): the part that all ARNs share and each family stand in it once.
//! Members that this version does not know are kept and written again; a token of another version is not understood.
//! It names revisions, deployments, outcomes and ECS's own words on a rollout, and nothing secret.

mod wire;

use std::collections::BTreeMap;
use std::iter;

use serde_json::{Map, Value};

use super::arn::TaskDefinitionArn;
use super::deployment::Phase;
use super::failure::{Failure, FailureKind};
use super::not_understood::NotUnderstood;
use super::one_off::StepsProgress;
use super::plan::{CarriedFrom, CarriedVariablesFrom};
use super::service::DeploymentId;
use super::timestamp::Timestamp;

/// The longest token, in characters; counted here in bytes, which are no fewer.
pub const MAX_TOKEN: usize = 2048;

/// How far a deployment is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The action execution that it belongs to.
    pub execution: String,
    /// When the deployment began, by AWS's clock.
    pub began: Timestamp,
    /// Each service's, in the order asked for; none while nothing was planned.
    pub services: Vec<ServiceCheckpoint>,
    /// How far the one-off tasks of each revision are.
    pub steps: BTreeMap<TaskDefinitionArn, StepsProgress>,
    /// The token's members that this version does not know, which it keeps.
    pub unknown: Map<String, Value>,
}

/// How far one service's deployment is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceCheckpoint {
    /// Where it stands.
    pub phase: Phase,
    /// The revision that was live when it began.
    pub began_on: Option<TaskDefinitionArn>,
    /// The revision that was copied.
    pub base: TaskDefinitionArn,
    /// The revision that the service was put on.
    pub target: Option<TaskDefinitionArn>,
    /// The deployment that put it there.
    pub deployment: Option<DeploymentId>,
    /// The last part of that deployment's service deployment's ARN.
    pub service_deployment: Option<String>,
    /// How often it was planned again.
    pub plans_again: u32,
    /// The image changes of replaced deployments that this one has to bring as well.
    pub carried: CarriedFrom,
    /// The changes of variables by replaced deployments that this one has to bring as well.
    pub carried_variables: CarriedVariablesFrom,
    /// The kind of the failure that ended it.
    pub failed: Option<FailureKind>,
    /// The members of the service's part that this version does not know, which it keeps.
    pub unknown: Map<String, Value>,
}

impl Checkpoint {
    /// The token. ECS's words on a rollout are cut where they would not fit.
    ///
    /// # Errors
    /// [`FailureKind::InvalidInput`] when it does not fit even without them: there are too many
    /// services.
    pub fn token(&self) -> Result<String, Failure> {
        let words = iter::successors(Some(400), |words| (*words > 0).then_some(words / 2));
        let mut tokens = words.map(|words| wire::encode(self, words));
        if let Some(token) = tokens.find(|token| token.len() <= MAX_TOKEN) {
            return Ok(token);
        }
        Err(Failure::invalid_input(format!(
            "{} services are too many for one action: how far they are does not fit into a continuation token",
            self.services.len()
        ))
        .because(format!("it would have {} characters, of {MAX_TOKEN}", wire::encode(self, 0).len()))
        .advice("Give `ServiceName` fewer services, and deploy the others by another action"))
    }

    /// Reads a token.
    ///
    /// # Errors
    /// [`NotUnderstood`] for a token of another version, and for what is no token. The token is not quoted.
    pub fn parse(token: &str) -> Result<Self, NotUnderstood> {
        wire::decode(token)
            .map_err(|needs| NotUnderstood::new("its continuation token", needs, wire::VERSION))
    }
}

#[cfg(test)]
mod tests;
