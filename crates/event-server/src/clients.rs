//! All connections of a loop, by the keys that their events carry.

use std::io;
use std::mem;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use server_core::{Connection, Connections, Timer, Timers, WorkerName};
use slab::Slab;

use crate::handler::{Handler, Next};

/// The events to wait for; the kernel reports each change once. Room for output is not among them: it is
/// needed only after a write has failed.
#[cfg(target_os = "linux")]
const INTEREST: Interest = Interest::READABLE.add(Interest::PRIORITY);
#[cfg(not(target_os = "linux"))]
const INTEREST: Interest = Interest::READABLE;

/// How long to wait before a retry, when the kernel had no memory for a registration.
const RETRY: Duration = Duration::from_millis(100);

// ANCHOR: clients
pub(crate) struct Clients<'a> {
    connections: &'a Arc<Connections>,
    /// The name of this loop's thread, where there are several.
    worker: Option<WorkerName>,
    registry: Registry,
    handlers: Slab<Client<'a>>,
    timers: Timers,
    /// The clients that have an event or whose timer has ended, each of them once.
    ready: Vec<usize>,
    /// The last list of ready clients, now empty: kept for its memory.
    spare: Vec<usize>,
    draining: bool,
}
// ANCHOR_END: clients

struct Client<'a> {
    handler: Handler<'a>,
    timer: Timer,
    is_ready: bool,
    /// Whether the kernel reports room for output too.
    waits_for_room: bool,
}

impl<'a> Clients<'a> {
    pub(crate) fn new(
        connections: &'a Arc<Connections>,
        worker: Option<WorkerName>,
        registry: Registry,
    ) -> Clients<'a> {
        let (handlers, timers) = (Slab::new(), Timers::default());
        let (ready, spare) = (Vec::new(), Vec::new());
        Clients { connections, worker, registry, handlers, timers, ready, spare, draining: false }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.handlers.len()
    }

    /// Counts those that are left at the end of the drain. They are closed when this is dropped.
    pub(crate) fn leave(&self) {
        self.connections.leave(self.len());
    }

    /// Takes a new connection in.
    ///
    /// # Errors
    ///
    /// When the kernel cannot report its events.
    pub(crate) fn admit(&mut self, connection: Connection) -> io::Result<()> {
        let place = self.handlers.vacant_entry();
        let descriptor = connection.stream().as_raw_fd();
        self.registry.register(&mut SourceFd(&descriptor), Token(place.key()), INTEREST)?;
        let handler = Handler::new(connection, self.worker, self.connections.session());
        self.ready.push(place.key());
        let timer = Timer::default();
        place.insert(Client { handler, timer, is_ready: true, waits_for_room: false });
        Ok(())
    }

    /// Takes note of an event.
    pub(crate) fn notice(&mut self, event: &Event) {
        let Token(key) = event.token();
        if let Some(client) = self.handlers.get_mut(key) {
            client.handler.notice(event);
            self.make_ready(key);
        }
    }

    fn make_ready(&mut self, key: usize) {
        if !mem::replace(&mut self.handlers[key].is_ready, true) {
            self.ready.push(key);
        }
    }

    /// Until when the loop may wait for events.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.ready.is_empty() { self.timers.next() } else { Some(Instant::now()) }
    }

    /// Goes on with each client that has an event, or whose deadline has come.
    // ANCHOR: go_on
    pub(crate) fn go_on(&mut self) {
        self.wake_due();
        let mut ready = mem::replace(&mut self.ready, mem::take(&mut self.spare));
        for key in ready.drain(..) {
            let client = &mut self.handlers[key];
            client.is_ready = false;
            match client.handler.go_on(self.draining) {
                Next::WaitUntil(deadline) => self.timers.set(&mut client.timer, key, deadline),
                Next::WaitForRoom(deadline) => self.wait_for_room(key, deadline),
                Next::Yield => self.make_ready(key),
                Next::Close => self.forget(key),
            }
        }
        self.spare = ready;
    }
    // ANCHOR_END: go_on

    /// Waits for room for output too, from the first time that the client's socket buffer is full.
    fn wait_for_room(&mut self, key: usize, deadline: Instant) {
        let client = &mut self.handlers[key];
        if !mem::replace(&mut client.waits_for_room, true) {
            let interest = INTEREST.add(Interest::WRITABLE);
            let mut socket = SourceFd(&client.handler.as_raw_fd());
            if self.registry.reregister(&mut socket, Token(key), interest).is_err() {
                // The kernel has no memory for it at this moment: try again soon.
                client.waits_for_room = false;
                let soon = deadline.min(Instant::now() + RETRY);
                return self.timers.set(&mut client.timer, key, soon);
            }
        }
        self.timers.set(&mut client.timer, key, deadline);
    }

    fn forget(&mut self, key: usize) {
        self.timers.remove(&mut self.handlers[key].timer, key);
        self.handlers.remove(key);
    }

    fn wake_due(&mut self) {
        let now = Instant::now();
        while let Some(key) = self.timers.due(now) {
            let client = &mut self.handlers[key];
            self.timers.remove(&mut client.timer, key);
            client.handler.look_again();
            self.make_ready(key);
        }
    }

    /// Lets each client be answered for what it has already sent.
    pub(crate) fn begin_drain(&mut self) {
        self.draining = true;
        let all: Vec<usize> = self.handlers.iter().map(|(key, _)| key).collect();
        all.into_iter().for_each(|key| self.make_ready(key));
    }
}
