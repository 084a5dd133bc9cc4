//! Clusters: names that services live under.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::ids::{arn, name_of};
use super::request::{not_found, page, text, texts};
use crate::wire::ApiError;

/// Every cluster, by its name, with the members that it was created with.
#[derive(Debug, Clone, Default)]
pub(super) struct Clusters(BTreeMap<String, Value>);

/// What a cluster holds.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) services: usize,
    pub(super) running: usize,
    pub(super) pending: usize,
}

impl Clusters {
    pub(super) fn create(&mut self, request: &Value) -> Result<Value, ApiError> {
        let name = text(request, "clusterName").unwrap_or("default");
        // Creating a cluster that exists answers with the one that exists.
        self.0.entry(name.to_owned()).or_insert_with(|| request.clone());
        Ok(json!({ "cluster": self.view(name, &Counts::default()) }))
    }

    /// `counts` tells what the cluster of a name holds.
    pub(super) fn describe(
        &self,
        request: &Value,
        counts: impl Fn(&str) -> Counts,
    ) -> Result<Value, ApiError> {
        let mut references = texts(request, "clusters");
        if references.is_empty() {
            references.push("default");
        }
        let names = references.iter().map(|reference| name_of("cluster", reference));
        let (found, missing): (Vec<_>, Vec<_>) = names.partition(|name| self.0.contains_key(*name));
        let clusters: Vec<Value> = found.into_iter().map(|name| self.view(name, &counts(name))).collect();
        let failures: Vec<Value> = missing.into_iter().map(|name| not_found(&arn("cluster", name))).collect();
        Ok(json!({ "clusters": clusters, "failures": failures }))
    }

    pub(super) fn list(&self, request: &Value) -> Result<Value, ApiError> {
        page(request, "clusterArns", self.0.keys().map(|name| arn("cluster", name).into()).collect())
    }

    /// The name of the cluster that a request is about; `default` when it names none.
    pub(super) fn name_in<'a>(&self, request: &'a Value) -> Result<&'a str, ApiError> {
        let name = name_of("cluster", text(request, "cluster").unwrap_or("default"));
        if self.0.contains_key(name) {
            Ok(name)
        } else {
            Err(ApiError::new("ClusterNotFoundException", "Cluster not found."))
        }
    }

    fn view(&self, name: &str, counts: &Counts) -> Value {
        let given = |member: &str| self.0.get(name).and_then(|request| request.get(member)).cloned();
        json!({
            "clusterArn": arn("cluster", name),
            "clusterName": name,
            "status": "ACTIVE",
            "registeredContainerInstancesCount": 0,
            "runningTasksCount": counts.running,
            "pendingTasksCount": counts.pending,
            "activeServicesCount": counts.services,
            "statistics": [],
            "tags": given("tags").unwrap_or_else(|| json!([])),
            "settings": given("settings").unwrap_or_else(|| json!([])),
            "capacityProviders": given("capacityProviders").unwrap_or_else(|| json!([])),
            "defaultCapacityProviderStrategy": given("defaultCapacityProviderStrategy").unwrap_or_else(|| json!([])),
        })
    }
}
