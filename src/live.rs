//! What a service runs now.

use std::collections::BTreeMap;

use crate::domain::arn::TaskDefinitionArn;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::image::digest_of;
use crate::domain::request::{ClusterName, ServiceName};
use crate::ports::Ecs;

/// What a service runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// The cluster, as it was named.
    pub cluster: String,
    /// The service, as it was named.
    pub service: String,
    /// The PRIMARY deployment's revision.
    pub task_definition: TaskDefinitionArn,
    /// Its images, by container.
    pub images: BTreeMap<String, String>,
    /// What they resolved to, by container, as far as it is known.
    pub digests: BTreeMap<String, String>,
}

/// Reads what `service` runs now.
///
/// # Errors
/// [`FailureKind::InvalidInput`] when it does not exist or runs nothing; else those of [`Ecs`].
pub async fn live<E: Ecs>(ecs: &E, cluster: &ClusterName, service: &ServiceName) -> Result<Live, Failure> {
    let found = ecs.describe_services(cluster, &[service.as_str()]).await?;
    let missing = || {
        Failure::new(FailureKind::InvalidInput, format!("service {service} not found in cluster {cluster}"))
            .advice("Check the names, the Region and the account")
    };
    let found = found.into_iter().find(|service| service.active).ok_or_else(missing)?;
    let Some(arn) = found.live() else {
        return Err(Failure::new(
            FailureKind::InvalidInput,
            format!("service {service} runs no task definition"),
        ));
    };
    let (revision, resolved) = tokio::join!(
        ecs.describe_task_definition(arn.as_str()),
        ecs.describe_service_revisions(&found.service_revisions),
    );
    let revision = revision?.ok_or_else(|| {
        Failure::new(FailureKind::InvalidInput, format!("the live revision {arn} cannot be described"))
    })?;
    let images = revision.definition.images();
    let mut digests: BTreeMap<_, _> = images
        .iter()
        .filter_map(|(name, image)| Some((name.clone(), digest_of(image)?.to_owned())))
        .collect();
    // Digests are a courtesy: who may not read service revisions still learns the rest.
    let resolved = resolved.unwrap_or_default();
    if let Some(running) = resolved.into_iter().find(|resolved| resolved.task_definition == *arn) {
        digests.extend(running.digests);
    }
    Ok(Live {
        cluster: cluster.to_string(),
        service: service.to_string(),
        task_definition: arn.clone(),
        images,
        digests,
    })
}
