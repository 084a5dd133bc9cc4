//! What is read before a one-off task is started.

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::failure::Failure;
use evenkeel_core::one_off::{TaskRequest, started_by};
use evenkeel_core::ports::{Ecs, Masked};
use evenkeel_core::service::Service;
use evenkeel_core::task_definition::{Revision, TaskDefinition};

use crate::live;

use super::RunRequest;

/// A task that can be started.
pub(super) struct Prepared {
    pub(super) task: TaskRequest,
    pub(super) service: Service,
    pub(super) definition: TaskDefinition,
}

/// Reads the service and the revision, and finds the container.
///
/// # Errors
/// Those of `DescribeServices` and `DescribeTaskDefinition`, and [`Failure::invalid_input`] for a service, a revision or a
/// container that is not there.
pub(super) async fn prepare<E: Ecs>(ecs: &Masked<'_, E>, request: &RunRequest) -> Result<Prepared, Failure> {
    // Also one of a controller that is not driven here: a task needs the service's surroundings alone.
    let service = live::find(ecs, &request.cluster, &request.service).await?;
    let Revision { arn, active, definition } = revision(ecs, request, &service).await?;
    if !active {
        let what = format!("{} is not ACTIVE", arn.family_and_revision());
        return Err(Failure::invalid_input(what)
            .because("ECS runs no task of a revision that was deregistered")
            .advice("Give another revision by --task-definition; no task was started"));
    }
    let container = container(request, &arn, &definition)?;
    let task = TaskRequest {
        revision: arn,
        cluster: service.cluster.clone(),
        started_by: started_by(&service.arn),
        container,
        command: request.command.clone(),
        environment: request.environment.clone(),
        cpu: request.cpu.map(|units| units.to_string()),
        memory: request.memory.map(|mebibytes| mebibytes.to_string()),
    };
    ecs.learn_task(&task);
    Ok(Prepared { task, service, definition })
}

/// The revision that is asked for; the live one, if none is.
async fn revision<E: Ecs>(
    ecs: &Masked<'_, E>,
    request: &RunRequest,
    service: &Service,
) -> Result<Revision, Failure> {
    let live = service.live();
    let name = match (&request.revision, live) {
        (Some(name), live) if name.bytes().all(|byte| byte.is_ascii_digit()) => {
            let family = live.map(TaskDefinitionArn::family).ok_or_else(|| runs_nothing(service))?;
            format!("{family}:{name}")
        }
        (Some(name), _) => name.clone(),
        (None, Some(live)) => live.as_str().to_owned(),
        (None, None) => return Err(runs_nothing(service)),
    };
    ecs.describe_task_definition(&name).await?.ok_or_else(|| {
        Failure::invalid_input(format!("there is no task definition {name}")).advice(
            "Give the number of a revision, family:revision or its ARN by --task-definition; no task was started",
        )
    })
}

fn runs_nothing(service: &Service) -> Failure {
    Failure::invalid_input(format!("service {} runs no task definition", service.name))
        .advice("Give family:revision by --task-definition; no task was started")
}

/// The container that is asked for; the only one, if none is.
fn container(
    request: &RunRequest,
    revision: &TaskDefinitionArn,
    definition: &TaskDefinition,
) -> Result<String, Failure> {
    let containers = definition.containers();
    let revision = revision.family_and_revision();
    let refused = |what: String| {
        Failure::invalid_input(what)
            .because(format!("its containers are {}", containers.join(", ")))
            .advice("Give one of them by --container; no task was started")
    };
    match (&request.container, containers.as_slice()) {
        (Some(name), all) if all.contains(&name.as_str()) => Ok(name.clone()),
        (Some(name), _) => Err(refused(format!("{revision} has no container {name:?}"))),
        (None, [only]) => Ok((*only).to_owned()),
        (None, _) => Err(refused(format!("no container is given, and {revision} has several"))),
    }
}
