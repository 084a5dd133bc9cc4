//! Each story beside somebody else's deployment: `watch` follows it to the same ending and changes nothing.

use evenkeel_core::deployment::Outcome;

use super::{Story, table, told};
use crate::watching::{changes, somebody_deploys};
use crate::world::{SERVICE, ended, ending, message, request, say};

impl Story {
    /// The ending for somebody who watches: nothing is done about a rollout that failed or took too long.
    fn watched_ending(&self) -> (Outcome, &'static str) {
        match self.ends {
            (Outcome::RolledBack, _) if self.is_rolled_back_by_evenkeel => (Outcome::Failed, "web:2"),
            (Outcome::TimedOut, _) => (Outcome::TimedOut, "web:2"),
            (_, live) if self.is_over_at_once => (Outcome::Unchanged, live),
            ends => ends,
        }
    }

    /// The words that are said to somebody who watches, too.
    fn watched_words(&self) -> Vec<&'static str> {
        let words = self.says.iter().filter_map(|words| words.split("; the service is back").next());
        let ours = ["the service is back", "back on", "left as it is", "the service was left"];
        words.filter(|words| !ours.iter().any(|ours| words.starts_with(ours))).collect()
    }

    async fn watch(self) -> Result<(), String> {
        let account = self.account();
        somebody_deploys(&account.sandbox);
        // What is read is old: a watch that begins before shows nothing under way.
        account.clock.sleep(self.lag).await;
        let mut asked = request(&[]);
        (self.asks)(&mut asked);
        let report = account.watch(&asked).await;

        let (expected, live) = self.watched_ending();
        let mut wrong = Vec::new();
        let (is, is_live) = (ending(&report), account.live(SERVICE));
        if is != ended(expected, live, told(expected).0) {
            wrong.push(format!("it ended as {is:?}"));
        }
        if is_live != live {
            wrong.push(format!("{is_live} is live"));
        }
        let message = message(&report);
        let missing = self.watched_words().into_iter().filter(|words| !message.contains(words));
        wrong.extend(missing.map(|words| format!("it does not say {words:?}")));
        let is_failing = expected == Outcome::TimedOut
            || expected == Outcome::Failed && !self.configuration.to_string().contains(r#""enable":true"#);
        if is_failing && !message.contains("ECS goes on with it") {
            wrong.push("it does not say that ECS goes on".to_owned());
        }
        let warned = |words: &&str| report.warnings.iter().any(|warning| warning.contains(words));
        let missing = self.warns.iter().filter(|words| !warned(words));
        wrong.extend(missing.map(|words| format!("it does not warn of {words:?}: {:?}", report.warnings)));
        wrong.extend(changes(&account).into_iter().map(|operation| format!("it called {operation}")));
        let name = self.name;
        if wrong.is_empty() { Ok(()) } else { Err(format!("{name}: {}: {message}", wrong.join("; "))) }
    }
}

#[tokio::test(start_paused = true)]
async fn every_story_of_somebody_elses_deployment_has_its_ending() {
    let (mut count, mut wrong) = (0, Vec::new());
    for story in table::stories().into_iter().filter(|story| !story.is_deploy_only) {
        fastrand::seed(count);
        wrong.extend(story.watch().await.err());
        count += 1;
    }
    say(&format!("{count} stories watched"));
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(count >= 70);
}
