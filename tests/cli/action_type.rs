//! `evenkeel action-type`: the custom action type for the AWS CLI, Terraform and CloudFormation.

use serde_json::Value;

use crate::world::{Account, Ended};

/// Asserts that it went well, and returns what was printed.
#[track_caller]
fn printed(ended: &Ended) -> &str {
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    &ended.stdout
}

#[test]
fn the_definition_is_printed_in_three_formats() {
    let account = Account::new();
    let print = |more: &[&str]| account.run(&[&["action-type", "print"], more].concat());

    let json: Value = serde_json::from_str(printed(&print(&[]))).unwrap();
    assert_eq!(
        (&json["category"], &json["provider"], &json["version"]),
        (&"Deploy".into(), &"Evenkeel".into(), &"1".into())
    );
    assert_eq!(json["configurationProperties"].as_array().unwrap().len(), 10);
    assert_eq!(print(&["--format", "json"]).stdout, print(&[]).stdout);

    let chosen =
        ["--provider", "Shop", "--action-version", "2", "--category", "invoke", "--region", "eu-west-1"];
    let terraform = print(&[&["--format", "terraform"], &chosen[..]].concat());
    for part in [
        "resource \"aws_codepipeline_custom_action_type\" \"evenkeel\" {\n  category      = \"Invoke\"\n",
        "provider_name = \"Shop\"\n  version       = \"2\"\n",
        "https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/{ExternalExecutionId}?region=eu-west-1",
    ] {
        assert!(printed(&terraform).contains(part), "{part}: {terraform:?}");
    }

    let cloudformation = print(&[&["--format", "cloudformation"], &chosen[..]].concat());
    for part in [
        "Type: \"AWS::CodePipeline::CustomActionType\"",
        "Category: \"Invoke\"",
        "Version: \"2\"",
        "?region=eu-west-1",
    ] {
        assert!(printed(&cloudformation).contains(part), "{part}: {cloudformation:?}");
    }
    assert!(account.sandbox.calls().is_empty());
}

#[test]
fn every_option_of_it_has_a_twin_in_the_environment() {
    let account = Account::new();
    let mut command = account.command(&["action-type", "print"]);
    command
        .env("EVENKEEL_PROVIDER", "Shop")
        .env("EVENKEEL_ACTION_VERSION", "2")
        .env("EVENKEEL_CATEGORY", "Test")
        .env("EVENKEEL_REGION", "eu-west-1")
        .env("EVENKEEL_FORMAT", "terraform");
    let by_environment = Ended::of(command.output().unwrap());
    let by_options = account.run(&[
        "action-type",
        "print",
        "--provider",
        "Shop",
        "--action-version",
        "2",
        "--category",
        "Test",
        "--region",
        "eu-west-1",
        "--format",
        "terraform",
    ]);
    assert_eq!(printed(&by_environment), printed(&by_options));
}

#[test]
fn what_codepipeline_would_refuse_is_2() {
    let account = Account::new();
    for (option, value, word) in [
        ("--provider", "Even keel", "\"Even keel\" is not the provider"),
        ("--action-version", "1.0", "\"1.0\" is not the version"),
        ("--category", "Source", "--category"),
        ("--region", "EU", "\"EU\" is not a Region"),
        ("--format", "yaml", "--format"),
    ] {
        let ended = account.run(&["action-type", "print", option, value]);
        assert_eq!((ended.status, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
        assert!(ended.stderr.contains(word), "{word}: {ended:?}");
    }
}

#[test]
fn the_action_type_is_made_as_it_is_printed() {
    let account = Account::new();
    let chosen = ["--action-version", "2", "--region", "eu-west-1"];
    let definition = account.run(&[&["action-type", "print"], &chosen[..]].concat());

    let made = account.run(&[&["action-type", "create"], &chosen[..]].concat());
    assert_eq!(printed(&made), "made action type Custom/Deploy/Evenkeel/2\n");
    let calls = account.sandbox.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].operation, "CreateCustomActionType");
    // The SDK says what is left out when it is printed.
    let mut printed_too: Value = serde_json::from_str(printed(&definition)).unwrap();
    for property in printed_too["configurationProperties"].as_array_mut().unwrap() {
        property["queryable"] = false.into();
    }
    assert_eq!(calls[0].request, printed_too);

    let again = account.run(&[&["action-type", "create"], &chosen[..]].concat());
    assert_eq!((again.status, again.stdout.as_str()), (Some(3), ""));
    assert!(again.stderr.contains("already exists"), "{}", again.stderr);
}
