//! One-off tasks through the SDK.

use aws_sdk_ecs::operation::run_task::RunTaskError;
use aws_sdk_ecs::types as sdk;
use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::one_off::{
    CapacityProvider, Compute, Launched, Network, NotLaunched, OneOffTask, Override, TaskRequest,
    TaskSettings, TaskStatus,
};
use evenkeel_core::ports::{EffectError, OneOffTasks};
use evenkeel_core::service::Service;

use super::cloud::AwsCloud;
use super::error::lacking;
use super::shapes;

impl OneOffTasks for AwsCloud {
    async fn task_settings(&self, service: &Service) -> Result<TaskSettings, Failure> {
        let call = self.ecs.describe_services().cluster(&service.cluster).services(&service.arn);
        let sent = Box::pin(call.send()).await;
        let answer = sent.map_err(|error| self.failure("DescribeServices", &service.arn, &error))?;
        let found = answer.services.unwrap_or_default().into_iter().next();
        found.as_ref().map(settings).ok_or_else(|| lacking("DescribeServices", &service.arn, "service"))
    }

    async fn run_task(
        &self,
        task: &TaskRequest,
        settings: &TaskSettings,
        token: &str,
    ) -> Result<Launched, EffectError> {
        let revision = task.revision.as_str();
        let call = self.ecs.run_task().cluster(&task.cluster).task_definition(revision).count(1);
        let call = call.client_token(token).started_by(&task.started_by).overrides(overrides(task));
        let call = match &settings.compute {
            Compute::ClusterDefault => call,
            Compute::LaunchType(launch) => call.launch_type(sdk::LaunchType::from(launch.as_str())),
            Compute::CapacityProviders(items) => {
                call.set_capacity_provider_strategy(Some(items.iter().filter_map(strategy_item).collect()))
            }
        };
        let network = settings.network.as_ref().and_then(network_configuration);
        let call = call
            .set_network_configuration(network)
            .set_platform_version(settings.platform_version.clone())
            .set_propagate_tags(settings.propagates_tags.then_some(sdk::PropagateTags::TaskDefinition))
            .enable_ecs_managed_tags(settings.has_managed_tags);
        let answer = match Box::pin(call.send()).await {
            Ok(answer) => answer,
            Err(error) => {
                if let Some(RunTaskError::ConflictException(conflict)) = error.as_service_error() {
                    return Ok(Launched::Conflict(conflict.resource_ids().to_vec()));
                }
                return Err(self.effect_error("RunTask", revision, &error));
            }
        };
        if let Some(started) = answer.tasks().first() {
            return Ok(Launched::Started(Box::new(shown(started))));
        }
        match answer.failures().first() {
            Some(why) => Ok(Launched::NotLaunched(NotLaunched {
                reason: why.reason().unwrap_or("ECS gives no reason").to_owned(),
                detail: why.detail().map(str::to_owned),
            })),
            None => Err(EffectError::Unknown(lacking("RunTask", revision, "task"))),
        }
    }

    async fn one_off_task(&self, cluster: &str, id: &str) -> Result<Option<OneOffTask>, Failure> {
        let call = self.ecs.describe_tasks().cluster(cluster).tasks(id);
        let sent = Box::pin(call.send()).await;
        let answer = sent.map_err(|error| self.failure("DescribeTasks", id, &error))?;
        Ok(answer.tasks().first().map(shown))
    }

    async fn one_off_tasks(&self, cluster: &str, started_by: &str) -> Result<Vec<OneOffTask>, Failure> {
        let call = self.ecs.list_tasks().cluster(cluster).started_by(started_by);
        let sent = Box::pin(call.send()).await;
        let listed = sent.map_err(|error| self.failure("ListTasks", cluster, &error))?;
        if listed.task_arns().is_empty() {
            return Ok(Vec::new());
        }
        let call = self.ecs.describe_tasks().cluster(cluster);
        let sent = Box::pin(call.set_tasks(Some(listed.task_arns().to_vec())).send()).await;
        let answer = sent.map_err(|error| self.failure("DescribeTasks", cluster, &error))?;
        Ok(answer.tasks().iter().map(shown).filter(|task| !task.is_to_stop).collect())
    }

    async fn stop_task(&self, cluster: &str, id: &str, reason: &str) -> Result<(), Failure> {
        let sent = Box::pin(self.ecs.stop_task().cluster(cluster).task(id).reason(reason).send()).await;
        match sent.map_err(|error| self.failure("StopTask", id, &error)) {
            // ECS has forgotten it, so it is over.
            Err(failure) if failure.kind() == FailureKind::InvalidInput => Ok(()),
            sent => sent.map(drop),
        }
    }
}

/// The settings of the service. Where its deployments are task sets (the controllers `CODE_DEPLOY` and EXTERNAL), those
/// of the PRIMARY one stand in for what the service leaves out (ECS API reference, `TaskSet`).
fn settings(service: &sdk::Service) -> TaskSettings {
    let tasks = service.task_sets().iter().find(|set| set.status() == Some("PRIMARY"));
    let network = service.network_configuration().or(tasks.and_then(|set| set.network_configuration()));
    let own = (service.capacity_provider_strategy(), service.launch_type(), service.platform_version());
    let (items, launch, platform_version) = match (own, tasks) {
        (([], None, _), Some(set)) => {
            (set.capacity_provider_strategy(), set.launch_type(), set.platform_version())
        }
        (own, _) => own,
    };
    let compute = match (items, launch) {
        ([], Some(launch)) => Compute::LaunchType(launch.as_str().to_owned()),
        ([], None) => Compute::ClusterDefault,
        (items, _) => Compute::CapacityProviders(items.iter().map(provider).collect()),
    };
    let propagates = service.propagate_tags();
    TaskSettings {
        compute,
        network: network.and_then(|network| network.awsvpc_configuration()).map(|network| Network {
            subnets: network.subnets().to_vec(),
            security_groups: network.security_groups().to_vec(),
            public_ip: network.assign_public_ip().map(|ip| ip.as_str().to_owned()),
        }),
        platform_version: platform_version.map(str::to_owned),
        propagates_tags: propagates.is_some_and(|propagates| *propagates != sdk::PropagateTags::None),
        has_managed_tags: service.enable_ecs_managed_tags(),
    }
}

fn provider(item: &sdk::CapacityProviderStrategyItem) -> CapacityProvider {
    CapacityProvider { name: item.capacity_provider().to_owned(), weight: item.weight(), base: item.base() }
}

fn strategy_item(item: &CapacityProvider) -> Option<sdk::CapacityProviderStrategyItem> {
    let builder = sdk::CapacityProviderStrategyItem::builder().capacity_provider(&item.name);
    builder.weight(item.weight).base(item.base).build().ok()
}

fn network_configuration(network: &Network) -> Option<sdk::NetworkConfiguration> {
    let groups = (!network.security_groups.is_empty()).then(|| network.security_groups.clone());
    let vpc = sdk::AwsVpcConfiguration::builder()
        .set_subnets(Some(network.subnets.clone()))
        .set_security_groups(groups)
        .set_assign_public_ip(network.public_ip.as_deref().map(sdk::AssignPublicIp::from))
        .build()
        .ok()?;
    Some(sdk::NetworkConfiguration::builder().awsvpc_configuration(vpc).build())
}

fn overrides(task: &TaskRequest) -> sdk::TaskOverride {
    let variables = task
        .environment
        .iter()
        .map(|(name, value)| sdk::KeyValuePair::builder().name(name).value(value).build());
    let variables: Vec<_> = variables.collect();
    let container = sdk::ContainerOverride::builder()
        .name(&task.container)
        .set_command((!task.command.is_empty()).then(|| task.command.clone()))
        .set_environment((!variables.is_empty()).then_some(variables))
        .build();
    sdk::TaskOverride::builder()
        .container_overrides(container)
        .set_cpu(task.cpu.clone())
        .set_memory(task.memory.clone())
        .build()
}

fn shown(task: &sdk::Task) -> OneOffTask {
    let overrides = task.overrides().map(|it| it.container_overrides()).unwrap_or_default();
    OneOffTask {
        task: shapes::stopped_task(task),
        revision: task.task_definition_arn().and_then(|arn| TaskDefinitionArn::parse(arn).ok()),
        status: status(task.last_status().unwrap_or_default()),
        is_to_stop: task.desired_status() == Some("STOPPED"),
        created: shapes::timestamp(task.created_at()),
        overrides: overrides
            .iter()
            .map(|it| Override {
                container: it.name().unwrap_or_default().to_owned(),
                command: it.command().to_vec(),
            })
            .collect(),
    }
}

/// The Amazon ECS developer guide, "Task lifecycle". A status that is not known is not taken for an end.
fn status(word: &str) -> TaskStatus {
    match word {
        "PROVISIONING" | "PENDING" | "ACTIVATING" => TaskStatus::Starting,
        "DEACTIVATING" | "STOPPING" | "DEPROVISIONING" => TaskStatus::Stopping,
        "STOPPED" | "DELETED" => TaskStatus::Stopped,
        _ => TaskStatus::Running,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(subnet: &str) -> sdk::NetworkConfiguration {
        let vpc = sdk::AwsVpcConfiguration::builder().subnets(subnet).build().unwrap();
        sdk::NetworkConfiguration::builder().awsvpc_configuration(vpc).build()
    }

    fn subnet(settings: &TaskSettings) -> Option<&str> {
        settings.network.as_ref().map(|network| network.subnets[0].as_str())
    }

    #[test]
    fn a_primary_task_set_stands_in_for_what_the_service_leaves_out() {
        let set = |status: &str, subnet: &str| {
            let set = sdk::TaskSet::builder().status(status).launch_type(sdk::LaunchType::Fargate);
            set.platform_version("1.4.0").network_configuration(network(subnet)).build()
        };
        let sets = sdk::Service::builder().task_sets(set("ACTIVE", "old")).task_sets(set("PRIMARY", "new"));
        let external = settings(&sets.clone().build());
        assert_eq!(external.compute, Compute::LaunchType("FARGATE".to_owned()));
        assert_eq!((subnet(&external), external.platform_version.as_deref()), (Some("new"), Some("1.4.0")));

        let own = sets.launch_type(sdk::LaunchType::Ec2).network_configuration(network("own")).build();
        let own = settings(&own);
        assert_eq!(own.compute, Compute::LaunchType("EC2".to_owned()));
        assert_eq!((subnet(&own), own.platform_version.as_deref()), (Some("own"), None));
        assert_eq!(settings(&sdk::Service::builder().build()), TaskSettings::default());
    }
}
