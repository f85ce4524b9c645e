//! Loom's locks and counters, which also note down what is done with them, and by whom.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering;
use std::sync::{LockResult, PoisonError};

use loom::sync;

use crate::steps::step;

/// As the standard library's.
#[derive(Debug)]
pub(crate) struct Mutex<T>(sync::Mutex<T>);

/// As the standard library's.
#[derive(Debug)]
pub(crate) struct Guard<'a, T>(Option<sync::MutexGuard<'a, T>>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Mutex(sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> LockResult<Guard<'_, T>> {
        let guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        step("locks");
        Ok(Guard(Some(guard)))
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[allow(clippy::expect_used, reason = "it is empty only within `wait` and `drop`")]
    fn deref(&self) -> &T {
        self.0.as_deref().expect("a guard that holds its lock")
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[allow(clippy::expect_used, reason = "it is empty only within `wait` and `drop`")]
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_deref_mut().expect("a guard that holds its lock")
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        if let Some(guard) = self.0.take() {
            step("unlocks");
            drop(guard);
        }
    }
}

/// As the standard library's.
#[derive(Debug)]
pub(crate) struct Condvar(sync::Condvar);

impl Condvar {
    pub(crate) fn new() -> Self {
        Condvar(sync::Condvar::new())
    }

    pub(crate) fn wait<'a, T>(&self, mut guard: Guard<'a, T>) -> LockResult<Guard<'a, T>> {
        step("unlocks and waits");
        let woken = guard.0.take().map(|it| self.0.wait(it));
        let woken = woken.map(|it| it.unwrap_or_else(PoisonError::into_inner));
        step("is woken and locks");
        Ok(Guard(woken))
    }

    #[allow(dead_code, reason = "your gate may wait in this way")]
    pub(crate) fn wait_while<'a, T>(
        &self,
        mut guard: Guard<'a, T>,
        mut is_to_wait: impl FnMut(&mut T) -> bool,
    ) -> LockResult<Guard<'a, T>> {
        while is_to_wait(&mut guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    #[allow(dead_code, reason = "your gate wakes one or all")]
    pub(crate) fn notify_one(&self) {
        step("wakes one");
        self.0.notify_one();
    }

    #[allow(dead_code, reason = "your gate wakes one or all")]
    pub(crate) fn notify_all(&self) {
        step("wakes all");
        self.0.notify_all();
    }
}

/// As the standard library's.
#[derive(Debug)]
pub(crate) struct AtomicUsize(sync::atomic::AtomicUsize);

impl AtomicUsize {
    pub(crate) fn new(value: usize) -> Self {
        AtomicUsize(sync::atomic::AtomicUsize::new(value))
    }

    pub(crate) fn load(&self, order: Ordering) -> usize {
        // Loom's load may return an older value, also where `SeqCst` forbids it. Its additions do not.
        let value = self.0.fetch_add(0, order);
        step(&format!("reads {value}"));
        value
    }

    pub(crate) fn store(&self, value: usize, order: Ordering) {
        self.0.store(value, order);
        step(&format!("writes {value}"));
    }

    pub(crate) fn fetch_add(&self, value: usize, order: Ordering) -> usize {
        let before = self.0.fetch_add(value, order);
        step(&format!("makes {} of {before}", before + value));
        before
    }
}
