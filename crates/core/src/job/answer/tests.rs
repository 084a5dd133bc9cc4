use super::super::variables::MAX_VARIABLES;
use super::*;

fn failure() -> Failure {
    Failure::new(FailureKind::Denied, "UpdateService of web failed")
        .because("AccessDenied: no")
        .advice("Allow it")
}

/// What is made of a summary, an id and the text of a failure.
fn made(summary: &str, external_id: &str, failed: &str) -> [Option<String>; 3] {
    let succeeded = Answer::succeed(summary, external_id, BTreeMap::new());
    let failed = Answer::fail(&Failure::new(FailureKind::Bug, failed), external_id);
    let Answer::Succeed { summary, external_id, .. } = succeeded else { panic!("{succeeded:?}") };
    let Answer::Fail { message, external_id: same, .. } = failed else { panic!("{failed:?}") };
    assert_eq!(external_id, same);
    [Some(summary.into()), external_id.map(String::from), Some(message.into())]
}

#[test]
fn a_success_has_its_summary_its_link_and_its_variables() {
    let variables = BTreeMap::from([("Outcome".to_owned(), "deployed".to_owned())]);
    let answer = Answer::succeed("deployed  web\n", "prod/services/web/deployments", variables.clone());
    assert_eq!(
        answer,
        Answer::Succeed {
            summary: Text::or("deployed  web", ""),
            external_id: Text::new("prod/services/web/deployments"),
            variables,
        }
    );
}

#[test]
fn a_failure_has_codepipeline_s_word_and_the_command_line_s_text() {
    assert_eq!(
        Answer::fail(&failure(), "id"),
        Answer::Fail {
            kind: FailureType::PermissionError,
            message: Text::or("UpdateService of web failed: AccessDenied: no. Allow it", ""),
            external_id: Text::new("id"),
        }
    );
}

#[test]
fn nothing_is_empty() {
    assert_eq!(made("", "", ""), [Some("succeeded".to_owned()), None, Some("bug".to_owned())]);
    assert_eq!(made(" \n", " ", "\t"), [Some("succeeded".to_owned()), None, Some("bug".to_owned())]);
    let answer = Answer::hand_on("token", "", "");
    let Answer::HandOn { token, external_id, summary } = answer else { panic!("{answer:?}") };
    assert_eq!((&*token, external_id, &*summary), ("token", None, "in progress"));
}

#[test]
fn everything_fits_exactly_and_is_cut_on_a_character_beyond() {
    for character in ["x", "ö", "👍"] {
        let text = |characters| character.repeat(characters);
        let longest = [MAX_SUMMARY, MAX_EXTERNAL_ID, MAX_MESSAGE];
        let whole = longest.map(|characters| Some(text(characters)));
        assert_eq!(made(&text(MAX_SUMMARY), &text(MAX_EXTERNAL_ID), &text(MAX_MESSAGE)), whole);
        let cut = longest.map(|characters| Some(format!("{}…", text(characters - 1))));
        assert_eq!(made(&text(MAX_SUMMARY + 1), &text(MAX_EXTERNAL_ID + 1), &text(MAX_MESSAGE + 1)), cut);
    }
    assert_eq!([MAX_SUMMARY, MAX_EXTERNAL_ID, MAX_MESSAGE, MAX_TOKEN], [2048, 1500, 5000, 2048]);
}

#[test]
fn a_token_is_handed_on_as_it_is_or_the_action_fails() {
    for good in [" t\t", &"x".repeat(2048), &"ö".repeat(2048)] {
        let answer = Answer::hand_on(good, "id", "web is under way");
        let Answer::HandOn { token, external_id, summary } = answer else { panic!("{answer:?}") };
        assert_eq!((&*token, external_id.as_deref()), (good, Some("id")));
        assert_eq!(&*summary, "web is under way");
    }
    for (bad, characters) in [(String::new(), 0), ("x".repeat(2049), 2049)] {
        let message = format!(
            "the job cannot go on: its continuation token has {characters} characters: CodePipeline takes 1 \
             to 2048. Look at the service, then retry the stage"
        );
        assert_eq!(
            Answer::hand_on(bad, "id", "web is under way"),
            Answer::Fail {
                kind: FailureType::JobFailed,
                message: Text::or(&message, ""),
                external_id: Text::new("id"),
            }
        );
    }
}

#[test]
fn variables_that_codepipeline_would_refuse_are_left_out() {
    let variables = |given: &[(&str, &str)]| -> BTreeMap<String, String> {
        given.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
    };
    let kept = |given: &[(&str, &str)]| {
        let answer = Answer::succeed("", "", variables(given));
        let Answer::Succeed { variables, .. } = answer else { panic!("{answer:?}") };
        variables
    };
    let sound = [("a@-_9", "1"), ("b", "")];
    assert_eq!(kept(&[&sound[..], &[("", "x"), ("c.d", "x"), ("ö", "x")]].concat()), variables(&sound));

    let (fits, too_much) = ("x".repeat(MAX_VARIABLES - 1), "x".repeat(MAX_VARIABLES));
    assert_eq!(kept(&[("a", &fits)]), variables(&[("a", &fits)]));
    assert_eq!(kept(&[("a", &too_much), ("b", "1")]), variables(&[("b", "1")]));
    assert_eq!(kept(&[("a", "1"), ("b", &fits)]), variables(&[("a", "1")]));
}

#[test]
fn every_kind_of_failure_has_codepipeline_s_word() {
    for (kind, word) in [
        (FailureKind::Usage, "ConfigurationError"),
        (FailureKind::InvalidInput, "ConfigurationError"),
        (FailureKind::Denied, "PermissionError"),
        (FailureKind::Unreadable, "RevisionUnavailable"),
        (FailureKind::Superseded, "RevisionOutOfSync"),
        (FailureKind::Unavailable, "SystemUnavailable"),
        (FailureKind::RolloutFailed, "JobFailed"),
        (FailureKind::TimedOut, "JobFailed"),
        (FailureKind::Interrupted, "JobFailed"),
        (FailureKind::Terminated, "JobFailed"),
        (FailureKind::Bug, "JobFailed"),
    ] {
        assert_eq!(kind.failure_type().as_str(), word);
    }
}

#[test]
fn a_refused_answer_loses_its_variables_and_then_most_of_its_text_and_no_more() {
    let variables = BTreeMap::from([("Outcome".to_owned(), "deployed".to_owned())]);
    let whole = Answer::succeed(&format!("für web\n{}", "x".repeat(900)), "id", variables);
    let bare = whole.plainer().unwrap();
    let Answer::Succeed { summary, external_id, variables } = &bare else { panic!("{bare:?}") };
    assert!(variables.is_empty() && external_id.is_some() && summary.len() > 900);
    let short = bare.plainer().unwrap();
    assert_eq!(short, Answer::succeed("fr web (see the worker's log)", "", BTreeMap::new()));
    assert_eq!(short.plainer(), None);

    let failed = Answer::fail(&failure(), "id").plainer().unwrap();
    let Answer::Fail { kind, message, external_id } = &failed else { panic!("{failed:?}") };
    assert_eq!((*kind, external_id), (FailureType::PermissionError, &None));
    assert!(message.ends_with(" (see the worker's log)") && message.len() < 200, "{message}");
    assert_eq!(failed.plainer(), None);
}
