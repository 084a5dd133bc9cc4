//! Clusters: names that services live under.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::ids::{arn, name_of};
use crate::request::{described, list, page, text, texts};
use crate::wire::{ApiError, ApiResult, refuse_if};

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

impl Counts {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            services: self.services + other.services,
            running: self.running + other.running,
            pending: self.pending + other.pending,
        }
    }
}

impl Clusters {
    pub(super) fn create(&mut self, request: &Value) -> ApiResult {
        let name = text(request, "clusterName").unwrap_or("default");
        // Creating a cluster that exists answers with the one that exists.
        let given = self.0.entry(name.to_owned()).or_insert_with(|| request.clone());
        Ok(json!({ "cluster": view(name, given, &Counts::default()) }))
    }

    /// `counts` tells what the cluster of a name holds.
    pub(super) fn describe(&self, request: &Value, counts: impl Fn(&str) -> Counts) -> ApiResult {
        let mut references = texts(request, "clusters");
        if references.is_empty() {
            references.push("default");
        }
        let views = references.iter().map(|reference| {
            let name = name_of("cluster", reference);
            let given = self.0.get(name).ok_or_else(|| arn("cluster", name))?;
            Ok(view(name, given, &counts(name)))
        });
        described("clusters", views)
    }

    pub(super) fn list(&self, request: &Value) -> ApiResult {
        page(request, "clusterArns", self.0.keys().map(|name| arn("cluster", name).into()).collect(), 100)
    }

    /// The strategy of tasks that say nothing about their capacity.
    pub(super) fn default_strategy(&self, name: &str) -> &[Value] {
        self.0.get(name).map_or(&[], |given| list(given, "defaultCapacityProviderStrategy"))
    }

    /// The name of the cluster that a request is about; `default` when it names none.
    pub(super) fn name_in<'a>(&self, request: &'a Value) -> Result<&'a str, ApiError> {
        let name = name_of("cluster", text(request, "cluster").unwrap_or("default"));
        refuse_if(!self.0.contains_key(name), || {
            ApiError::new("ClusterNotFoundException", "Cluster not found.")
        })?;
        Ok(name)
    }
}

/// A cluster with the members that it was created with.
fn view(name: &str, given: &Value, counts: &Counts) -> Value {
    json!({
        "clusterArn": arn("cluster", name),
        "clusterName": name,
        "status": "ACTIVE",
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": counts.running,
        "pendingTasksCount": counts.pending,
        "activeServicesCount": counts.services,
        "statistics": [],
        "tags": list(given, "tags"),
        "settings": list(given, "settings"),
        "capacityProviders": list(given, "capacityProviders"),
        "defaultCapacityProviderStrategy": list(given, "defaultCapacityProviderStrategy"),
    })
}
