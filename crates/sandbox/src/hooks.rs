//! What a test lets happen around a call: a rival that acts between two steps of a deployment.

use super::Sandbox;

/// Something to do once.
pub(super) type Then = Box<dyn FnOnce(&Sandbox) + Send>;

/// When a hook runs, seen from the call's effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HookMoment {
    Before,
    After,
}

/// The hooks that have not run yet.
#[derive(Default)]
pub(super) struct Hooks(Vec<Hook>);

struct Hook {
    moment: HookMoment,
    operation: String,
    calls_until: usize,
    then: Then,
}

impl Hooks {
    pub(super) fn add(&mut self, moment: HookMoment, operation: &str, nth: usize, then: Then) {
        self.0.push(Hook { moment, operation: operation.to_owned(), calls_until: nth.max(1), then });
    }

    /// Counts one call of `operation` and takes out the hooks whose turn it is.
    pub(super) fn take(&mut self, moment: HookMoment, operation: &str) -> Vec<Then> {
        for hook in self.0.iter_mut().filter(|hook| hook.moment == moment && hook.operation == operation) {
            hook.calls_until -= 1;
        }
        self.0.extract_if(.., |hook| hook.calls_until == 0).map(|hook| hook.then).collect()
    }
}
