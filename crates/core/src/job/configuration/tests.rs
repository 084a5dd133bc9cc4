use super::*;
use crate::failure::FailureKind;
use crate::one_off::Steps;

const FORM: &str = "a name has 1 to 255 letters, digits, hyphens and underscores";

fn secrets(properties: &[(&str, &str)]) -> BTreeMap<String, Secret> {
    properties.iter().map(|&(name, value)| (name.to_owned(), Secret::new(value))).collect()
}

/// Stands for the command line's parser: knows one option and an id.
fn read_options(text: &str) -> Result<JobOptions, Vec<String>> {
    let usual = JobOptions::default();
    match text {
        "--skip-verify" => Ok(JobOptions { policy: Policy { skip_verify: true, ..usual.policy }, ..usual }),
        "--external-id x" => Ok(JobOptions { external_id: Some(Secret::new("x")), ..usual }),
        _ => Err(vec!["one is wrong".to_owned(), "two is wrong".to_owned()]),
    }
}

/// The cluster `prod`, the service `web`, and these properties besides or instead.
fn parse(properties: &[(&str, &str)]) -> Result<JobConfiguration, Failure> {
    let mut all = secrets(&[("ClusterName", "prod"), ("ServiceName", "web")]);
    all.extend(secrets(properties));
    JobConfiguration::parse(&all, read_options)
}

#[test]
fn what_is_left_out_is_as_on_the_command_line() {
    let configuration = parse(&[]).unwrap();
    assert_eq!(
        configuration,
        JobConfiguration {
            cluster: ClusterName::parse("prod").unwrap(),
            services: vec![ServiceName::parse("web").unwrap()],
            is_file_optional: false,
            file_name: "imagedefinitions.json".to_owned(),
            timeout: None,
            on_failure: OnFailure::RollBack,
            records: vec![Vec::new()],
            role_arn: None,
            container_name: None,
            images: None,
            options: JobOptions::default(),
            region: None,
            account: None,
        }
    );
    assert_eq!((configuration.policy(), configuration.needs_artifact()), (Policy::default(), true));
}

#[test]
fn every_property_is_read_without_the_blanks_around_it() {
    let mut images = Images::default();
    images.assign("app=registry.example/app:2").unwrap();
    images.assign("proxy=envoy").unwrap();
    let configuration = parse(&[
        ("ServiceName", "web, api ,worker"),
        ("FileName", "out/images.json\n"),
        ("DeploymentTimeout", " 45 "),
        ("OnFailure", "leave"),
        ("Record", "ssm:/{service} , s3://bucket/{cluster}/{service}"),
        ("RoleArn", "arn:aws:iam::123456789012:role/teams/shop/deploy+1@x"),
        ("ContainerName", "app"),
        ("Images", "app=registry.example/app:2, proxy=envoy"),
        ("Options", " --skip-verify "),
        ("JobList", "added by AWS"),
    ])
    .unwrap();
    assert_eq!(
        configuration,
        JobConfiguration {
            cluster: ClusterName::parse("prod").unwrap(),
            services: ["web", "api", "worker"].map(|name| ServiceName::parse(name).unwrap()).to_vec(),
            is_file_optional: false,
            file_name: "out/images.json".to_owned(),
            timeout: Some(Duration::from_secs(45 * 60)),
            on_failure: OnFailure::Leave,
            records: ["web", "api", "worker"]
                .map(|name| [format!("ssm:/{name}"), format!("s3://bucket/prod/{name}")])
                .map(|texts| texts.map(|text| Sink::parse(&text).unwrap()).into())
                .into(),
            role_arn: Some("arn:aws:iam::123456789012:role/teams/shop/deploy+1@x".to_owned()),
            container_name: Some("app".to_owned()),
            images: Some(images.clone()),
            options: read_options("--skip-verify").unwrap(),
            region: None,
            account: None,
        }
    );
    let policy = Policy {
        timeout: Duration::from_secs(45 * 60),
        on_failure: OnFailure::Leave,
        skip_verify: true,
        ..Policy::default()
    };
    assert!(!configuration.needs_artifact());
    assert_eq!(
        configuration.request(images.clone()),
        DeployRequest {
            cluster: configuration.cluster.clone(),
            services: configuration.services.clone(),
            images,
            policy,
            steps: Steps::default(),
            variables: crate::variables::VariableChanges::default(),
            also: Vec::new(),
        }
    );
}

#[test]
fn each_mistake_names_its_property_and_says_what_is_wrong() {
    let no_place = |text: &str| {
        format!(
            "FileName: {text:?} is not a file's path in the artifact; it has names with / between them, and \
             no . or .. or \\"
        )
    };
    let no_minutes =
        |text: &str| format!("DeploymentTimeout: {text:?} is not a number of minutes from 1 to 1410");
    let no_role = |text: &str| {
        format!("RoleArn: {text:?} is not the ARN of a role, as arn:aws:iam::123456789012:role/deploy")
    };
    let no_container = |text: &str| {
        format!(
            "ContainerName: {text:?} is not a container; its name has 1 to 255 letters, digits, hyphens and \
             underscores"
        )
    };
    let empty_item = "there is nothing before, between or after its commas";
    let unknown_placeholder = "Record: \"ssm:/{svc}\" names no place for a record: {svc} is not a placeholder. Write \
         {cluster} or {service}, which stand for the names of the two";
    let role = "arn:aws:iam::123456789012:role/";
    let long_role = format!("{role}{}", "x".repeat(100));
    let cut_role = format!("RoleArn: {:?}… is not the ARN of a role, as {role}deploy", &long_role[..100]);
    for (property, value, mistake) in [
        ("ClusterName", "a/b", format!(r#"ClusterName: "a/b" is not a cluster: {FORM}"#)),
        ("ClusterName", " ", "ClusterName: there is nothing in it".to_owned()),
        (
            "ClusterName",
            "arn:aws:ecs:eu-west-1:123456789012:service/prod",
            format!(
                r#"ClusterName: "arn:aws:ecs:eu-west-1:123456789012:service/prod" is not a cluster: {FORM}"#
            ),
        ),
        ("ServiceName", "web;rm", format!(r#"ServiceName: "web;rm" is not a service: {FORM}"#)),
        ("ServiceName", "web,api,web", "ServiceName: service web is given twice".to_owned()),
        ("ServiceName", "web,,api", format!("ServiceName: {empty_item}")),
        ("ServiceName", "web,", format!("ServiceName: {empty_item}")),
        ("FileName", "", "FileName: there is nothing in it".to_owned()),
        ("FileName", "/etc/passwd", no_place("/etc/passwd")),
        ("FileName", "out/../../x", no_place("out/../../x")),
        ("FileName", "./x", no_place("./x")),
        ("FileName", "out/", no_place("out/")),
        ("FileName", "out\\x", no_place("out\\x")),
        ("FileName", "a\u{1b}[31m", no_place("a\u{1b}[31m")),
        ("DeploymentTimeout", "0", no_minutes("0")),
        ("DeploymentTimeout", "1411", no_minutes("1411")),
        ("DeploymentTimeout", "99999999999999999999", no_minutes("99999999999999999999")),
        ("DeploymentTimeout", "+5", no_minutes("+5")),
        ("DeploymentTimeout", "1.5", no_minutes("1.5")),
        ("DeploymentTimeout", "30m", no_minutes("30m")),
        ("OnFailure", "Rollback", r#"OnFailure: "Rollback" is neither rollback nor leave"#.to_owned()),
        ("Record", "ssm:/a,,ssm:/b", format!("Record: {empty_item}")),
        ("Record", "ssm:/{svc}", unknown_placeholder.to_owned()),
        ("RoleArn", "deploy", no_role("deploy")),
        ("RoleArn", role, no_role(role)),
        ("RoleArn", "arn:aws:iam::12:role/a", no_role("arn:aws:iam::12:role/a")),
        (
            "RoleArn",
            "arn:aws:sts::123456789012:assumed-role/a/b",
            no_role("arn:aws:sts::123456789012:assumed-role/a/b"),
        ),
        (
            "RoleArn",
            "arn:aws:iam::123456789012:role/a b",
            no_role("arn:aws:iam::123456789012:role/a b"),
        ),
        ("RoleArn", &long_role, cut_role),
        ("ContainerName", "a.b", no_container("a.b")),
        (
            "Images",
            "registry.example/app:2",
            r#"Images: "registry.example/app:2" does not say which container gets which image, as in app=registry.example/app:1.2"#.to_owned(),
        ),
        (
            "Images",
            "app=",
            r#"Images: the image "" for container "app" names no image (Was the variable for the image set? Give a full reference: registry/repository:tag or registry/repository@sha256:DIGEST)"#.to_owned(),
        ),
        ("Images", "app=a:1,app=a:1", r#"Images: container "app" is given two images"#.to_owned()),
        ("Images", "app=a:1,", format!("Images: {empty_item}")),
        ("Options", "--x", "Options: one is wrong; Options: two is wrong".to_owned()),
        ("Options", " ", "Options: there is nothing in it".to_owned()),
        ("Options", "--external-id x", "Options: --external-id needs the property RoleArn".to_owned()),
        ("Images", ",", format!("Images: {empty_item}; Images: {empty_item}")),
    ] {
        let failure = parse(&[(property, value)]).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::InvalidInput);
        assert_eq!(
            failure.to_string(),
            format!(
                "the action's configuration is wrong: {mistake}. Correct the action's configuration in the \
                 pipeline; nothing was changed"
            ),
        );
    }
}

#[test]
fn the_time_out_is_taken_up_to_its_limit() {
    let timeout = |minutes: &str| parse(&[("DeploymentTimeout", minutes)]).unwrap().timeout;
    assert_eq!(timeout("1"), Some(Duration::from_secs(60)));
    assert_eq!(timeout("1410"), Some(Duration::from_secs(1410 * 60)));
    assert!(Property::DeploymentTimeout.description().contains("1 to 1410"));
    assert!(Property::DeploymentTimeout.description().contains("[default: 30]"));
    assert_eq!(Policy::default().timeout, Duration::from_secs(30 * 60));
}

#[test]
fn a_role_s_name_has_64_characters_and_any_partition() {
    for role in [
        &format!("arn:aws:iam::123456789012:role/{}", "x".repeat(64)),
        "arn:aws-cn:iam::123456789012:role/service-role/deploy",
        "arn:aws-us-gov:iam::123456789012:role/a=b,c.d@e-f",
    ] {
        assert_eq!(parse(&[("RoleArn", role)]).unwrap().role_arn.as_deref(), Some(role));
    }
    assert!(parse(&[("RoleArn", &format!("arn:aws:iam::123456789012:role/{}", "x".repeat(65)))]).is_err());
}

#[test]
fn a_long_value_is_cut_and_its_control_characters_are_escaped() {
    let failure = parse(&[("OnFailure", &format!("\u{7}{}", "ö".repeat(200)))]).unwrap_err().to_string();
    let quoted = format!("OnFailure: \"\\u{{7}}{}\"… is neither rollback nor leave.", "ö".repeat(99));
    assert!(failure.contains(&quoted), "{failure}");
}

#[test]
fn all_mistakes_are_told_at_once_and_no_unknown_value() {
    let properties = secrets(&[
        ("ServiceName", "web,a b"),
        ("DeploymentTimeout", "soon"),
        ("Password", "s3cret"),
        ("servicename", "s3cret"),
        ("\u{1b}[31m", "s3cret"),
    ]);
    assert_eq!(
        JobConfiguration::parse(&properties, read_options).unwrap_err().to_string(),
        format!(
            "the action's configuration is wrong: ClusterName: it is missing; ServiceName: \"a b\" is not a \
             service: {FORM}; DeploymentTimeout: \"soon\" is not a number of minutes from 1 to 1410; \
             \"\\u{{1b}}[31m\" is not a property; \"Password\" is not a property; \"servicename\" is not a \
             property. The properties are ClusterName, ServiceName, FileName, DeploymentTimeout, OnFailure, \
             Record, RoleArn, ContainerName, Images, Options. Correct the action's configuration in the pipeline; \
             nothing was changed"
        )
    );
    let nothing = JobConfiguration::parse(&BTreeMap::new(), read_options).unwrap_err().without_advice();
    assert_eq!(
        nothing,
        "the action's configuration is wrong: ClusterName: it is missing; ServiceName: it is missing"
    );
}

#[test]
fn an_arn_tells_region_and_account() {
    let cluster = "arn:aws:ecs:eu-west-1:123456789012:cluster/prod";
    let web = "arn:aws:ecs:eu-west-1:123456789012:service/prod/web";
    let api = "arn:aws:ecs:eu-west-1:123456789012:service/api";
    for (cluster, services) in [
        (cluster, "web".to_owned()),
        ("prod", web.to_owned()),
        ("prod", format!("worker,{api}")),
        (cluster, format!("{web},{api},worker")),
    ] {
        let configuration = parse(&[("ClusterName", cluster), ("ServiceName", &services)]).unwrap();
        assert_eq!(
            (configuration.region.as_deref(), configuration.account.as_deref()),
            (Some("eu-west-1"), Some("123456789012")),
            "{cluster} {services}"
        );
        assert_eq!(configuration.cluster.as_str(), cluster);
    }
}

#[test]
fn arns_that_contradict_one_another_are_told() {
    let cluster = "arn:aws:ecs:eu-west-1:123456789012:cluster/prod";
    let web = "arn:aws:ecs:eu-west-1:123456789012:service/prod/web";
    for (cluster, services, mistakes) in [
        (
            cluster,
            "arn:aws:ecs:eu-west-2:123456789012:service/prod/web".to_owned(),
            "ServiceName: the ARN of service web is of aws:eu-west-2:123456789012, and that of ClusterName of \
             aws:eu-west-1:123456789012",
        ),
        (
            "prod",
            format!("{web},arn:aws:ecs:eu-west-1:210987654321:service/api"),
            "ServiceName: the ARN of service api is of aws:eu-west-1:210987654321, and that of service web of \
             aws:eu-west-1:123456789012",
        ),
        (
            cluster,
            "arn:aws-cn:ecs:eu-west-1:123456789012:service/prod/web".to_owned(),
            "ServiceName: the ARN of service web is of aws-cn:eu-west-1:123456789012, and that of ClusterName \
             of aws:eu-west-1:123456789012",
        ),
        ("dev", web.to_owned(), "ServiceName: service web is of cluster prod, and ClusterName is dev"),
        (
            "arn:aws:ecs:eu-west-2:123456789012:cluster/dev",
            web.to_owned(),
            "ServiceName: service web is of cluster prod, and ClusterName is dev; ServiceName: the ARN of \
             service web is of aws:eu-west-1:123456789012, and that of ClusterName of \
             aws:eu-west-2:123456789012",
        ),
    ] {
        let failure = parse(&[("ClusterName", cluster), ("ServiceName", &services)]).unwrap_err();
        assert_eq!(failure.without_advice(), format!("the action's configuration is wrong: {mistakes}"),);
    }
}

#[test]
fn the_console_s_link_is_made_from_names() {
    let names = parse(&[("ServiceName", "web,api")]).unwrap();
    let arns = parse(&[
        ("ClusterName", "arn:aws:ecs:eu-west-1:123456789012:cluster/prod"),
        ("ServiceName", "arn:aws:ecs:eu-west-1:123456789012:service/prod/web"),
    ]);
    assert_eq!(names.external_id(), "prod/services/web/deployments");
    assert_eq!(arns.unwrap().external_id(), "prod/services/web/deployments");
}
