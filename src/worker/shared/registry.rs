//! Whose calls are made together.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use evenkeel_core::ports::Ecs;

use super::SharedEcs;

/// The shared access to ECS of each identity `K`: an account, a Region, a role. It lives as long as a
/// job uses it.
///
/// ECS limits the calls of an account in a Region; several roles in one share its limits unknown to
/// each other, and what goes beyond them is throttled and tried again.
pub(crate) struct Sharing<K, E: Ecs + Send + Sync + 'static> {
    all: Mutex<BTreeMap<K, Weak<SharedEcs<E>>>>,
}

impl<K: Ord, E: Ecs + Send + Sync + 'static> Sharing<K, E> {
    /// What the jobs of this identity share, while there are any.
    pub(crate) fn get(&self, key: &K) -> Option<Arc<SharedEcs<E>>> {
        self.lock().get(key)?.upgrade()
    }

    /// Shares `ecs` with the jobs to come of this identity; if another job was quicker, what that one
    /// shares is the answer. Must be called inside a tokio runtime.
    pub(crate) fn insert(&self, key: K, ecs: E) -> Arc<SharedEcs<E>> {
        let mut all = self.lock();
        if let Some(shared) = all.get(&key).and_then(Weak::upgrade) {
            return shared;
        }
        all.retain(|_, shared| shared.strong_count() > 0);
        let shared = Arc::new(SharedEcs::new(ecs));
        all.insert(key, Arc::downgrade(&shared));
        shared
    }
}

impl<K, E: Ecs + Send + Sync + 'static> Sharing<K, E> {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<K, Weak<SharedEcs<E>>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, E: Ecs + Send + Sync + 'static> Default for Sharing<K, E> {
    fn default() -> Self {
        Self { all: Mutex::new(BTreeMap::new()) }
    }
}

impl<K, E: Ecs + Send + Sync + 'static> fmt::Debug for Sharing<K, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sharing({})", self.lock().len())
    }
}
