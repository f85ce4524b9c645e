//! What it costs two threads to count, and what they have counted then.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

/// How much each thread counts.
const EACH: u64 = 20_000_000;

/// Lets two threads count, and prints the sum and what one count took.
fn measure(how: &str, sum: impl FnOnce() -> u64) {
    let begin = Instant::now();
    let sum = sum();
    let each = begin.elapsed().as_nanos() as f64 / EACH as f64;
    let lost = 100.0 * (2 * EACH - sum) as f64 / (2 * EACH) as f64;
    println!("{how:<28} {sum:>10} {lost:>5.1} % {each:>8.1} ns");
}

/// Has two threads run this, and waits for both.
fn two(count: impl Fn() + Sync) {
    thread::scope(|scope| {
        scope.spawn(&count);
        scope.spawn(&count);
    });
}

fn main() {
    println!("{:<28} {:>10} {:>7} {:>11}", "two threads", "counted", "lost", "a count");
    measure("load, add, store", || {
        let shared = AtomicU64::new(0);
        two(|| (0..EACH).for_each(|_| shared.store(shared.load(Relaxed) + 1, Relaxed)));
        shared.into_inner()
    });
    measure("fetch_add", || {
        let shared = AtomicU64::new(0);
        two(|| (0..EACH).for_each(|_| _ = shared.fetch_add(1, Relaxed)));
        shared.into_inner()
    });
    measure("behind a lock", || {
        let shared = Mutex::new(0);
        let lock = || shared.lock().unwrap_or_else(PoisonError::into_inner);
        two(|| (0..EACH).for_each(|_| *lock() += 1));
        *lock()
    });
    measure("fetch_add on a counter each", || {
        let sum = AtomicU64::new(0);
        two(|| {
            let own = AtomicU64::new(0);
            (0..EACH).for_each(|_| _ = own.fetch_add(1, Relaxed));
            sum.fetch_add(own.into_inner(), Relaxed);
        });
        sum.into_inner()
    });
}
