//! All connections of the loop, by the keys that their events carry.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use server_core::{Connections, Timer, Timers};
use slab::Slab;

use crate::handler::{Handler, Next};

/// What the kernel is to tell of: each change once, so that there is no need to take it back.
#[cfg(target_os = "linux")]
const INTEREST: Interest = Interest::READABLE.add(Interest::WRITABLE).add(Interest::PRIORITY);
#[cfg(not(target_os = "linux"))]
const INTEREST: Interest = Interest::READABLE.add(Interest::WRITABLE);

// ANCHOR: clients
pub(crate) struct Clients<'a> {
    connections: &'a Arc<Connections<TcpStream>>,
    registry: Registry,
    handlers: Slab<Client<'a>>,
    timers: Timers,
    /// Who is to go on, since something has happened to it; nobody is in it twice.
    ready: Vec<usize>,
    draining: bool,
}
// ANCHOR_END: clients

struct Client<'a> {
    handler: Handler<'a>,
    timer: Timer,
    is_ready: bool,
}

impl<'a> Clients<'a> {
    pub(crate) fn new(
        connections: &'a Arc<Connections<TcpStream>>,
        registry: Registry,
    ) -> Clients<'a> {
        let (handlers, timers, ready) = (Slab::new(), Timers::default(), Vec::new());
        Clients { connections, registry, handlers, timers, ready, draining: false }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.handlers.is_empty()
    }

    /// Takes a new connection in.
    ///
    /// # Errors
    ///
    /// When the kernel cannot tell of its events.
    pub(crate) fn admit(&mut self, mut stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
        let place = self.handlers.vacant_entry();
        self.registry.register(&mut stream, Token(place.key()), INTEREST)?;
        let connection = self.connections.admit(stream, peer);
        let handler = Handler::new(connection, self.connections.session());
        self.ready.push(place.key());
        place.insert(Client { handler, timer: Timer::default(), is_ready: true });
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
        if !std::mem::replace(&mut self.handlers[key].is_ready, true) {
            self.ready.push(key);
        }
    }

    /// Until when the loop may wait for events.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.ready.is_empty() { self.timers.next() } else { Some(Instant::now()) }
    }

    /// Lets all go on to whom something has happened, or whose time has come.
    // ANCHOR: go_on
    pub(crate) fn go_on(&mut self) {
        self.wake_those_who_are_due();
        for key in std::mem::take(&mut self.ready) {
            let client = &mut self.handlers[key];
            client.is_ready = false;
            match client.handler.go_on(self.draining) {
                Next::WaitUntil(deadline) => self.timers.set(&mut client.timer, key, deadline),
                Next::Yield => self.make_ready(key),
                Next::Close => {
                    self.timers.remove(&mut client.timer, key);
                    self.handlers.remove(key);
                }
            }
        }
    }
    // ANCHOR_END: go_on

    fn wake_those_who_are_due(&mut self) {
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
        self.connections.end_inputs();
        let all: Vec<usize> = self.handlers.iter().map(|(key, _)| key).collect();
        all.into_iter().for_each(|key| self.make_ready(key));
    }
}
