//! Services: what an update starts and what it does not, and which ones are refused.

use aws_sdk_ecs::error::ProvideErrorMetadata;
use aws_sdk_ecs::types::ServiceDeploymentStatus;
use serde_json::{Value, json};

use super::world::{World, primary_of};
use crate::RolloutOutcome;

#[tokio::test(start_paused = true)]
async fn the_same_definition_starts_nothing_unless_it_is_forced() {
    let world = World::with_service(1, json!({}));
    let before = world.service().await;
    let first = before.deployments()[0].id().unwrap();
    assert_eq!(world.update("web:1").await, first);
    assert_eq!(world.update(before.task_definition().unwrap()).await, first);
    assert_eq!(world.service().await, before);

    let request = world.ecs.update_service().cluster("prod").service("web").force_new_deployment(true);
    let forced = primary_of(&request.send().await.unwrap());
    assert_ne!(forced, first);
    world.sleep(60).await;
    assert_eq!(world.deployments().await, ["PRIMARY web:1 1/0 COMPLETED"]);
}

#[tokio::test(start_paused = true)]
async fn the_desired_count_changes_without_a_deployment() {
    let world = World::with_service(1, json!({}));
    let first = world.service().await.deployments()[0].id().unwrap().to_owned();
    for desired in [3, 0, 2] {
        let request = world.ecs.update_service().cluster("prod").service("web").desired_count(desired);
        assert_eq!(primary_of(&request.send().await.unwrap()), first);
        assert_eq!(world.deployments().await, [format!("PRIMARY web:1 {desired}/0 COMPLETED")]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_family_name_means_its_latest_active_revision() {
    let world = World::with_service(1, json!({}));
    world.register("app:2");
    world.register("app:3");
    world.call("DeregisterTaskDefinition", json!({ "taskDefinition": "web:3" }));
    world.update("web").await;
    assert_eq!(world.deployments().await[0], "PRIMARY web:2 0/0 IN_PROGRESS");
}

#[tokio::test(start_paused = true)]
async fn the_answer_to_an_update_names_its_deployment_everywhere() {
    let world = World::with_service(1, json!({}));
    let definition = world.register("repo/app@sha256:abc");
    let request = world.ecs.update_service().cluster("prod").service("web").task_definition(&definition);
    let service = request.send().await.unwrap().service.unwrap();
    let primary = &service.deployments()[0];
    let digits = primary.id().unwrap().strip_prefix("ecs-svc/").unwrap();
    assert!(digits.len() == 19 && digits.bytes().all(|byte| byte.is_ascii_digit()), "{digits}");
    assert_eq!(primary.task_definition(), Some(definition.as_str()));
    assert_eq!(service.task_definition(), Some(definition.as_str()));
    assert_eq!(service.current_service_revisions().len(), 2);

    let current = world.service_deployment().await;
    let target = current.target_service_revision().unwrap().arn().unwrap();
    assert!(target.ends_with(&format!(":service-revision/prod/web/{digits}")), "{target}");
    assert_eq!(current.source_service_revisions().len(), 1);
    world.sleep(30).await;
    let request = world.ecs.describe_service_revisions().service_revision_arns(target);
    let revision = request.send().await.unwrap().service_revisions.unwrap().remove(0);
    assert_eq!(revision.task_definition(), Some(definition.as_str()));
    assert_eq!(revision.container_images()[0].image_digest(), Some("sha256:abc"));
}

#[tokio::test(start_paused = true)]
async fn service_deployments_are_listed_by_status_and_time() {
    let world = World::with_service(1, json!({}));
    world.sleep(10).await;
    world.update(&world.register("app:2")).await;
    world.sleep(10).await;
    let list = |members: Value| {
        let mut request = json!({ "cluster": "prod", "service": "web" });
        request.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let answer = world.call("ListServiceDeployments", request);
        let listed = answer["serviceDeployments"].as_array().unwrap().clone();
        let mut listed: Vec<_> = listed.iter().map(|it| it["status"].as_str().unwrap().to_owned()).collect();
        listed.sort();
        listed
    };
    assert_eq!(list(json!({})), ["IN_PROGRESS", "SUCCESSFUL"]);
    assert_eq!(list(json!({ "status": ["SUCCESSFUL"] })), ["SUCCESSFUL"]);
    assert_eq!(list(json!({ "createdAt": { "after": 1_767_268_810 } })), ["IN_PROGRESS"]);
    assert_eq!(list(json!({ "createdAt": { "before": 1_767_268_805 } })), ["SUCCESSFUL"]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_can_roll_a_deployment_back() {
    let world = World::with_service(1, json!({})).with_rollout(RolloutOutcome::Stuck, 60);
    world.update(&world.register("app:stuck")).await;
    world.sleep(30).await;
    let arn = world.service().await.current_service_deployment.unwrap();
    let stop = || world.ecs.stop_service_deployment().service_deployment_arn(&arn).send();
    stop().await.unwrap();
    let status = world.service_deployment().await.status.unwrap();
    assert_eq!(status, ServiceDeploymentStatus::RollbackRequested);
    assert_eq!(stop().await.unwrap_err().code(), Some("ConflictException"));
    world.sleep(60).await;
    assert_eq!(world.deployments().await, ["PRIMARY web:1 1/0 COMPLETED"]);
    let status = world.service_deployment_of(&arn).await.status.unwrap();
    assert_eq!(status, ServiceDeploymentStatus::RollbackSuccessful);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_exist_is_named() {
    let world = World::with_service(1, json!({}));
    let request = world.ecs.describe_services().cluster("prod").services("web").services("nope");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.services().len(), 1);
    assert_eq!(answer.failures()[0].reason(), Some("MISSING"));
    assert_eq!(answer.failures()[0].arn(), Some("arn:aws:ecs:eu-west-1:123456789012:service/prod/nope"));

    let refused = |operation: &str, request: Value| {
        let error = world.sandbox.call(operation, request).unwrap_err();
        format!("{error}")
    };
    let services: Vec<String> = (0..11).map(|index| format!("s{index}")).collect();
    for (operation, request, error) in [
        (
            "DescribeServices",
            json!({ "cluster": "nope", "services": ["web"] }),
            "ClusterNotFoundException: Cluster not found.",
        ),
        (
            "DescribeServices",
            json!({ "cluster": "prod", "services": services }),
            "InvalidParameterException: Services cannot be more than 10.",
        ),
        (
            "UpdateService",
            json!({ "cluster": "prod", "service": "nope" }),
            "ServiceNotFoundException: Service not found.",
        ),
        (
            "UpdateService",
            json!({ "cluster": "prod", "service": "web", "taskDefinition": "web:9" }),
            "ClientException: TaskDefinition not found.",
        ),
        (
            "DescribeTaskDefinition",
            json!({ "taskDefinition": "web:9" }),
            "ClientException: Unable to describe task definition.",
        ),
        (
            "CreateService",
            json!({ "cluster": "prod", "serviceName": "web", "taskDefinition": "web" }),
            "InvalidParameterException: Creation of service was not idempotent.",
        ),
    ] {
        assert_eq!(refused(operation, request), error);
    }
}

#[tokio::test(start_paused = true)]
async fn an_inactive_definition_cannot_be_deployed() {
    let world = World::with_service(1, json!({}));
    let definition = world.register("app:2");
    world.call("DeregisterTaskDefinition", json!({ "taskDefinition": definition }));
    assert_eq!(refusal(&world, &definition).await, "TaskDefinition is inactive");
}

#[tokio::test(start_paused = true)]
async fn services_of_other_controllers_are_not_updated() {
    let world = World::with_service(1, json!({ "deploymentController": { "type": "CODE_DEPLOY" } }));
    let message = "Unable to update task definition on services with a CODE_DEPLOY deployment controller. Use AWS \
                   CodeDeploy to trigger a new deployment.";
    assert_eq!(refusal(&world, "web:1").await, message);
    let service = world.service().await;
    assert!(service.deployments().is_empty() && service.current_service_deployment().is_none());
    assert_eq!(service.task_sets().len(), 1);

    let external = json!({ "cluster": "prod", "serviceName": "external", "deploymentController": { "type": "EXTERNAL" } });
    world.call("CreateService", external);
    let request = json!({ "cluster": "prod", "service": "external", "taskDefinition": "web:1" });
    let error = world.sandbox.call("UpdateService", request).unwrap_err();
    assert_eq!(error.code, "InvalidParameterException");
}

#[tokio::test(start_paused = true)]
async fn a_deleted_service_is_inactive_and_can_be_made_again() {
    let world = World::with_service(1, json!({}));
    let request = json!({ "cluster": "prod", "service": "web" });
    let error = world.sandbox.call("DeleteService", request.clone()).unwrap_err();
    assert_eq!(error.message, "The service cannot be stopped while it is scaled above 0.");
    world.update(&world.register("app:2")).await;
    let arn = world.service().await.current_service_deployment.unwrap();
    world.call("DeleteService", json!({ "cluster": "prod", "service": "web", "force": true }));
    world.sleep(600).await;
    let service = world.service().await;
    assert_eq!((service.status(), service.running_count()), (Some("INACTIVE"), 0));
    let stopped = world.service_deployment_of(&arn).await;
    assert_eq!(stopped.status(), Some(&ServiceDeploymentStatus::Stopped));
    assert_eq!(refusal(&world, "web:1").await, "Service was not ACTIVE.");
    assert_eq!(world.call("ListServices", json!({ "cluster": "prod" }))["serviceArns"], json!([]));
    let request =
        json!({ "cluster": "prod", "serviceName": "web", "taskDefinition": "web:1", "desiredCount": 1 });
    world.call("CreateService", request);
    assert_eq!(world.deployments().await, ["PRIMARY web:1 1/0 COMPLETED"]);
}

#[tokio::test(start_paused = true)]
async fn clusters_know_what_runs_in_them() {
    let world = World::with_service(2, json!({}));
    let answer = world.ecs.describe_clusters().clusters("prod").clusters("nope").send().await.unwrap();
    let cluster = &answer.clusters()[0];
    assert_eq!((cluster.active_services_count(), cluster.running_tasks_count()), (1, 2));
    assert_eq!(answer.failures()[0].arn(), Some("arn:aws:ecs:eu-west-1:123456789012:cluster/nope"));
    let listed = world.ecs.list_clusters().send().await.unwrap();
    assert_eq!(listed.cluster_arns(), ["arn:aws:ecs:eu-west-1:123456789012:cluster/prod"]);
}

async fn refusal(world: &World, definition: &str) -> String {
    let request = world.ecs.update_service().cluster("prod").service("web").task_definition(definition);
    request.send().await.unwrap_err().message().unwrap().to_owned()
}
