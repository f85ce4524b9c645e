//! The gate of our own servers, in every order that its threads can run in: the count of open
//! connections, which wakes the acceptor, and the end of the drain.
//!
//! The file under test is the servers' own. Beside it stand loom's locks, a waker that is one of them
//! instead of a pipe, and an end of input that is `shutdown(2)`.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use loom::model::Builder;
use loom::thread;

#[allow(dead_code)] // What no order can spoil.
#[path = "../../../crates/server-core/src/registry.rs"]
mod registry;

use registry::Registry;

mod sync {
    pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};
}

mod end_of_input {
    use std::net::Shutdown;
    use std::os::fd::AsFd;

    use socket2::SockRef;

    pub(crate) fn end_input(stream: &impl AsFd) {
        SockRef::from(stream).shutdown(Shutdown::Read).unwrap();
    }
}

/// As a self-pipe: a wake-up stays until somebody has waited, and several are one.
#[derive(Clone, Debug)]
struct Waker(Arc<(sync::Mutex<bool>, sync::Condvar)>);

impl Waker {
    fn new() -> Self {
        Waker(Arc::new((sync::Mutex::new(false), sync::Condvar::new())))
    }

    fn wake(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_one();
    }

    fn wait(&self) {
        let mut woken = self.0.0.lock().unwrap();
        while !*woken {
            woken = self.0.1.wait(woken).unwrap();
        }
        *woken = false;
    }
}

/// A registry that is full at `most`, and what wakes its acceptor.
fn registry(most: usize) -> (Arc<Registry<UnixStream>>, Waker) {
    let waker = Waker::new();
    (Arc::new(Registry::new(most, waker.clone())), waker)
}

/// A connection that reads without waiting, and the client's side of it.
fn stream() -> (Arc<UnixStream>, UnixStream) {
    let (stream, client) = UnixStream::pair().unwrap();
    stream.set_nonblocking(true).unwrap();
    (Arc::new(stream), client)
}

/// Tries it in every order. An order in which nobody can go on is a panic.
fn in_every_order(run: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = None;
    builder.check(run);
}

/// What `Acceptor::next` does before it accepts.
fn wait_for_room(registry: &Registry<UnixStream>, waker: &Waker, most: usize) {
    while registry.count() >= most {
        waker.wait();
    }
}

#[test]
fn an_acceptor_that_waits_for_room_is_woken_and_never_lets_in_too_many() {
    for (most, clients) in [(1, 2), (2, 3)] {
        in_every_order(move || {
            let (registry, waker) = registry(most);
            let mut handlers = Vec::new();
            for _ in 0..clients {
                wait_for_room(&registry, &waker, most);
                let number = registry.enter(&stream().0);
                assert!(registry.count() <= most, "too many are open");
                let registry = Arc::clone(&registry);
                handlers.push(thread::spawn(move || registry.leave(number)));
            }
            handlers.into_iter().for_each(|handler| handler.join().unwrap());
            assert_eq!(registry.count(), 0);
        });
    }
}

#[test]
fn a_drain_ends_when_the_last_has_left_and_not_before() {
    in_every_order(|| {
        let (registry, _) = registry(9);
        let numbers = [registry.enter(&stream().0), registry.enter(&stream().0)];
        let handlers = numbers.map(|number| {
            let registry = Arc::clone(&registry);
            thread::spawn(move || registry.leave(number))
        });
        registry.end_inputs();
        // Loom's time stands still: it ends by the last who leaves, or never.
        registry.wait_until_empty(Instant::now() + Duration::from_secs(3600));
        assert_eq!(registry.count(), 0, "the drain was over, and somebody was there");
        handlers.into_iter().for_each(|handler| handler.join().unwrap());
    });
}

#[test]
fn who_enters_while_the_drain_begins_finds_the_end_of_its_input_too() {
    in_every_order(|| {
        let (registry, _) = registry(9);
        let (stream, _client) = stream();
        let entering = thread::spawn({
            let (registry, stream) = (Arc::clone(&registry), Arc::clone(&stream));
            move || registry.enter(&stream)
        });
        registry.end_inputs();
        entering.join().unwrap();
        assert_eq!((&*stream).read(&mut [0]).unwrap(), 0, "bytes, of a client that sends none");
    });
}
