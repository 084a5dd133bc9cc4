use super::super::super::samples::arn;
use super::*;

/// The deployment of `web:2` after `web:1`, by a service of this name.
fn told<'a>(
    service: &'a str,
    revisions: &'a (TaskDefinitionArn, TaskDefinitionArn),
    images: &'a BTreeMap<String, String>,
) -> ServiceOutputs<'a> {
    ServiceOutputs {
        service,
        task_definition: Some(&revisions.1),
        previous: Some(&revisions.0),
        deployment_id: Some("ecs-svc/7"),
        outcome: "deployed",
        images,
    }
}

fn revisions() -> (TaskDefinitionArn, TaskDefinitionArn) {
    (arn("web:1"), arn("web:2"))
}

fn strings<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

fn size(variables: &BTreeMap<String, String>) -> usize {
    variables.iter().map(|(key, value)| key.len() + value.len()).sum()
}

#[test]
fn one_service_has_plain_keys() {
    let (revisions, images) = (revisions(), strings([("app", "app:2"), ("my.proxy ö", "envoy:1")]));
    assert_eq!(
        output_variables(&[told("web", &revisions, &images)]),
        strings([
            ("TaskDefinitionArn", revisions.1.as_str()),
            ("PreviousTaskDefinitionArn", revisions.0.as_str()),
            ("Revision", "2"),
            ("DeploymentId", "ecs-svc/7"),
            ("Outcome", "deployed"),
            ("Image_app", "app:2"),
            ("Image_my_proxy__", "envoy:1"),
        ])
    );
}

#[test]
fn several_services_have_keys_that_end_in_their_names() {
    let (revisions, images) = (revisions(), strings([("app", "app:2")]));
    let unknown = ServiceOutputs {
        task_definition: None,
        previous: None,
        deployment_id: None,
        outcome: "unchanged",
        ..told("api", &revisions, &images)
    };
    assert_eq!(
        output_variables(&[told("web", &revisions, &images), unknown]),
        strings([
            ("TaskDefinitionArn_web", revisions.1.as_str()),
            ("PreviousTaskDefinitionArn_web", revisions.0.as_str()),
            ("Revision_web", "2"),
            ("DeploymentId_web", "ecs-svc/7"),
            ("Outcome_web", "deployed"),
            ("Image_app_web", "app:2"),
            ("Outcome_api", "unchanged"),
            ("Image_app_api", "app:2"),
        ])
    );
    assert_eq!(output_variables(&[]), BTreeMap::new());
}

#[test]
fn of_two_keys_that_become_the_same_the_first_service_has_it() {
    let revisions = revisions();
    let (x, x_app) = (strings([("x_app", "first:1")]), strings([("x", "second:1")]));
    let variables = output_variables(&[told("web", &revisions, &x), told("app_web", &revisions, &x_app)]);
    assert_eq!(variables["Image_x_app_web"], "first:1");
}

#[test]
fn the_images_of_the_last_services_are_left_out_first() {
    let revisions = revisions();
    let small = strings([("app", "app:2")]);
    // The image fills what the three services and the first one's image leave.
    let without = output_variables(&[
        told("a", &revisions, &small),
        told("b", &revisions, &BTreeMap::new()),
        told("c", &revisions, &BTreeMap::new()),
    ]);
    let room = MAX_VARIABLES - size(&without) - "Image_app_b".len();
    let deployed = |characters: usize| {
        let large = strings([("app", &"x".repeat(characters))]);
        output_variables(&[
            told("a", &revisions, &small),
            told("b", &revisions, &large),
            told("c", &revisions, &small),
        ])
    };
    let full = deployed(room);
    assert_eq!(size(&full), MAX_VARIABLES);
    let images = |variables: &BTreeMap<String, String>| -> Vec<String> {
        variables.keys().filter(|key| key.starts_with("Image_")).cloned().collect()
    };
    assert_eq!(images(&full), ["Image_app_a", "Image_app_b"]);
    assert_eq!(deployed(room + 1), without);
}

#[test]
fn without_any_image_the_last_services_are_left_out() {
    let (revisions, images) = (revisions(), strings([("app", "app:2")]));
    let names: Vec<String> = (0..1000).map(|number| format!("service-{number:03}")).collect();
    let all: Vec<ServiceOutputs<'_>> = names.iter().map(|name| told(name, &revisions, &images)).collect();
    let variables = output_variables(&all);
    let one = size(&output_variables(&all[..2])) / 2 - "Image_app_service-000app:2".len();
    let fit = MAX_VARIABLES / one;
    assert!(size(&variables) <= MAX_VARIABLES && size(&variables) + one > MAX_VARIABLES);
    let last = format!("Outcome_service-{:03}", fit - 1);
    assert_eq!(variables.keys().rfind(|key| key.starts_with("Outcome_")), Some(&last));
    assert_eq!(variables.len(), fit * 5);
}
