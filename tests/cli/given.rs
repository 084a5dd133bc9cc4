//! Every value that is given, by an option, its twin or a variable of AWS's, with white space around it
//! or with nothing in it.

use serde_json::Value;

use crate::network::authority;
use crate::world::{APP_NEW, Account, Ended};

/// Options with the values that this story gives them; their twins have the same.
const OPTIONS: [(&str, &str); 12] = [
    ("cluster", "prod"),
    ("service", "web"),
    ("image", APP_NEW),
    ("timeout", "20s"),
    ("on-failure", "leave"),
    ("record", "file:record.json"),
    ("placement-grace", "5m"),
    ("max-task-failures", "3"),
    ("role-arn", "arn:aws:iam::123456789012:role/deploy"),
    ("region", "eu-west-1"),
    ("junit", "report.xml"),
    ("notify", "eventbridge:deploys"),
];

/// The variables that the SDK reads, each with a value that this story gives it.
const VARIABLES: [(&str, &str); 32] = [
    ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "of-the-caller"),
    ("AWS_SESSION_TOKEN", "token"),
    ("AWS_REGION", "eu-west-1"),
    ("AWS_DEFAULT_REGION", "eu-west-1"),
    ("AWS_PROFILE", "default"),
    ("AWS_DEFAULT_PROFILE", "default"),
    ("AWS_CONFIG_FILE", "config"),
    ("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
    ("AWS_ENDPOINT_URL", ""),
    ("AWS_ENDPOINT_URL_ECS", ""),
    ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9"),
    ("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9"),
    ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false"),
    ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/deploy"),
    ("AWS_ROLE_SESSION_NAME", "build"),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "token"),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials"),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/credentials"),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "token"),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "token"),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9"),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv4"),
    ("AWS_MAX_ATTEMPTS", "1"),
    ("AWS_RETRY_MODE", "standard"),
    ("AWS_CA_BUNDLE", "company.pem"),
    ("AWS_USE_FIPS_ENDPOINT", "false"),
    ("AWS_USE_DUALSTACK_ENDPOINT", "false"),
    ("AWS_SDK_UA_APP_ID", "build"),
    ("HTTP_PROXY", "http://127.0.0.1:9"),
    ("https_proxy", "http://127.0.0.1:9"),
    ("NO_PROXY", "127.0.0.1"),
];

/// `evenkeel plan` with these arguments, these variables, and one of them with this value.
fn plan(account: &Account, arguments: &[&str], name: &str, value: Option<&str>) -> (Option<i32>, Value) {
    let output = ["--output", "json"];
    let mut command = account.command(&[&["plan"], &output[..], arguments].concat());
    // Whichever address is taken away, the other is there.
    command.env("AWS_ENDPOINT_URL_ECS", format!("http://{}", account.address()));
    command.env("NO_PROXY", "127.0.0.1").env("AWS_PAGER", "");
    match value {
        Some(value) => command.env(name, value),
        None => command.env_remove(name),
    };
    let ended = Ended::of(command.output().unwrap());
    assert!(!matches!(ended.status, None | Some(70 | 101)), "{name} is {value:?}: {ended:?}");
    (ended.status, ended.document())
}

#[test]
fn an_empty_variable_is_not_given_and_white_space_around_a_value_is_none_of_it() {
    let account = Account::new();
    account.file("token", "token");
    account.file("company.pem", &authority());
    let address = format!("http://{}", account.address());
    let twins = OPTIONS.map(|(option, value)| (twin(option), value));
    let variables = VARIABLES.map(|(name, value)| (name.to_owned(), value));
    let all = [["--cluster=prod", "--service=web"].as_slice(), &["--image", APP_NEW]].concat();
    for (name, value) in twins.into_iter().chain(variables) {
        // What a twin gives is not typed as well.
        let option = format!("--{}", name.trim_start_matches("EVENKEEL_").to_lowercase());
        let typed: Vec<&str> = match option.as_str() {
            "--cluster" => all[1..].to_vec(),
            "--service" => [&all[..1], &all[2..]].concat(),
            "--image" => all[..2].to_vec(),
            _ => all.clone(),
        };
        let value = if value.is_empty() { address.as_str() } else { value };
        let without = plan(&account, &typed, &name, None);
        for empty in ["", " \r\n"] {
            assert_eq!(plan(&account, &typed, &name, Some(empty)), without, "{name} is {empty:?}");
        }
        let with = plan(&account, &typed, &name, Some(value));
        for more in [format!(" {value}\n"), format!("{value}\r\n")] {
            assert_eq!(plan(&account, &typed, &name, Some(&more)), with, "{name} is {more:?}");
        }
    }
}

#[test]
fn an_options_empty_value_is_not_given_and_its_twin_is_asked() {
    let account = Account::new();
    for (option, value) in OPTIONS {
        let others: Vec<String> = OPTIONS[..3]
            .iter()
            .filter(|(other, _)| *other != option)
            .map(|(other, value)| format!("--{other}={value}"))
            .collect();
        let name = format!("--{option}");
        let with = |given: &[&str], twin_is: Option<&str>| {
            let arguments: Vec<&str> =
                others.iter().map(String::as_str).chain(given.iter().copied()).collect();
            plan(&account, &arguments, &twin(option), twin_is)
        };
        let (without, given) = (with(&[], None), with(&[&name, value], None));
        assert_eq!(with(&[], Some(value)), given, "the twin of {name}");
        for empty in ["", " \r\n"] {
            assert_eq!(with(&[&name, empty], None), without, "{name} {empty:?}");
            assert_eq!(with(&[&format!("{name}={empty}")], None), without, "{name}={empty:?}");
            assert_eq!(with(&[&name, empty], Some(value)), given, "{name} {empty:?} and its twin");
        }
        for more in [format!(" {value}\n"), format!("{value}\r\n")] {
            assert_eq!(with(&[&name, &more], None), given, "{name} {more:?}");
        }
    }
}

#[test]
fn what_is_left_without_a_value_is_named() {
    let account = Account::new();
    let typed = ["--cluster=prod", "--service=web", "--image", APP_NEW];
    for (name, value, status, words) in [
        ("AWS_REGION", Some("\n"), 3, &["no AWS Region is configured", "AWS_REGION"][..]),
        ("AWS_REGION", Some("eu west 1"), 3, &["\"eu west 1\" is not a Region", "AWS_REGION"]),
        ("AWS_REGION", Some("eu-west-1\nx"), 3, &["AWS_REGION has a line break"]),
        ("AWS_ACCESS_KEY_ID", Some(""), 4, &["credentials"]),
        ("AWS_SECRET_ACCESS_KEY", Some(" "), 4, &["credentials"]),
        ("AWS_ACCESS_KEY_ID", Some("AKID\nEXAMPLE"), 3, &["AWS_ACCESS_KEY_ID has a line break"]),
        ("AWS_MAX_ATTEMPTS", Some("0"), 3, &["AWS_MAX_ATTEMPTS is \"0\""]),
        ("AWS_MAX_ATTEMPTS", Some("many"), 3, &["AWS_MAX_ATTEMPTS is \"many\""]),
        ("AWS_CA_BUNDLE", Some("nowhere.pem\n"), 3, &["the CA bundle nowhere.pem of AWS_CA_BUNDLE"]),
        ("EVENKEEL_REGION", Some("EU-WEST-1"), 3, &["\"EU-WEST-1\" is not a Region"]),
    ] {
        let (ended, document) = plan(&account, &typed, name, value);
        let message = document["failure"]["message"].as_str().unwrap_or_default();
        assert_eq!(ended, Some(status), "{name} is {value:?}: {document}");
        assert!(words.iter().all(|word| message.contains(word)), "{name} is {value:?}: {message}");
    }
    let (ended, _) = plan(&account, &typed, "AWS_RETRY_MODE", Some("sometimes"));
    assert_eq!(ended, Some(0));
}

#[test]
fn an_empty_member_of_a_profile_is_no_bug_and_its_lines_may_end_in_windows_way() {
    let account = Account::new();
    let members = [
        ("region", "eu-west-1"),
        ("endpoint_url", ""),
        ("aws_access_key_id", "AKIDEXAMPLE"),
        ("aws_secret_access_key", "of-the-caller"),
        ("aws_session_token", "token"),
        ("ca_bundle", "company.pem"),
        ("max_attempts", "2"),
        ("retry_mode", "standard"),
        ("role_arn", "arn:aws:iam::123456789012:role/deploy"),
        ("source_profile", "default"),
        ("credential_source", "Environment"),
        ("web_identity_token_file", "token"),
        ("use_fips_endpoint", "false"),
        ("use_dualstack_endpoint", "false"),
        ("ec2_metadata_service_endpoint", "http://127.0.0.1:9"),
        ("sdk_ua_app_id", "build"),
    ];
    account.file("company.pem", &authority());
    let typed = ["--cluster=prod", "--service=web", "--image", APP_NEW];
    for (member, value) in members {
        for (value, end) in [("", "\n"), ("  ", "\r\n"), (value, "\r\n"), ("0", "\n"), ("x y", "\n")] {
            account.file("config", &format!("[default]{end}{member} = {value}{end}output = json{end}"));
            // The variables come first; without those that the profile could stand for, it is asked.
            for without in ["NOTHING", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL"] {
                let mut command = account.command(&[&["plan", "--output", "json"], &typed[..]].concat());
                command.env("AWS_ENDPOINT_URL_ECS", format!("http://{}", account.address()));
                command.env("AWS_ENDPOINT_URL_STS", format!("http://{}", account.address()));
                let ended =
                    Ended::of(command.env("AWS_CONFIG_FILE", "config").env_remove(without).output().unwrap());
                let told = format!("{member} = {value:?} without {without}: {ended:?}");
                assert!(!matches!(ended.status, None | Some(70 | 101)), "{told}");
                ended.document();
            }
        }
    }
}

#[test]
fn every_option_has_its_twin_in_the_help_and_survives_blanks() {
    let account = Account::new();
    let help = account.run(&["deploy", "--help"]).stdout;
    let twins = help.split("[env: ").skip(1).filter_map(|rest| rest.split([']', '=']).next());
    let typed = ["--cluster=prod", "--service=web", "--image", APP_NEW];
    let mut tried = 0;
    for twin in twins.filter(|twin| *twin != "EVENKEEL_OUTPUT") {
        for value in ["", " \r\n", "x\n", "x\r\n"] {
            plan(&account, &typed, twin, Some(value));
        }
        tried += 1;
    }
    println!("{tried} twins tried");
    assert!(tried >= OPTIONS.len(), "{help}");
}

fn twin(option: &str) -> String {
    format!("EVENKEEL_{}", option.to_uppercase().replace('-', "_"))
}
