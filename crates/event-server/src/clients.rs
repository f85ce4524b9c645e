//! All connections of the loop, by the keys that their events carry.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use server_core::Connections;
use slab::Slab;

use crate::handler::{Handler, Next};
use crate::timers::{Timer, Timers};

pub(crate) struct Clients<'a> {
    connections: &'a Arc<Connections<TcpStream>>,
    registry: Registry,
    handlers: Slab<(Handler<'a>, Timer)>,
    timers: Timers,
    /// Who is to go on, since something has happened to it.
    ready: Vec<usize>,
    draining: bool,
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
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.registry.register(&mut stream, Token(place.key()), interest)?;
        let connection = self.connections.admit(stream, peer);
        self.ready.push(place.key());
        place.insert((Handler::new(connection, self.connections.session()), Timer::default()));
        Ok(())
    }

    /// Takes note of an event.
    pub(crate) fn notice(&mut self, event: &Event) {
        let Token(key) = event.token();
        if let Some((handler, _)) = self.handlers.get_mut(key) {
            handler.notice(event);
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
        let now = Instant::now();
        while let Some(key) = self.timers.due(now) {
            self.timers.remove(&mut self.handlers[key].1, key);
            self.ready.push(key);
        }
        for key in std::mem::take(&mut self.ready) {
            // Somebody may be in the list twice, and gone the second time.
            let Some((handler, timer)) = self.handlers.get_mut(key) else { continue };
            match handler.go_on(now, self.draining) {
                Next::WaitUntil(deadline) => self.timers.set(timer, key, deadline),
                Next::Yield => self.ready.push(key),
                Next::Close => {
                    self.timers.remove(timer, key);
                    self.handlers.remove(key);
                }
            }
        }
    }
    // ANCHOR_END: go_on

    /// Lets each client be answered for what it has already sent.
    pub(crate) fn begin_drain(&mut self) {
        self.draining = true;
        self.connections.end_inputs();
        self.ready = self.handlers.iter().map(|(key, _)| key).collect();
    }
}
