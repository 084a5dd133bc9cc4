//! Medians, percentiles and the table.

use fastrand::Rng;

/// How late verdicts were, in seconds.
#[derive(Debug, Default, Clone)]
pub(crate) struct Lateness(Vec<f64>);

impl Lateness {
    pub(crate) fn add(&mut self, late: f64) {
        let at = self.0.partition_point(|other| *other <= late);
        self.0.insert(at, late);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn all(&self) -> &[f64] {
        &self.0
    }

    /// The median, the ninetieth percentile and the latest.
    pub(crate) fn percentiles(&self) -> [f64; 3] {
        let at = |percent: usize| {
            let place = (self.0.len() * percent).div_ceil(100).max(1) - 1;
            self.0.get(place).copied().unwrap_or_default()
        };
        [at(50), at(90), at(100)]
    }
}

/// The figures of a family: Evenkeel's, and those of pollers with a fixed period.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) ours: Lateness,
    pub(crate) pollers: [Lateness; PERIODS.len()],
    /// The most calls that watched in any minute.
    pub(crate) watching: usize,
    /// The most other calls for a service in any minute.
    pub(crate) others: usize,
}

/// The periods of the pollers, in seconds.
pub(crate) const PERIODS: [f64; 2] = [1.0, 15.0];

impl Row {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, ours: Lateness::default(), pollers: Default::default(), watching: 0, others: 0 }
    }

    /// Adds a verdict of ours, and those of pollers on the same rollout, which look at any moment of their period.
    pub(crate) fn add(&mut self, late: f64, random: &mut Rng) {
        self.ours.add(late);
        for (poller, period) in self.pollers.iter_mut().zip(PERIODS) {
            poller.add(period * random.f64());
        }
    }
}

/// The figures of all families.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut lines = vec![
        format!(
            "{:<20}{:>9}   {:^22}   {:^16}   {:^20}   {:^20}",
            "", "", "late: Evenkeel", "calls a minute", "a look every second", "every 15 seconds"
        ),
        format!(
            "{:<20}{:>9}   {:>6}{:>8}{:>8}   {:>8}{:>8}   {:>6}{:>7}{:>7}   {:>6}{:>7}{:>7}",
            "rollouts",
            "verdicts",
            "median",
            "90 %",
            "most",
            "watching",
            "others",
            "median",
            "90 %",
            "most",
            "median",
            "90 %",
            "most"
        ),
    ];
    for row in rows {
        let [median, most_of_ten, worst] = row.ours.percentiles();
        let pollers = row.pollers.iter().map(|poller| {
            let [median, most_of_ten, worst] = poller.percentiles();
            format!("   {median:>6.1}{most_of_ten:>7.1}{worst:>7.1}")
        });
        lines.push(format!(
            "{:<20}{:>9}   {median:>6.1}{most_of_ten:>8.1}{worst:>8.1}   {:>8}{:>8}{}",
            row.name,
            row.ours.count(),
            row.watching,
            row.others,
            pollers.collect::<String>()
        ));
    }
    lines.join("\n")
}
