use super::*;
use crate::samples::{self, at};
use crate::service::{Guard, RolloutState, ServiceEvent};

const BEGIN: u64 = 1_000;

/// Of a deployment that began at [`BEGIN`], so many tasks are wanted and so many failed in a row.
fn mine(desired: u32, failed: u32) -> Deployment {
    Deployment { desired, failed, running: 0, ..samples::primary(2, "web:2", RolloutState::InProgress) }
}

fn service(breaker: Watchdog) -> Service {
    let mut service = samples::service("web", Vec::new());
    service.guard = Guard { breaker, ..Guard::default() };
    service
}

fn unguarded() -> Service {
    service(Watchdog::Off)
}

/// Tasks that never got to run.
fn unstarted(count: u64) -> Vec<StoppedTask> {
    let task = |place| StoppedTask {
        stop_code: Some("TaskFailedToStart".to_owned()),
        reason: Some("CannotPullContainerError: i/o timeout".to_owned()),
        stopped: Some(at(BEGIN + 20 * place)),
        ..samples::stopped(&format!("{place}"))
    };
    (0..count).map(task).collect()
}

/// Tasks that ran for ten seconds.
fn short_lived(count: u64) -> Vec<StoppedTask> {
    let task = |place| StoppedTask {
        started: Some(at(BEGIN + 20 * place)),
        stopped: Some(at(BEGIN + 20 * place + 10)),
        ..samples::stopped(&format!("{place}"))
    };
    (0..count).map(task).collect()
}

fn read(stopped: Vec<StoppedTask>, running: Vec<RunningTask>) -> TaskCensus {
    TaskCensus::Read(Census { stopped, running })
}

fn verdict(mine: &Deployment, service: &Service, tasks: &TaskCensus, policy: &Policy) -> Option<String> {
    crash_loop(mine, service, tasks, at(BEGIN + 100), policy)
}

fn is_loop(mine: &Deployment, service: &Service, tasks: &TaskCensus) -> bool {
    verdict(mine, service, tasks, &Policy::default()).is_some()
}

#[test]
fn failures_in_a_row_count_up_to_ecs_own_threshold_or_the_given_one() {
    for (desired, threshold) in [(0, 3), (1, 3), (6, 3), (7, 4), (399, 200), (1000, 200)] {
        for tasks in [TaskCensus::Unreadable, read(unstarted(200), Vec::new())] {
            let few = mine(desired, threshold - 1);
            assert!(!is_loop(&few, &unguarded(), &TaskCensus::Unreadable), "{desired}");
            assert!(is_loop(&mine(desired, threshold), &unguarded(), &tasks), "{desired}");
        }
    }
    let strict = Policy { max_task_failures: Some(1), ..Policy::default() };
    let guarded = service(Watchdog::RollsBack);
    assert!(verdict(&mine(9, 1), &guarded, &TaskCensus::Unreadable, &strict).is_some());
    assert!(verdict(&mine(9, 0), &guarded, &TaskCensus::Unreadable, &strict).is_none());
}

#[test]
fn a_task_that_runs_shows_that_the_others_can_start() {
    let lacks = |number: u64| StoppedTask {
        stop_code: Some("TaskFailedToStart".to_owned()),
        reason: Some("CannotPullContainerError: manifest unknown".to_owned()),
        started: None,
        stopped: Some(at(BEGIN + 40 * number)),
        ..samples::stopped(&format!("{number}"))
    };
    let failed = vec![lacks(1), lacks(2)];
    let running = RunningTask { started: Some(at(BEGIN)), is_healthy: false };
    assert!(is_loop(&mine(2, 0), &unguarded(), &read(failed.clone(), Vec::new())));
    assert!(!is_loop(&mine(2, 0), &unguarded(), &read(failed, vec![running])));
}

#[test]
fn a_count_that_its_tasks_do_not_bear_out_is_no_crash_loop() {
    let counted = mine(2, 3);
    assert!(!is_loop(&counted, &unguarded(), &TaskCensus::Unread), "they are looked at first");
    assert!(!is_loop(&counted, &unguarded(), &read(Vec::new(), Vec::new())), "none could be placed, say");
    let mut spot = short_lived(3);
    for task in &mut spot {
        task.stop_code = Some("SpotInterruption".to_owned());
    }
    assert!(!is_loop(&counted, &unguarded(), &read(spot, Vec::new())), "their hosts went away");
}

#[test]
fn tasks_that_start_and_stop_again_are_counted_although_ecs_begins_anew_with_each() {
    let reset = mine(2, 0);
    assert!(!is_loop(&reset, &unguarded(), &read(short_lived(2), Vec::new())));
    assert!(is_loop(&reset, &unguarded(), &read(short_lived(3), Vec::new())));
    let young = RunningTask { started: Some(at(BEGIN + 75)), is_healthy: false };
    assert!(is_loop(&reset, &unguarded(), &read(short_lived(3), vec![young])), "it will stop as well");
}

#[test]
fn one_task_that_stays_shows_that_they_can() {
    let reset = mine(4, 0);
    let old = RunningTask { started: Some(at(BEGIN)), is_healthy: false };
    let healthy = RunningTask { started: Some(at(BEGIN + 90)), is_healthy: true };
    for survivor in [old, healthy] {
        assert!(!is_loop(&reset, &unguarded(), &read(short_lived(5), vec![survivor])), "{survivor:?}");
    }
    let mut was_healthy = short_lived(5);
    was_healthy[0].is_healthy = true;
    assert!(!is_loop(&reset, &unguarded(), &read(was_healthy, Vec::new())));
    // That many in a row, and none has run since: ECS would give it up as well.
    assert!(is_loop(&mine(4, 3), &unguarded(), &read(short_lived(5), vec![old])));
}

#[test]
fn what_the_circuit_breaker_counts_is_left_to_it_and_what_it_misses_is_not() {
    let guarded = service(Watchdog::Stops);
    assert!(!is_loop(&mine(2, 50), &guarded, &read(unstarted(50), Vec::new())));
    assert!(!is_loop(&mine(2, 50), &guarded, &TaskCensus::Unreadable));
    assert!(is_loop(&mine(2, 0), &guarded, &read(short_lived(3), Vec::new())));
    let mut unhealthy = short_lived(3);
    for task in &mut unhealthy {
        task.stop_code = Some("ServiceSchedulerInitiated".to_owned());
        task.reason = Some("Task failed ELB health checks in (target-group tg)".to_owned());
    }
    assert!(!is_loop(&mine(2, 0), &guarded, &read(unhealthy.clone(), Vec::new())));
    assert!(is_loop(&mine(2, 0), &unguarded(), &read(unhealthy, Vec::new())));
}

#[test]
fn tasks_of_which_none_can_start_need_no_long_row() {
    let large = mine(100, 3);
    let why = verdict(&large, &unguarded(), &read(unstarted(3), Vec::new()), &Policy::default()).unwrap();
    assert!(why.contains("no task can start, and 3 have tried: CannotPullContainerError"), "{why}");
    let mut at_once = unstarted(40);
    for task in &mut at_once {
        task.stopped = Some(at(BEGIN));
    }
    assert!(!is_loop(&large, &unguarded(), &read(at_once, Vec::new())), "it may be over by now");
    let one_runs = RunningTask { started: Some(at(BEGIN + 99)), is_healthy: false };
    assert!(!is_loop(&large, &unguarded(), &read(unstarted(3), vec![one_runs])));
}

#[test]
fn a_limit_of_0_leaves_failing_tasks_to_ecs() {
    let policy = Policy { max_task_failures: Some(0), ..Policy::default() };
    for tasks in [TaskCensus::Unreadable, read(unstarted(200), Vec::new()), read(short_lived(50), Vec::new())]
    {
        assert_eq!(verdict(&mine(2, 50), &unguarded(), &tasks, &policy), None);
    }
    assert_eq!(suspicion(&mine(2, 50), &unguarded(), &policy), None);
}

#[test]
fn tasks_that_exit_with_0_have_done_their_work() {
    let mut done = short_lived(20);
    for task in &mut done {
        task.containers[0].exit_code = Some(0);
    }
    assert!(!is_loop(&mine(2, 0), &unguarded(), &read(done.clone(), Vec::new())));
    assert!(!is_loop(&mine(2, 20), &unguarded(), &read(done.clone(), Vec::new())));
    for task in done.iter_mut().take(3) {
        task.containers[0].exit_code = Some(1);
    }
    assert!(is_loop(&mine(2, 0), &unguarded(), &read(done, Vec::new())));
}

#[test]
fn an_image_that_is_not_there_is_a_cause_also_where_the_circuit_breaker_counts() {
    let mut missing = unstarted(2);
    for task in &mut missing {
        task.reason = Some("CannotPullContainerError: web:2: not found".to_owned());
    }
    for breaker in [Watchdog::Off, Watchdog::RollsBack] {
        let why =
            verdict(&mine(2, 2), &service(breaker), &read(missing.clone(), Vec::new()), &Policy::default());
        assert!(why.unwrap().starts_with("the image cannot be pulled: CannotPull"), "{breaker:?}");
    }
    let mut told = service(Watchdog::RollsBack);
    let message = "(service web) was unable to place a task. Reason: CannotPullContainerError: not found.";
    told.events = vec![ServiceEvent { at: at(BEGIN + 1), message: message.to_owned() }];
    assert!(suspicion(&mine(2, 0), &told, &Policy::default()).is_some(), "the first is read for");
}

#[test]
fn tasks_are_read_when_some_failed_or_were_started_anew_and_again_when_more_were() {
    let suspect = |mine: &Deployment, service: &Service| {
        suspicion(mine, service, &Policy::default()).map(|suspicion| suspicion.signs)
    };
    assert_eq!(suspect(&mine(2, 2), &unguarded()), None);
    assert_eq!(suspect(&mine(2, 3), &unguarded()), Some(3));
    assert_eq!(suspect(&mine(2, 3), &service(Watchdog::Stops)), None, "the circuit breaker counts them");

    let mut restarting = service(Watchdog::Stops);
    let event = |seconds, count| ServiceEvent {
        at: at(BEGIN + seconds),
        message: format!("(service web) has started {count} tasks: (task 1)."),
    };
    restarting.events = vec![event(60, 1), event(40, 1), event(20, 1), event(0, 2)];
    assert_eq!(suspect(&mine(2, 0), &restarting), Some(3));
    assert_eq!(suspect(&mine(3, 0), &restarting), None);
    restarting.events.insert(0, event(80, 1));
    assert_eq!(suspect(&mine(2, 0), &restarting), Some(4));
    let later = Deployment { created: at(BEGIN + 1), ..mine(0, 0) };
    assert_eq!(suspect(&later, &restarting), Some(3), "an event of an earlier deployment, and one is wanted");
}

#[test]
fn as_many_failures_as_are_allowed_decide_once() {
    let suspect = |desired, failed| suspicion(&mine(desired, failed), &unguarded(), &Policy::default());
    let (few, enough, more) = (suspect(9, 4).unwrap(), suspect(9, 5).unwrap(), suspect(9, 6).unwrap());
    assert!(enough.decides(few) && more.decides(few));
    assert!(!few.decides(few) && !more.decides(enough));
}
