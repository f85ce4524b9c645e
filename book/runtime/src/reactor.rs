//! What tasks wait for: sockets that become ready, and moments that come.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use mio::event::Source;
use mio::{Events, Interest, Token};
use slab::Slab;

/// Reading, or writing.
#[derive(Clone, Copy, Debug)]
pub enum Direction {
    /// Input, or its end.
    Read,
    /// Room for output.
    Write,
}

/// One direction of a socket.
#[derive(Default)]
struct Side {
    /// Whether it may be ready: the kernel tells of each change once.
    is_ready: bool,
    waiting: Option<Waker>,
}

struct Reactor {
    poll: mio::Poll,
    events: Events,
    /// Both sides of each socket, under the key that its events carry.
    sockets: Slab<[Side; 2]>,
    /// Who waits for which moment. The number tells apart those of the same moment.
    timers: BTreeMap<(Instant, u64), Waker>,
    timers_so_far: u64,
}

thread_local! {
    static REACTOR: RefCell<Option<Reactor>> = const { RefCell::new(None) };
}

/// The reactor of this thread, which is made when it is needed.
fn with<T>(work: impl FnOnce(&mut Reactor) -> io::Result<T>) -> io::Result<T> {
    REACTOR.with_borrow_mut(|reactor| match reactor {
        Some(reactor) => work(reactor),
        none => work(none.insert(Reactor {
            poll: mio::Poll::new()?,
            events: Events::with_capacity(256),
            sockets: Slab::new(),
            timers: BTreeMap::new(),
            timers_so_far: 0,
        })),
    })
}

/// Has the kernel tell of a socket, and returns its key.
pub(crate) fn register(source: &mut impl Source) -> io::Result<usize> {
    with(|reactor| {
        let place = reactor.sockets.vacant_entry();
        let (key, interest) = (place.key(), Interest::READABLE | Interest::WRITABLE);
        reactor.poll.registry().register(source, Token(key), interest)?;
        place.insert(Default::default());
        Ok(key)
    })
}

/// Forgets a socket.
pub(crate) fn forget(key: usize) {
    let _ = with(|reactor| Ok(reactor.sockets.try_remove(key)));
}

// ANCHOR: poll_ready
/// Whether a side of a socket may be ready. Where it is not, the task is woken when it is.
pub(crate) fn poll_ready(
    key: usize,
    direction: Direction,
    context: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    let ready = with(|reactor| {
        let side = &mut reactor.sockets[key][direction as usize];
        if !side.is_ready {
            side.waiting = Some(context.waker().clone());
        }
        Ok(side.is_ready)
    });
    match ready {
        Ok(true) => Poll::Ready(Ok(())),
        Ok(false) => Poll::Pending,
        Err(error) => Poll::Ready(Err(error)),
    }
}
// ANCHOR_END: poll_ready

/// Takes note that a side was tried in vain.
pub(crate) fn would_block(key: usize, direction: Direction) {
    let _ = with(|reactor| {
        reactor.sockets[key][direction as usize].is_ready = false;
        Ok(())
    });
}

// ANCHOR: sleep
/// Waits for so long.
pub async fn sleep(duration: Duration) {
    let until = Instant::now() + duration;
    let mut number = None;
    let come = |context: &mut Context<'_>| {
        let _ = with(|reactor| {
            let number = *number.get_or_insert(reactor.timers_so_far);
            reactor.timers_so_far += 1;
            reactor.timers.insert((until, number), context.waker().clone());
            Ok(())
        });
        if Instant::now() < until { Poll::Pending } else { Poll::Ready(()) }
    };
    poll_fn(come).await;
}
// ANCHOR_END: sleep

// ANCHOR: wait
/// Asks the kernel who has become ready, and wakes those who wait for it. Blocks until there is
/// somebody or the first moment has come, if there is `nobody` else to run.
pub(crate) fn wait(nobody: bool) -> io::Result<()> {
    with(|reactor| {
        let first = reactor.timers.keys().next().map(|(moment, _)| *moment);
        let rest = first.map(|moment| moment.saturating_duration_since(Instant::now()));
        let timeout = if nobody { rest } else { Some(Duration::ZERO) };
        match reactor.poll.poll(&mut reactor.events, timeout) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        reactor.wake();
        Ok(())
    })
}
// ANCHOR_END: wait

impl Reactor {
    /// Wakes all for whom something has come.
    fn wake(&mut self) {
        for event in &self.events {
            let Some([read, write]) = self.sockets.get_mut(event.token().0) else { continue };
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                read.become_ready();
            }
            if event.is_writable() || event.is_write_closed() || event.is_error() {
                write.become_ready();
            }
        }
        let now = Instant::now();
        while let Some(timer) = self.timers.first_entry().filter(|it| it.key().0 <= now) {
            timer.remove().wake();
        }
    }
}

impl Side {
    fn become_ready(&mut self) {
        self.is_ready = true;
        self.waiting.take().into_iter().for_each(Waker::wake);
    }
}
