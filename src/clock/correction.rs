//! How far AWS's clock is from the machine's, as far as dated responses show it.

use std::time::Duration;

/// The `Date` of a response has whole seconds: the time was up to so much later.
const RESOLUTION: Duration = Duration::from_secs(1);

/// What AWS can have meant by the time: 2020 to 2099, in seconds since the Unix epoch.
const PLAUSIBLE: std::ops::Range<u64> = 1_577_836_800..4_102_444_800;

/// What has to be added to the machine's time to get AWS's.
///
/// AWS's time lay in [`Date`, `Date` + 1 s) at some moment between the sending of a request and the receipt of its
/// response. So each response gives a range that the correction lies in, and several give the part that is common to
/// all. Of that the smallest correction is taken, which is none for a machine whose clock is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Correction {
    known: Range,
    /// The range of the last response, if it contradicts `known`.
    doubt: Option<Range>,
}

/// From the least to the most, in nanoseconds; negative where the machine is ahead of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    least: i128,
    most: i128,
}

impl Range {
    const ALL: Self = Self { least: i128::MIN, most: i128::MAX };

    /// What is common to both; nothing if they contradict each other.
    fn and(self, other: Self) -> Option<Self> {
        let (least, most) = (self.least.max(other.least), self.most.min(other.most));
        (least <= most).then_some(Self { least, most })
    }
}

impl Default for Correction {
    fn default() -> Self {
        Self { known: Range::ALL, doubt: None }
    }
}

impl Correction {
    /// Takes in a response dated `date` to a request that was sent and received at these times of the machine's clock.
    ///
    /// A response that contradicts the others counts when the next one bears it out: one host of AWS whose clock is
    /// wrong must not time a rollout out.
    pub(super) fn learn(&mut self, sent: Duration, received: Duration, date: Duration) {
        if !PLAUSIBLE.contains(&date.as_secs()) {
            return;
        }
        let shown =
            Range { least: nanos(date) - nanos(received), most: nanos(date + RESOLUTION) - nanos(sent) };
        if let Some(both) = self.known.and(shown) {
            *self = Self { known: both, doubt: None };
        } else if let Some(both) = self.doubt.and_then(|doubt| doubt.and(shown)) {
            *self = Self { known: both, doubt: None };
        } else {
            self.doubt = Some(shown);
        }
    }

    /// AWS's time, from the machine's.
    pub(super) fn apply(self, local: Duration) -> Duration {
        let smallest = 0_i128.clamp(self.known.least, self.known.most);
        let by = Duration::from_nanos(u64::try_from(smallest.unsigned_abs()).unwrap_or(u64::MAX));
        if smallest < 0 { local.saturating_sub(by) } else { local.saturating_add(by) }
    }
}

fn nanos(time: Duration) -> i128 {
    i128::try_from(time.as_nanos()).unwrap_or(i128::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When the tests take place, in milliseconds.
    const NOW: u64 = 1_800_000_000_000;

    /// What the correction comes to, in milliseconds, after responses that were sent, received and dated so, in
    /// milliseconds from [`NOW`].
    fn learnt(responses: &[(i64, i64, i64)]) -> i64 {
        let at = |from_now: i64| Duration::from_millis(NOW.checked_add_signed(from_now).unwrap());
        let mut correction = Correction::default();
        for (sent, received, date) in responses {
            correction.learn(at(*sent), at(*received), at(*date));
        }
        let corrected = i64::try_from(correction.apply(at(0)).as_millis()).unwrap();
        corrected - i64::try_from(NOW).unwrap()
    }

    #[test]
    fn a_clock_that_is_right_is_never_moved() {
        for (sent, took) in [(0, 0), (0, 5), (999, 0), (999, 30), (500, 20_000)] {
            // AWS dates its response at the beginning, in the middle or at the end.
            for when in [0, took / 2, took] {
                let date = (sent + when) / 1000 * 1000;
                assert_eq!(learnt(&[(sent, sent + took, date)]), 0, "{sent} {took} {when}");
            }
        }
    }

    #[test]
    fn a_clock_that_is_wrong_is_corrected_to_within_a_second_and_better_with_every_response() {
        // Ten minutes ahead, and ten behind: sent on the second and half a second later.
        assert_eq!(learnt(&[(0, 100, -600_000)]), -599_000);
        assert_eq!(learnt(&[(0, 100, -600_000), (500, 600, -600_000)]), -599_500);
        assert_eq!(learnt(&[(0, 100, 600_000)]), 599_900);
        assert_eq!(learnt(&[(900, 900, 600_000), (1000, 1000, 601_000)]), 600_000);
    }

    #[test]
    fn one_response_that_contradicts_the_others_changes_nothing_and_two_do() {
        let good = (0, 0, 0);
        let wrong = (1000, 1000, 1_201_000);
        assert_eq!(learnt(&[good, wrong]), 0);
        assert_eq!(learnt(&[good, wrong, (2000, 2000, 2000), wrong]), 0);
        assert_eq!(learnt(&[good, wrong, (2000, 2000, 1_202_000)]), 1_200_000);
        // The first response that ever came was wrong.
        assert_eq!(learnt(&[wrong, good, (2000, 2000, 2000)]), 0);
    }

    #[test]
    fn a_date_that_cannot_be_is_ignored() {
        let at = Duration::from_millis(NOW);
        for date in [0, 1_577_836_799, 4_102_444_800, u64::MAX] {
            let mut correction = Correction::default();
            correction.learn(at, at, Duration::from_secs(date));
            assert_eq!(correction.apply(at), at, "{date}");
        }
    }
}
