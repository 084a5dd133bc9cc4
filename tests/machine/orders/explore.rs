//! Which orders are played: every one, every one with few switches, or some by seed.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use evenkeel_sandbox::Sandbox;

use super::answers::Answers;
use super::gate::Thing;
use super::play::{Play, Rivals, Step};

/// An order that was played to its end.
pub(super) struct Played {
    pub(super) play: Play,
    pub(super) order: Vec<Step>,
}

/// How many orders there are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Orders {
    /// Orders that were played to their end and judged, no two of them alike.
    pub(super) ends: usize,
    /// The states in between, all ways out of which were tried.
    pub(super) states: usize,
    /// Orders that were begun; one that comes to a state that is known is left.
    pub(super) plays: usize,
}

impl fmt::Display for Orders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} orders to the end, {} states, {} plays", self.ends, self.states, self.plays)
    }
}

/// A point of an order, the steps that can be taken there, and those that need not be tried: orders that begin with
/// them were played, or are the same as ones that were.
struct Point {
    steps: Vec<Step>,
    asleep: Vec<Step>,
    taken: Step,
    there: There,
}

/// What it takes to come back to a point.
struct There {
    aws: Sandbox,
    state: u64,
}

impl There {
    /// The same point again, which `steps` lead to.
    async fn again(
        &self,
        rivals: &Rivals,
        steps: impl ExactSizeIterator<Item = Step>,
        answers: Vec<Answers>,
    ) -> Play {
        let play = Play::again(rivals, steps, &self.aws, answers).await;
        assert_eq!(play.state(), self.state, "the beginning of an order was not played again as it was");
        play
    }
}

/// Plays every order of the calls: of orders that differ only in steps that commute one (sleep sets, Godefroid 1996), and
/// of orders that lead to the same state what follows once.
pub(super) async fn every_order(rivals: &Rivals, mut judge: impl AsyncFnMut(Played)) -> Orders {
    let mut path: Vec<Point> = Vec::new();
    let mut orders = Orders::default();
    let mut visited: HashMap<u64, Vec<Vec<Step>>> = HashMap::new();
    let mut answers = Vec::new();
    loop {
        let play = match path.split_last() {
            Some((last, before)) => {
                let play = last.there.again(rivals, before.iter().map(|it| it.taken), answers).await;
                play.take(last.taken).await;
                play
            }
            None => Play::begin(rivals).await,
        };
        orders.plays += 1;
        let is_whole = loop {
            let steps = enough(play.steps());
            if steps.is_empty() {
                break true;
            }
            let asleep: Vec<Step> = match path.last() {
                Some(before) => {
                    let still = before.asleep.iter().filter(|step| step.commutes(before.taken));
                    still.copied().collect()
                }
                None => Vec::new(),
            };
            let there = There { aws: play.aws(), state: play.state() };
            let before = visited.entry(there.state).or_default();
            if before.iter().any(|before| before.iter().all(|step| asleep.contains(step))) {
                break false;
            }
            orders.states += usize::from(before.is_empty());
            before.push(asleep.clone());
            let next = steps.iter().find(|step| !asleep.iter().any(|other| other.is(**step)));
            let Some(taken) = next.copied() else { break false };
            path.push(Point { steps, asleep, taken, there });
            play.take(taken).await;
        };
        answers = play.take_answers();
        if is_whole {
            orders.ends += 1;
            judge(Played { play, order: path.iter().map(|point| point.taken).collect() }).await;
        }
        // Back to the last point at which something else can be tried.
        loop {
            let Some(mut point) = path.pop() else { return orders };
            point.asleep.push(point.taken);
            let next = point.steps.iter().find(|step| !point.asleep.iter().any(|other| other.is(**step)));
            if let Some(next) = next.copied() {
                point.taken = next;
                path.push(point);
                break;
            }
        }
    }
}

/// The steps that are enough to try here. Where each run waits to read or write the same record, and all else that waits
/// commutes with that, every order has one of these steps before any other that touches the record: it could as well be
/// the first (a persistent set, Godefroid 1996).
fn enough(steps: Vec<Step>) -> Vec<Step> {
    for thing in [Thing::Parameter, Thing::Object] {
        let (these, others): (Vec<Step>, Vec<Step>) =
            steps.iter().partition(|step| step.access.thing == thing);
        let waits = |run| these.iter().any(|step| step.run == run);
        let commute = |other: &Step| these.iter().all(|step| step.commutes(*other));
        if steps.iter().all(|step| waits(step.run)) && others.iter().all(commute) {
            return these;
        }
    }
    steps
}

/// Plays every order with at most `switches` switches away from a run that could go on. What follows from one state is
/// played once.
pub(super) async fn every_order_with(
    rivals: &Rivals,
    switches: usize,
    mut judge: impl AsyncFnMut(Played),
) -> Orders {
    let mut path: Vec<Branch> = Vec::new();
    let mut orders = Orders::default();
    let mut seen: HashMap<(u64, Option<usize>, Vec<Step>), Option<usize>> = HashMap::new();
    let mut answers = Vec::new();
    loop {
        let play = match path.split_last() {
            Some((last, before)) => {
                let play = last.there.again(rivals, before.iter().map(Branch::taken), answers).await;
                play.take(last.taken()).await;
                play
            }
            None => Play::begin(rivals).await,
        };
        orders.plays += 1;
        let is_whole = loop {
            let steps = play.steps();
            if steps.is_empty() {
                break true;
            }
            // Away from a run that has ended everybody goes without a switch.
            let can_go_on = |run: &usize| steps.iter().any(|step| step.run == *run);
            let last = path.last().map(|branch| branch.taken().run).filter(can_go_on);
            let left = path.last().map_or(switches, |branch| branch.left);
            let there = There { aws: play.aws(), state: play.state() };
            // Of two steps of one run that commute, the order is not tried twice.
            let asleep = path.last().map(Branch::asleep).unwrap_or_default();
            let most = seen.entry((there.state, last, asleep.clone())).or_insert(None);
            // More switches left allow all that fewer do.
            if most.is_some_and(|most| most >= left) {
                break false;
            }
            orders.states += usize::from(most.is_none());
            *most = Some(left);
            // Of orders that differ only in which of the rivals that are alike is which, one is played.
            let has_begun = |run| path.iter().any(|branch| branch.taken().run == run);
            let is_in_turn = |run| {
                has_begun(run) || (0..run).all(|other| has_begun(other) || !rivals.are_alike(other, run))
            };
            let awake = steps.iter().filter(|step| is_in_turn(step.run) && !asleep.contains(step));
            let choices = awake.filter_map(|step| {
                let switches = last.is_some_and(|last| step.run != last);
                (!switches || left > 0).then(|| (*step, left - usize::from(switches)))
            });
            let mut choices: Vec<(Step, usize)> = choices.collect();
            choices.sort_by_key(|(step, _)| Some(step.run) != last);
            let Some((taken, _)) = choices.first().copied() else { break false };
            let branch = Branch::new(choices, there);
            path.push(branch);
            play.take(taken).await;
        };
        answers = play.take_answers();
        if is_whole {
            orders.ends += 1;
            judge(Played { play, order: path.iter().map(Branch::taken).collect() }).await;
        }
        loop {
            let Some(branch) = path.pop() else { return orders };
            if let Some(branch) = branch.next() {
                path.push(branch);
                break;
            }
        }
    }
}

/// A point and the choices there that are left, each with the switches that are left after it.
struct Branch {
    choices: Vec<(Step, usize)>,
    tried: Vec<Step>,
    left: usize,
    there: There,
}

impl Branch {
    fn new(choices: Vec<(Step, usize)>, there: There) -> Self {
        let left = choices[0].1;
        Self { choices, tried: Vec::new(), left, there }
    }

    fn taken(&self) -> Step {
        self.choices[0].0
    }

    /// The steps that need not come right after the one that is taken: they were tried before it, and commute with it.
    fn asleep(&self) -> Vec<Step> {
        let taken = self.taken();
        let asleep = self.tried.iter().filter(|step| step.run == taken.run && step.commutes(taken));
        asleep.copied().collect()
    }

    fn next(mut self) -> Option<Self> {
        self.tried.push(self.choices.remove(0).0);
        let (_, left) = *self.choices.first()?;
        Some(Self { left, ..self })
    }
}

/// Plays orders that are drawn by seed until `wanted` of them are distinct; how many were drawn.
pub(super) async fn orders_by_seed(
    rivals: &Rivals,
    seed: u64,
    wanted: usize,
    mut judge: impl AsyncFnMut(Played),
) -> usize {
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut drawn, mut seen) = (0, HashSet::new());
    while seen.len() < wanted {
        let play = Play::begin(rivals).await;
        let mut order: Vec<Step> = Vec::new();
        // Some runs are quick for a while and some are slow, or every order would be an even mixture.
        let mut weights: Vec<u32> = rivals.images.iter().map(|_| random.u32(1..20)).collect();
        loop {
            let steps = play.steps();
            if steps.is_empty() {
                break;
            }
            if random.u8(..) < 20 {
                weights = weights.iter().map(|_| random.u32(1..20)).collect();
            }
            let all: u32 = steps.iter().map(|step| weights[step.run]).sum();
            let mut at = random.u32(..all);
            let step = steps.iter().find(|step| match at.checked_sub(weights[step.run]) {
                Some(rest) => {
                    at = rest;
                    false
                }
                None => true,
            });
            order.push(*step.unwrap());
            play.take(*step.unwrap()).await;
        }
        drawn += 1;
        if seen.insert(shape(&order)) {
            judge(Played { play, order }).await;
        }
    }
    drawn
}

/// Plays the order that begins with these words ([`words`]). Then the run that was last goes on to its end, and then
/// each of the others does.
pub(super) async fn one_order(rivals: &Rivals, beginning: &str) -> Played {
    let play = Play::begin(rivals).await;
    let mut order: Vec<Step> = Vec::new();
    for word in beginning.split_whitespace() {
        let step = play.steps().into_iter().find(|step| words(&[*step]) == word);
        let step = step.unwrap_or_else(|| panic!("{word} cannot follow {:?}", words(&order)));
        play.take(step).await;
        order.push(step);
    }
    loop {
        let steps = play.steps();
        let of_last = steps.iter().find(|step| order.last().is_some_and(|last| last.run == step.run));
        let Some(step) = of_last.or(steps.first()).copied() else { return Played { play, order } };
        play.take(step).await;
        order.push(step);
    }
}

/// Draws an order, and at one of its points plays each two steps that commute in both orders: they must lead to one state.
/// What they are, `0p 1o`.
pub(super) async fn commuting_pairs(rivals: &Rivals, random: &mut fastrand::Rng) -> Vec<String> {
    let mut order: Vec<Step> = Vec::new();
    let play = Play::begin(rivals).await;
    for _ in 0..random.usize(0..40) {
        let Some(step) = random.choice(play.steps()) else { break };
        order.push(step);
        play.take(step).await;
    }
    let steps = play.steps();
    let mut pairs = Vec::new();
    for (at, one) in steps.iter().enumerate() {
        for two in steps[..at].iter().filter(|two| two.commutes(*one)) {
            let there = state_after(rivals, &order, [*one, *two]).await;
            let back = state_after(rivals, &order, [*two, *one]).await;
            assert_eq!(there, back, "{} then {}", words(&order), words(&[*one, *two]));
            pairs.push(words(&[*two, *one]));
        }
    }
    pairs
}

async fn state_after(rivals: &Rivals, order: &[Step], last: [Step; 2]) -> (u64, Vec<Step>) {
    let play = Play::begin(rivals).await;
    for step in order.iter().chain(&last) {
        play.take(*step).await;
    }
    (play.state(), play.steps())
}

/// The same for two orders that differ only in the order of steps that commute: of each step it has what the run did
/// before, and what had happened to the thing.
pub(super) fn shape(order: &[Step]) -> u64 {
    let mut pasts: Vec<u64> = Vec::new();
    for (at, step) in order.iter().enumerate() {
        let mut before: Vec<u64> = (0..at)
            .filter(|earlier| !order[*earlier].commutes(*step))
            .map(|earlier| pasts[earlier])
            .collect();
        before.sort_unstable();
        pasts.push(hash(&(step, before)));
    }
    pasts.sort_unstable();
    hash(&pasts)
}

fn hash(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

/// An order in few words, `0s 0P 1S`: a run and what it reads (a small letter) or writes.
pub(super) fn words(order: &[Step]) -> String {
    let word = |step: &Step| {
        let letter = match step.access.thing {
            Thing::Service => 's',
            Thing::Parameter => 'p',
            Thing::Object => 'o',
            Thing::Time => return format!("{}t", step.run),
        };
        let letter = if step.access.writes { letter.to_ascii_uppercase() } else { letter };
        format!("{}{letter}", step.run)
    };
    order.iter().map(word).collect::<Vec<_>>().join(" ")
}
