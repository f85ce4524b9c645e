//! What could not be measured: that ends a server's own column and no other.

use std::mem;
use std::sync::{MutexGuard, PoisonError};

use super::Lab;
use crate::models::Contestant;
use crate::results::Failure;

impl Lab {
    /// What `measure` finds of a contestant with this many connections at a time. Nothing where the limits leave
    /// no room for them, or where it fails and the server is none of ours: that ends what is asked of this server
    /// under the name `what`, and nothing else. The reason is kept.
    ///
    /// # Errors
    ///
    /// Those of `measure` of our own servers: figures of such a run would be worth nothing.
    pub fn attempt<T>(
        &self,
        contestant: &Contestant,
        what: &str,
        connections: usize,
        measure: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<Option<T>> {
        if self.has_failed(contestant, what) {
            return Ok(None);
        }
        if let Some(lack) = self.limits.lack(contestant, connections) {
            self.fail(contestant, what, lack);
            return Ok(None);
        }
        match measure() {
            Err(error) if contestant.foreign.is_some() => {
                self.fail(contestant, what, error.root_cause());
                Ok(None)
            }
            measured => measured.map(Some),
        }
    }

    /// Keeps a reason that each round finds again.
    pub(super) fn fail_once(&self, contestant: &Contestant, what: &str, reason: &str) {
        if !self.has_failed(contestant, what) {
            self.fail(contestant, what, reason);
        }
    }

    fn has_failed(&self, contestant: &Contestant, what: &str) -> bool {
        self.failures().iter().any(|it| it.server == contestant.name && it.what == what)
    }

    /// Keeps what could not be measured, and why.
    pub fn fail(&self, contestant: &Contestant, what: &str, reason: impl ToString) {
        let (server, what, reason) = (contestant.name.clone(), what.to_owned(), reason.to_string());
        self.failures().push(Failure { server, what, reason });
    }

    /// What could not be measured since this was asked last.
    pub fn take_failures(&self) -> Vec<Failure> {
        mem::take(&mut *self.failures())
    }

    fn failures(&self) -> MutexGuard<'_, Vec<Failure>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
