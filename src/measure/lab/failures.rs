//! What servers that are not ours could not be measured at: that ends their own column and no other.

use std::sync::{MutexGuard, PoisonError};

use serde::Serialize;

use super::Lab;
use crate::models::Contestant;

/// What a server that is not ours could not be measured at, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// Its name.
    pub name: String,
    /// At what.
    pub what: String,
    /// Why.
    pub reason: String,
}

impl Lab {
    /// What `measure` finds of a contestant, or nothing where it fails and is none of ours: that ends what
    /// is asked of this server under this name, and nothing else. The reason is kept.
    ///
    /// # Errors
    ///
    /// Those of `measure` of our own servers: figures of such a run would be worth nothing.
    pub fn attempt<T>(
        &self,
        contestant: &Contestant,
        what: &str,
        measure: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<Option<T>> {
        let failed = |failures: &Vec<Failure>| {
            failures.iter().any(|it| it.name == contestant.name && it.what == what)
        };
        if failed(&self.failures()) {
            return Ok(None);
        }
        match measure() {
            Err(error) if contestant.foreign.is_some() => {
                let (name, what) = (contestant.name.clone(), what.to_owned());
                self.failures().push(Failure {
                    name,
                    what,
                    reason: error.root_cause().to_string(),
                });
                Ok(None)
            }
            measured => measured.map(Some),
        }
    }

    /// The failures so far.
    pub fn failures(&self) -> MutexGuard<'_, Vec<Failure>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
