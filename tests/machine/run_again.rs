//! `evenkeel run`: which task it is, beside others, and in which surroundings.

use evenkeel::one_off::{RunRequest, TaskOutcome};
use evenkeel_sandbox::TaskEnding;
use serde_json::json;

use crate::run::{account, logging, migrate, play, run, seconds, tasks};
use crate::world::{Account, SERVICE};

#[tokio::test(start_paused = true)]
async fn the_same_command_in_one_execution_runs_once_and_another_is_another_task() {
    let account = account();
    play(&account.sandbox, TaskEnding::Exits(3), 10, &[(1, "once")]);
    let first = run(&account, &migrate("x")).await;
    // Longer after than the time-out, and within the hour that ECS remembers.
    account.clock.sleep(seconds(40 * 60)).await;
    let second = run(&account, &migrate("x")).await;
    assert_eq!(second.ending(), (TaskOutcome::Failed, 1, Some(3)));
    assert_eq!((tasks(&account).len(), &second.report.task), (1, &first.report.task));
    assert!(second.progress.contains("app | once"), "{}", second.progress);

    let request = migrate("x");
    for another in [
        migrate("y"),
        RunRequest { command: vec!["migrate".to_owned()], ..request.clone() },
        RunRequest { environment: Vec::new(), ..request.clone() },
        RunRequest { cpu: Some(512), ..request.clone() },
        RunRequest { memory: Some(1024), ..request.clone() },
        RunRequest { container: Some("proxy".to_owned()), ..request.clone() },
    ] {
        let before = tasks(&account).len();
        run(&account, &another).await;
        assert_eq!(tasks(&account).len(), before + 1);
        account.clock.sleep(seconds(60)).await;
    }
    let sizes = account.sandbox.one_off_tasks();
    assert_eq!(
        (&sizes[4].request["overrides"]["cpu"], &sizes[5].request["overrides"]["memory"]),
        (&json!("512"), &json!("1024"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_task_of_another_execution_is_waited_for() {
    let account = account();
    play(&account.sandbox, TaskEnding::Exits(0), 100, &[]);
    let (one, other) = (migrate("x"), migrate("y"));
    let later = async {
        account.clock.sleep(seconds(10)).await;
        run(&account, &other).await
    };
    let (first, second) = tokio::join!(run(&account, &one), later);
    assert_eq!(first.ending(), (TaskOutcome::Succeeded, 0, Some(0)));
    assert_eq!(second.ending(), (TaskOutcome::Succeeded, 0, Some(0)));
    let all = account.sandbox.one_off_tasks();
    assert_eq!(all.len(), 2);
    // ECS wants the first one to stop when its container has ended.
    assert!(all[1].created >= all[0].started.unwrap().plus(seconds(100)), "{all:?}");
    let waits = format!(
        "task: waiting for the end of task {}…, which runs for the same service\n",
        &tasks(&account)[0][..8]
    );
    assert!(second.progress.starts_with(&waits), "{}", second.progress);

    let impatient = RunRequest { timeout: seconds(30), ..migrate("z") };
    let third = migrate("v");
    let (_, late) = tokio::join!(run(&account, &third), async {
        account.clock.sleep(seconds(10)).await;
        run(&account, &impatient).await
    });
    assert_eq!((late.report.outcome, late.report.exit_status()), (TaskOutcome::TimedOut, 7));
    late.says(&["app of web:1 was not started within 30 s", "still runs for the same service"]);
    assert_eq!(tasks(&account).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_live_revision_is_run_or_the_one_that_is_asked_for() {
    let account = account();
    let mut newer = logging(false);
    newer["memory"] = json!("1024");
    account.call("RegisterTaskDefinition", newer);
    account.call("DeregisterTaskDefinition", json!({ "taskDefinition": "web:2" }));
    account.call("RegisterTaskDefinition", logging(false));
    let third = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:3";
    for (revision, runs) in
        [(None, "web:1"), (Some("3"), "web:3"), (Some("web:1"), "web:1"), (Some(third), "web:3")]
    {
        let request = RunRequest { revision: revision.map(str::to_owned), ..migrate(runs) };
        let ran = run(&account, &request).await;
        assert_eq!(ran.ending(), (TaskOutcome::Succeeded, 0, Some(0)), "{}", ran.message());
        assert_eq!(ran.report.revision.unwrap().family_and_revision(), runs);
        account.clock.sleep(seconds(60)).await;
    }
    for (revision, words) in [
        ("2", &["web:2 is not ACTIVE", "--task-definition"][..]),
        ("9", &["there is no task definition web:9"]),
        ("api:1", &["there is no task definition api:1"]),
    ] {
        let request = RunRequest { revision: Some(revision.to_owned()), ..migrate("x") };
        let ran = run(&account, &request).await;
        assert_eq!((ran.report.outcome, ran.report.exit_status()), (TaskOutcome::Failed, 3));
        ran.says(words);
    }
}

#[tokio::test(start_paused = true)]
async fn a_container_is_named_unless_there_is_one_alone() {
    let account = account();
    for (container, words) in [
        (None, &["no container is given, and web:1 has several", "app, proxy", "--container"][..]),
        (Some("db"), &["web:1 has no container \"db\"", "its containers are app, proxy"]),
    ] {
        let request = RunRequest { container: container.map(str::to_owned), ..migrate("x") };
        let ran = run(&account, &request).await;
        assert_eq!((ran.report.outcome, ran.report.exit_status()), (TaskOutcome::Failed, 3));
        ran.says(words);
    }
    assert!(tasks(&account).is_empty());

    let mut alone = logging(false);
    alone["containerDefinitions"].as_array_mut().unwrap().pop();
    let account = Account::running(&alone);
    let own = RunRequest { container: None, command: Vec::new(), ..migrate("x") };
    let ran = run(&account, &own).await;
    assert_eq!(ran.ending(), (TaskOutcome::Succeeded, 0, Some(0)), "{}", ran.message());
    assert_eq!(account.sandbox.one_off_tasks()[0].command, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_surroundings_are_those_of_the_service() {
    let account = Account::empty();
    let mut fargate = logging(false);
    fargate["executionRoleArn"] = json!("arn:aws:iam::123456789012:role/execution");
    fargate["networkMode"] = json!("awsvpc");
    fargate["requiresCompatibilities"] = json!(["FARGATE"]);
    account.call("RegisterTaskDefinition", fargate);
    let network = json!({ "awsvpcConfiguration": {
        "subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "DISABLED",
    }});
    account.create_service(
        SERVICE,
        "web",
        json!({
            "launchType": "FARGATE", "platformVersion": "1.4.0", "networkConfiguration": network,
            "propagateTags": "SERVICE", "enableECSManagedTags": true,
        }),
    );
    let ran = run(&account, &migrate("x")).await;
    assert_eq!(ran.ending(), (TaskOutcome::Succeeded, 0, Some(0)), "{}", ran.message());
    let request = account.sandbox.one_off_tasks()[0].request.clone();
    for (member, value) in [
        ("launchType", json!("FARGATE")),
        ("platformVersion", json!("1.4.0")),
        ("networkConfiguration", network),
        ("propagateTags", json!("TASK_DEFINITION")),
        ("enableECSManagedTags", json!(true)),
    ] {
        assert_eq!(request[member], value, "{request:#}");
    }
}
