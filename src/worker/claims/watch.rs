//! Which claims stand still, by the monotonic clock of the worker that looks at them.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel_core::job::JobId;
use evenkeel_core::ports::Version;

use crate::clock::Moment;

/// What was seen of the claims.
#[derive(Debug, Default)]
pub(in crate::worker) struct Watch {
    seen: BTreeMap<JobId, LastSeen>,
}

#[derive(Debug)]
struct LastSeen {
    version: Version,
    /// When this version was seen first.
    since: Moment,
    /// Its owner has written it since we first saw it.
    is_alive: bool,
    /// This version of the claim was read, and not understood.
    is_foreign: bool,
}

impl Watch {
    /// Takes in all the claims there are.
    pub(in crate::worker) fn see(&mut self, listed: Vec<(JobId, Version)>, now: Moment) {
        let mut before = std::mem::take(&mut self.seen);
        for (job, version) in listed {
            let last_seen = match before.remove(&job) {
                Some(last_seen) if last_seen.version == version => last_seen,
                other => LastSeen { version, since: now, is_alive: other.is_some(), is_foreign: false },
            };
            self.seen.insert(job, last_seen);
        }
    }

    /// Notes that this version of a job's claim is not understood.
    pub(in crate::worker) fn not_understood(&mut self, job: &JobId, version: &Version) {
        if let Some(last_seen) = self.seen.get_mut(job).filter(|last_seen| last_seen.version == *version) {
            last_seen.is_foreign = true;
        }
    }

    /// Whether the job's claim is known not to be understood.
    pub(in crate::worker) fn is_foreign(&self, job: &JobId) -> bool {
        self.seen.get(job).is_some_and(|last_seen| last_seen.is_foreign)
    }

    /// The claims that have stood still for `time`, or for `foreign` if they are known not to be understood.
    pub(in crate::worker) fn stalled(
        &self,
        time: Duration,
        foreign: Duration,
        now: Moment,
    ) -> Vec<(JobId, Version)> {
        let needed = |last_seen: &LastSeen| if last_seen.is_foreign { foreign } else { time };
        let stalled =
            self.seen.iter().filter(|(_, last_seen)| now.since(last_seen.since) >= needed(last_seen));
        stalled.map(|(job, last_seen)| (job.clone(), last_seen.version.clone())).collect()
    }

    /// The version of a job's claim that has stood still for `time`.
    pub(in crate::worker) fn stalled_version(
        &self,
        job: &JobId,
        time: Duration,
        now: Moment,
    ) -> Option<Version> {
        let last_seen = self.seen.get(job).filter(|last_seen| now.since(last_seen.since) >= time)?;
        Some(last_seen.version.clone())
    }

    /// Whether there are claims, other than on the jobs that `ours` tells, of which it is not known
    /// that their owners live.
    pub(in crate::worker) fn has_doubts(&self, ours: impl Fn(&JobId) -> bool) -> bool {
        self.seen.iter().any(|(job, last_seen)| !last_seen.is_alive && !ours(job))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(60);
    const FOREIGN: Duration = Duration::from_secs(1_000);

    /// Gives the moment so many seconds from now on.
    fn moments() -> impl Fn(u64) -> Moment {
        let began = Moment::now();
        move |seconds| began.plus(Duration::from_secs(seconds))
    }

    fn claims(all: &[(&str, &str)]) -> Vec<(JobId, Version)> {
        all.iter().map(|(job, version)| (JobId::new(*job), Version((*version).to_owned()))).collect()
    }

    #[test]
    fn a_claim_stands_still_when_one_version_was_seen_for_a_whole_lease() {
        let (mut watch, at) = (Watch::default(), moments());
        watch.see(claims(&[("a", "1"), ("b", "1")]), at(0));
        assert_eq!(watch.stalled(LEASE, FOREIGN, at(59)), []);
        watch.see(claims(&[("a", "1"), ("b", "2")]), at(59));
        assert_eq!(watch.stalled(LEASE, FOREIGN, at(60)), claims(&[("a", "1")]));
        assert_eq!(watch.stalled_version(&JobId::new("a"), LEASE, at(60)), Some(Version("1".to_owned())));
        assert_eq!(watch.stalled_version(&JobId::new("b"), LEASE, at(60)), None);

        // It is gone, and another one of that job begins anew.
        watch.see(claims(&[("b", "2")]), at(61));
        watch.see(claims(&[("a", "1"), ("b", "2")]), at(62));
        assert_eq!(watch.stalled(LEASE, FOREIGN, at(120)), claims(&[("b", "2")]));
    }

    #[test]
    fn a_claim_that_is_not_understood_is_tried_again_much_later_or_when_it_was_written() {
        let (mut watch, at) = (Watch::default(), moments());
        watch.see(claims(&[("a", "1"), ("b", "1")]), at(0));
        watch.not_understood(&JobId::new("a"), &Version("1".to_owned()));
        watch.not_understood(&JobId::new("b"), &Version("0".to_owned()));
        assert_eq!(watch.stalled(LEASE, FOREIGN, at(999)), claims(&[("b", "1")]));
        assert_eq!(watch.stalled(LEASE, FOREIGN, at(1_000)), claims(&[("a", "1"), ("b", "1")]));
        watch.see(claims(&[("a", "2")]), at(1_000));
        assert_eq!(watch.stalled(LEASE, FOREIGN, at(1_060)), claims(&[("a", "2")]));
    }

    #[test]
    fn there_are_doubts_until_an_owner_has_written_or_the_claim_is_ours() {
        let (mut watch, at) = (Watch::default(), moments());
        assert!(!watch.has_doubts(|_| false));
        watch.see(claims(&[("a", "1"), ("b", "1")]), at(0));
        assert!(watch.has_doubts(|_| false));
        watch.see(claims(&[("a", "2"), ("b", "1")]), at(10));
        assert!(watch.has_doubts(|_| false) && !watch.has_doubts(|job| job.as_str() == "b"));
    }
}
