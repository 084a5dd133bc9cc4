//! Which schedules there are: every fault at every call of a story, and mixtures that are drawn by seed.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Mutex;
use std::time::Duration;

use evenkeel::clock::Timestamp;
use evenkeel_sandbox::FaultKind;

use crate::line::Reach;

use super::play;
use super::story::{STORIES, Story};

/// One play of a story, and all that happens to it.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    pub(super) seed: u64,
    pub(super) scene: Scene,
    /// How far the clocks of the first worker, the third and so on are off; those of the others are off the other way.
    pub(super) skew: Skew,
    /// A job that nobody acknowledged is offered at every poll.
    pub(super) offered_at_once: bool,
    /// The worker whose call hangs dies; else it goes on when its time-outs end the call.
    pub(super) dies: bool,
    /// There are two workers at any time, else one.
    pub(super) has_two_workers: bool,
    /// The workers are being updated: each but the first is of the made-up next version.
    pub(super) is_rolling: bool,
    /// The first worker's line is cut from before this call, for longer than a lease.
    pub(super) is_cut_before: Option<(Nth, Reach)>,
    /// CodePipeline refuses answers that are as long as ours.
    pub(super) refuses_long_answers: bool,
    /// The first worker gets SIGTERM right before this call.
    pub(super) stops_before: Option<Nth>,
    pub(super) faults: Vec<(Nth, FaultKind)>,
}

/// What the calls of a schedule depend on before anything disturbs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Scene {
    /// The story's place among [`STORIES`].
    pub(super) story: usize,
    pub(super) rival: Rival,
    /// Workers take one job at a time, and one of another action is there as well.
    pub(super) is_full: bool,
}

/// When another actor deploys a revision of its own to the first service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Rival {
    None,
    /// Before the job is there.
    Before,
    /// Right before our update, so that we read what ran before.
    Between,
    /// Right after our update.
    After,
}

/// How far a clock is off: by ten minutes, or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Skew {
    None,
    Behind,
    Ahead,
}

impl Skew {
    pub(super) fn opposite(self) -> Self {
        match self {
            Self::None => Self::None,
            Self::Behind => Self::Ahead,
            Self::Ahead => Self::Behind,
        }
    }

    /// What such a clock shows at this time.
    pub(super) fn of(self, time: Timestamp) -> Timestamp {
        let ten_minutes = Duration::from_secs(600);
        match self {
            Self::None => time,
            Self::Behind => Timestamp::from_unix(time.since_epoch().saturating_sub(ten_minutes)),
            Self::Ahead => time.plus(ten_minutes),
        }
    }
}

/// The nth call of an operation, counted from 1.
pub(super) type Nth = (String, usize);

/// A fault for every call; the worker dies where one hangs, unless a schedule says otherwise.
const FAULTS: [FaultKind; 6] = [
    FaultKind::HangBefore,
    FaultKind::HangAfter,
    FaultKind::CutAfter,
    FaultKind::ErrorBefore,
    FaultKind::Throttled,
    FaultKind::ExpiredToken,
];

const RIVALS: [Rival; 4] = [Rival::None, Rival::Before, Rival::Between, Rival::After];

impl Scene {
    fn plain(story: usize) -> Self {
        Self { story, rival: Rival::None, is_full: false }
    }

    pub(super) fn story(&self) -> &'static Story {
        &STORIES[self.story]
    }
}

impl Schedule {
    /// A schedule in which nothing is disturbed.
    pub(super) fn undisturbed(scene: Scene) -> Self {
        Self {
            seed: 1,
            scene,
            skew: Skew::None,
            offered_at_once: false,
            dies: true,
            has_two_workers: false,
            is_rolling: false,
            is_cut_before: None,
            refuses_long_answers: false,
            stops_before: None,
            faults: Vec::new(),
        }
    }

    /// The pairs of values of two dimensions that it has.
    pub(super) fn pairs(&self) -> Vec<(String, String)> {
        let Scene { story, rival, is_full } = self.scene;
        let fault = self.faults.first().map_or("none".to_owned(), |(_, kind)| format!("{kind:?}"));
        let values = [
            format!("story {}", STORIES[story].name),
            format!("rival {rival:?}"),
            format!("full {is_full}"),
            format!("skew {:?}", self.skew),
            format!("offered at once {}", self.offered_at_once),
            format!("dies {}", self.dies),
            format!("two workers {}", self.has_two_workers),
            format!("rolling update {}", self.is_rolling),
            format!("cut {:?}", self.is_cut_before.as_ref().map(|(_, reach)| reach)),
            format!("refuses long answers {}", self.refuses_long_answers),
            format!("stops {}", self.stops_before.is_some()),
            format!("fault {fault}"),
        ];
        let pairs = values
            .iter()
            .enumerate()
            .flat_map(|(at, one)| values[at + 1..].iter().map(move |other| (one.clone(), other.clone())));
        pairs.collect()
    }
}

/// Draws schedules.
pub(super) struct Draws {
    /// The places of the stories that are drawn from.
    stories: Range<usize>,
    /// Each fault at each call of each story, with nothing else that disturbs it.
    single: Vec<Schedule>,
    /// The calls of each scene.
    calls: Mutex<HashMap<Scene, Vec<Nth>>>,
}

impl Draws {
    pub(super) fn of(stories: Range<usize>) -> Self {
        let mut draws = Self { stories: stories.clone(), single: Vec::new(), calls: Mutex::default() };
        for story in stories {
            for call in draws.calls_of(Scene::plain(story)) {
                let single = FAULTS.iter().map(|kind| Schedule {
                    faults: vec![(call.clone(), kind.clone())],
                    ..Schedule::undisturbed(Scene::plain(story))
                });
                draws.single.extend(single);
            }
        }
        fastrand::Rng::with_seed(1).shuffle(&mut draws.single);
        draws
    }

    /// The schedule of this number; nothing where the story has no call to disturb.
    pub(super) fn schedule(&self, number: u64) -> Option<Schedule> {
        // Two of three are of a single fault, as long as there are any.
        let (third, rest) = (number / 3, number % 3);
        let single = usize::try_from(2 * third + rest).ok().filter(|_| rest < 2);
        match single.and_then(|at| self.single.get(at)) {
            Some(single) => Some(single.clone()),
            None => self.mixture(number),
        }
    }

    fn mixture(&self, seed: u64) -> Option<Schedule> {
        let mut random = fastrand::Rng::with_seed(seed);
        let scene = Scene {
            story: random.usize(self.stories.clone()),
            rival: *random.choice(&RIVALS)?,
            is_full: random.bool(),
        };
        let calls = self.calls_of(scene);
        // Two kinds: credentials that are expired twice in a row fail the job, as they should.
        let count = random.usize(0..=2);
        let kinds = random.choose_multiple(&FAULTS, count);
        let faults = kinds.into_iter().map(|kind| Some((random.choice(&calls)?.clone(), kind.clone())));
        let faults = faults.collect::<Option<Vec<_>>>()?;
        let stops_before = if random.bool() { random.choice(&calls).cloned() } else { None };
        let reach = *random.choice(&[None, Some(Reach::Claims), Some(Reach::Everything)])?;
        let is_cut_before = reach.and_then(|reach| Some((random.choice(&calls)?.clone(), reach)));
        Some(Schedule {
            seed,
            scene,
            skew: *random.choice(&[Skew::None, Skew::Behind, Skew::Ahead])?,
            offered_at_once: random.bool(),
            dies: random.bool(),
            has_two_workers: random.bool(),
            is_rolling: random.bool(),
            is_cut_before,
            refuses_long_answers: random.bool(),
            stops_before,
            faults,
        })
    }

    fn calls_of(&self, scene: Scene) -> Vec<Nth> {
        if let Some(calls) = self.calls.lock().unwrap().get(&scene) {
            return calls.clone();
        }
        let mut times: HashMap<String, usize> = HashMap::new();
        let operations = play::operations(&Schedule::undisturbed(scene));
        let calls = operations.into_iter().map(|operation| {
            let nth = times.entry(operation.clone()).or_default();
            *nth += 1;
            (operation, *nth)
        });
        let calls: Vec<Nth> = calls.collect();
        self.calls.lock().unwrap().insert(scene, calls.clone());
        calls
    }
}
