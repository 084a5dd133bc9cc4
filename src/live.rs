//! What a service runs now.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::failure::Failure;
use evenkeel_core::image::digest_of;
use evenkeel_core::ports::{Ecs, Masked, ScheduledTasks};
use evenkeel_core::request::{ClusterName, ServiceName};
use evenkeel_core::scheduled::{Also, ScheduledTask};
use evenkeel_core::service::Service;
use evenkeel_core::task_definition::Revision;
use evenkeel_core::variables::Variables;

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
    /// The variables that the pipeline owns, as far as it is known: a record tells.
    pub variables: Variables,
    /// What the images resolved to, by container, as far as it is known.
    pub digests: BTreeMap<String, String>,
    /// The scheduled tasks that were asked about; none, where none were.
    pub scheduled: Option<Vec<ScheduledTask>>,
}

/// Reads what `service` runs now, and what is asked about by `also`.
///
/// # Errors
/// [`Failure::invalid_input`] when it does not exist or runs nothing; else those of [`Ecs`] and
/// [`find`](crate::scheduled::find).
pub async fn live<E: Ecs + ScheduledTasks>(
    ecs: &E,
    cluster: &ClusterName,
    service: &ServiceName,
    also: &[Also],
) -> Result<Live, Failure> {
    let ecs = &Masked::new(ecs);
    let found = find(ecs, cluster, service).await?;
    let arn = of(&found)?;
    let (described, scheduled) =
        tokio::try_join!(describe(ecs, &found, arn), scheduled(ecs, &found, arn, also))?;
    let (revision, digests) = described;
    Ok(Live {
        cluster: cluster.to_string(),
        service: service.to_string(),
        task_definition: arn.clone(),
        images: revision.definition.images(),
        variables: Variables::default(),
        digests,
        scheduled: (!also.is_empty()).then_some(scheduled),
    })
}

/// The scheduled tasks that `also` asks about, of a service that runs `live`; reads nothing where nothing is asked about.
///
/// # Errors
/// Those of [`find`](crate::scheduled::find).
pub(crate) async fn scheduled<E: ScheduledTasks>(
    events: &E,
    service: &Service,
    live: &TaskDefinitionArn,
    also: &[Also],
) -> Result<Vec<ScheduledTask>, Failure> {
    if also.is_empty() {
        return Ok(Vec::new());
    }
    let clusters = BTreeSet::from([service.cluster.as_str()]);
    let found = crate::scheduled::find(events, also, &clusters, &[(live.family(), 0)]).await?;
    Ok(found.moves.into_iter().map(|planned| planned.task).collect())
}

/// The service that is meant.
///
/// # Errors
/// [`Failure::invalid_input`] when it does not exist; else those of [`Ecs`].
pub(crate) async fn find<E: Ecs>(
    ecs: &E,
    cluster: &ClusterName,
    service: &ServiceName,
) -> Result<Service, Failure> {
    let found = ecs.describe_services(cluster, &[service.as_str()]).await?;
    found.into_iter().find(|service| service.active).ok_or_else(|| {
        Failure::invalid_input(format!("service {service} not found in cluster {cluster}"))
            .advice("Check the names, the Region and the account")
    })
}

/// The revision that it runs.
///
/// # Errors
/// [`Failure::invalid_input`] when it runs none.
pub(crate) fn of(service: &Service) -> Result<&TaskDefinitionArn, Failure> {
    service
        .live()
        .ok_or_else(|| Failure::invalid_input(format!("service {} runs no task definition", service.name)))
}

/// Its live revision, and what the images of that resolved to.
///
/// # Errors
/// [`Failure::invalid_input`] when it cannot be described; else those of [`Ecs`].
pub(crate) async fn describe<E: Ecs>(
    ecs: &E,
    service: &Service,
    live: &TaskDefinitionArn,
) -> Result<(Revision, BTreeMap<String, String>), Failure> {
    let (revision, resolved) = tokio::join!(
        ecs.describe_task_definition(live.as_str()),
        ecs.describe_service_revisions(&service.service_revisions),
    );
    let revision = revision?
        .ok_or_else(|| Failure::invalid_input(format!("the live revision {live} cannot be described")))?;
    let images = revision.definition.images();
    let mut digests: BTreeMap<_, _> = images
        .iter()
        .filter_map(|(name, image)| Some((name.clone(), digest_of(image)?.to_owned())))
        .collect();
    // Digests are a courtesy: who may not read service revisions still learns the rest.
    let resolved = resolved.unwrap_or_default();
    if let Some(running) = resolved.into_iter().find(|resolved| resolved.task_definition == *live) {
        digests.extend(running.digests);
    }
    Ok((revision, digests))
}
