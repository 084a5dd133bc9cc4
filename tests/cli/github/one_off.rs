//! `evenkeel run` in a script of a step.

use evenkeel_sandbox::TaskEnding;

use super::runner::run_command;
use crate::run::{RUN, account};

#[test]
fn what_a_task_logs_is_only_shown() {
    let hostile =
        ["::set-env name=PATH::/tmp/evil", "  ::add-mask::prod", "see ##[add-path]/tmp/evil", "::endgroup::"];
    for (status, level, title) in
        [(0, "notice", "container app of web:2: succeeded"), (3, "error", "container app of web:2: failed")]
    {
        let account = account(TaskEnding::Exits(status), &hostile);
        for output in ["text", "json"] {
            let step =
                run_command(&account, &[&RUN[..], &["--output", output, "--", "migrate", output]].concat());
            assert_eq!(step.status, Some(i32::from(status > 0)), "{step:#?}");
            for line in hostile {
                assert!(step.log.iter().any(|logged| logged.contains(line.trim())), "{line:?}: {step:#?}");
            }
            assert_eq!(step.groups, ["One-off task of web in prod"], "{step:#?}");
            assert!(step.others.is_empty() && step.masks.is_empty(), "{step:#?}");
            let [(found, of, message)] = step.annotations.as_slice() else { panic!("{step:#?}") };
            assert_eq!((found.as_str(), of.as_str()), (level, title), "{step:#?}");
            assert!(message.contains(&format!("app of web:2 ended with {status}")), "{step:#?}");
        }
    }
}
