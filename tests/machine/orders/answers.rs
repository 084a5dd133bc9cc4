//! What the calls of one run were answered, so that the beginning of an order is played again without asking AWS.

use std::any::Any;
use std::collections::HashMap;

/// The answers that one run had so far, by what was asked.
#[derive(Debug, Default)]
pub(super) struct Answers {
    given: HashMap<String, Vec<Given>>,
    asked: HashMap<String, usize>,
    step: usize,
}

#[derive(Debug)]
struct Given {
    /// After how many steps of the order.
    step: usize,
    answer: Box<dyn Any + Send>,
}

impl Answers {
    /// The answers of the first `steps` steps of an order, which are given again.
    pub(super) fn until(mut self, steps: usize) -> Self {
        for given in self.given.values_mut() {
            given.retain(|given| given.step <= steps);
        }
        Self { given: self.given, ..Self::default() }
    }

    /// The order goes on by a step.
    pub(super) fn next_step(&mut self) {
        self.step += 1;
    }

    /// What this was answered, if it is asked again.
    pub(super) fn again<A: Clone + 'static>(&mut self, call: &str) -> Option<A> {
        let nth = self.asked.entry(call.to_owned()).or_default();
        let given = self.given.get(call)?.get(*nth)?;
        *nth += 1;
        let answer = given.answer.downcast_ref::<A>();
        Some(answer.unwrap().clone())
    }

    /// Keeps a new answer.
    pub(super) fn keep<A: Send + 'static>(&mut self, call: String, answer: A) {
        *self.asked.entry(call.clone()).or_default() += 1;
        self.given.entry(call).or_default().push(Given { step: self.step, answer: Box::new(answer) });
    }
}
