//! Questions of many callers, asked in few calls.
//!
//! # Flow
//! ask → wait for companions → as many calls as it takes, each when the limit lets it → answer.
//!
//! # Guarantees
//! * A question is answered by a call that began after it was asked: nobody is told what was before.
//! * Who asks something that ECS refuses spoils nobody else's answer.
//! * Who no longer waits is not asked for. With its owner all that it does ends.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use evenkeel_core::failure::{Failure, FailureKind};
use tokio::sync::oneshot;

use crate::clock::{Moment, sleep};

use super::tasks::TaskSet;
use super::turns::{Precedence, Purpose};

/// How long the first one to ask after a quiet time waits for companions.
const FIRST_WINDOW: Duration = Duration::from_millis(20);

/// How long questions are gathered while others were asked just before. The jobs poll at the same moments, so that few come
/// alone; those come that confirm what was just seen.
const WINDOW: Duration = Duration::from_millis(100);

/// A call that answers several questions at once.
pub(super) trait Lookup: Send + Sync + 'static {
    /// Where is looked: questions about different places go into different calls.
    type Scope: Clone + Ord + Send + Sync + 'static;
    /// What is found.
    type Item: Clone + Send + 'static;
    /// How many questions go into a call.
    const BATCH: usize;

    /// Waits until one more call may be made, about what has this precedence by then.
    fn allowed(
        &self,
        precedence: impl Fn() -> Option<Precedence> + Send + 'static,
    ) -> impl Future<Output = ()> + Send;

    /// Makes a call about up to [`BATCH`](Self::BATCH) names, no two the same.
    fn fetch(
        &self,
        place: &Self::Scope,
        names: &[String],
    ) -> impl Future<Output = Result<Vec<Self::Item>, Failure>> + Send;

    /// Whether `found` answers the question about `name`.
    fn answers(found: &Self::Item, name: &str) -> bool;
}

/// Gathers questions.
pub(super) struct Gather<L: Lookup> {
    shared: Arc<Batching<L>>,
    tasks: Arc<TaskSet>,
}

type Response<L> = Result<Option<<L as Lookup>::Item>, Failure>;

/// A name, and who asks for it.
struct Question<L: Lookup> {
    name: String,
    precedence: Precedence,
    askers: Vec<oneshot::Sender<Response<L>>>,
}

struct Batching<L: Lookup> {
    lookup: L,
    /// What waits to be asked, by precedence; a place has an entry as long as a task looks after it.
    waiting: Mutex<BTreeMap<L::Scope, VecDeque<Question<L>>>>,
}

impl<L: Lookup> Gather<L> {
    pub(super) fn new(lookup: L, tasks: Arc<TaskSet>) -> Self {
        Self { shared: Arc::new(Batching { lookup, waiting: Mutex::default() }), tasks }
    }

    /// What is found for `names`, in their order; what is missing is left out.
    pub(super) async fn ask(
        &self,
        place: &L::Scope,
        names: &[&str],
        purpose: Purpose,
    ) -> Result<Vec<L::Item>, Failure> {
        let mut found = Vec::new();
        for answer in self.enqueue(place, names, purpose) {
            let answer = answer.await.map_err(|_| {
                // The task that owed the answer panicked.
                Failure::new(
                    FailureKind::Bug,
                    "a call that several deployments share was dropped before its response came",
                )
            })?;
            found.extend(answer?);
        }
        Ok(found)
    }

    /// Whether nobody asks anything.
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.shared.lock().is_empty()
    }

    fn enqueue(
        &self,
        place: &L::Scope,
        names: &[&str],
        purpose: Purpose,
    ) -> Vec<oneshot::Receiver<Response<L>>> {
        if names.is_empty() {
            return Vec::new();
        }
        let mut waiting = self.shared.lock();
        let is_quiet = !waiting.contains_key(place);
        let questions = waiting.entry(place.clone()).or_default();
        let mut answers = Vec::new();
        let precedence = Precedence { purpose, asked: Moment::now() };
        for name in names {
            let (asker, answer) = oneshot::channel();
            match questions.iter_mut().find(|question| question.name == *name) {
                Some(question) => {
                    question.precedence = question.precedence.min(precedence);
                    question.askers.push(asker);
                }
                None => {
                    questions.push_back(Question {
                        name: (*name).to_owned(),
                        precedence,
                        askers: vec![asker],
                    });
                }
            }
            answers.push(answer);
        }
        // Polls come in their order anyway.
        if purpose != Purpose::Poll {
            questions.make_contiguous().sort_by_key(|question| question.precedence);
        }
        drop(waiting);
        if is_quiet {
            let rounds = Rounds { shared: Arc::clone(&self.shared), place: place.clone(), are_over: false };
            self.tasks.spawn(rounds.make(Arc::downgrade(&self.tasks)));
        }
        answers
    }
}

impl<L: Lookup> Batching<L> {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<L::Scope, VecDeque<Question<L>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The precedence of what is asked next about `place`.
    fn first(&self, place: &L::Scope) -> Option<Precedence> {
        self.lock().get(place)?.front().map(|question| question.precedence)
    }

    /// Makes one call and gives everybody their part.
    async fn answer(&self, place: &L::Scope, questions: Vec<Question<L>>) {
        let names: Vec<String> = questions.iter().map(|question| question.name.clone()).collect();
        match self.lookup.fetch(place, &names).await {
            Ok(found) => {
                for question in questions {
                    let found = found.iter().find(|found| L::answers(found, &question.name)).cloned();
                    question.answer(&Ok(found));
                }
            }
            // One name that is refused, or that this role may not look at, fails the whole call.
            Err(failure) if failure.kind() != FailureKind::Unavailable && questions.len() > 1 => {
                for question in questions {
                    let precedence = question.precedence;
                    self.lookup.allowed(move || Some(precedence)).await;
                    let found = self.lookup.fetch(place, std::slice::from_ref(&question.name)).await;
                    let answers = |found: &L::Item| L::answers(found, &question.name);
                    let found = found.map(|found| found.into_iter().find(answers));
                    question.answer(&found);
                }
            }
            Err(failure) => {
                for question in questions {
                    question.answer(&Err(failure.clone()));
                }
            }
        }
    }
}

impl<L: Lookup> Question<L> {
    fn answer(self, answer: &Response<L>) {
        for asker in self.askers {
            // Whoever no longer waits needs none.
            drop(asker.send(answer.clone()));
        }
    }
}

/// The rounds of questions about one place, until it is quiet again.
struct Rounds<L: Lookup> {
    shared: Arc<Batching<L>>,
    place: L::Scope,
    are_over: bool,
}

impl<L: Lookup> Rounds<L> {
    async fn make(mut self, tasks: Weak<TaskSet>) {
        sleep(FIRST_WINDOW).await;
        while !self.are_over {
            let next = Moment::now().plus(WINDOW);
            while self.is_asked() {
                let (shared, place) = (Arc::downgrade(&self.shared), self.place.clone());
                self.shared.lookup.allowed(move || shared.upgrade()?.first(&place)).await;
                // They are taken only now, so that whoever came meanwhile goes along.
                let batch = self.batch();
                let (Some(tasks), false) = (tasks.upgrade(), batch.is_empty()) else { continue };
                let (shared, place) = (Arc::clone(&self.shared), self.place.clone());
                tasks.spawn(async move { shared.answer(&place, batch).await });
            }
            sleep(next.since(Moment::now())).await;
            self.end_if_quiet();
        }
    }

    /// Whether anybody still waits to be asked for.
    fn is_asked(&self) -> bool {
        let mut waiting = self.shared.lock();
        let Some(questions) = waiting.get_mut(&self.place) else { return false };
        questions.retain_mut(|question| {
            question.askers.retain(|asker| !asker.is_closed());
            !question.askers.is_empty()
        });
        !questions.is_empty()
    }

    /// Who goes into the next call: who has precedence.
    fn batch(&self) -> Vec<Question<L>> {
        if !self.is_asked() {
            return Vec::new();
        }
        let mut waiting = self.shared.lock();
        let Some(questions) = waiting.get_mut(&self.place) else { return Vec::new() };
        let count = questions.len().min(L::BATCH);
        questions.drain(..count).collect()
    }

    /// Ends if nobody has asked since; whoever asks next finds that it is quiet.
    fn end_if_quiet(&mut self) {
        let mut waiting = self.shared.lock();
        if waiting.get(&self.place).is_none_or(VecDeque::is_empty) {
            waiting.remove(&self.place);
            self.are_over = true;
        }
    }
}

impl<L: Lookup> Drop for Rounds<L> {
    /// After a panic nobody waits for ever.
    fn drop(&mut self) {
        if !self.are_over {
            self.shared.lock().remove(&self.place);
        }
    }
}
