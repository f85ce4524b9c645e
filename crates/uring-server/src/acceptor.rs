//! The next clients, as `event_server`'s acceptor has them, but asked for before they come: an `accept`
//! is under way for each that there is room for, up to a few.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use server_core::{Connection, Connections, Gate, SelfPipe, Source, Worker};
use tracing::warn;

use crate::address::Address;
use crate::ring::{Completion, Lent, Ring};

/// How many clients are accepted in one turn of the loop, at most.
const AT_ONCE: usize = 32;

/// The keys of the acceptor's operations. Those of connections have smaller keys.
pub(crate) const FIRST_ACCEPT: u64 = 1 << 32;
pub(crate) const LAST_ACCEPT: u64 = FIRST_ACCEPT + AT_ONCE as u64 - 1;
pub(crate) const WAKEUPS: u64 = LAST_ACCEPT + 1;

pub(crate) struct Acceptor<'a> {
    connections: &'a Arc<Connections>,
    source: Source,
    gate: Gate,
    pipe: SelfPipe,
    /// Where the kernel writes the client's address, for each `accept` that is under way.
    addresses: [Option<Lent<Address>>; AT_ONCE],
    under_way: usize,
    /// Whether the last `accept` failed: then only one is tried.
    has_failed: bool,
}

impl<'a> Acceptor<'a> {
    pub(crate) fn new(
        worker: Worker,
        connections: &'a Arc<Connections>,
        ring: &mut Ring,
    ) -> io::Result<Self> {
        let Worker { options, pipe, source, .. } = worker;
        ring.poll(WAKEUPS, &pipe);
        Ok(Acceptor {
            connections,
            source,
            gate: Gate::new(&options)?,
            pipe,
            addresses: [const { None }; AT_ONCE],
            under_way: 0,
            has_failed: false,
        })
    }

    /// Begins to accept the next clients, as far as there is room for them beside the `open` connections of this
    /// loop.
    pub(crate) fn ask(&mut self, ring: &mut Ring, open: usize) {
        let Source::Listener(listener) = &self.source else { return };
        let room = self.gate.room_beside(open + self.under_way);
        let room = if self.has_failed { room.min(1) } else { room };
        if room > 0 && self.under_way < AT_ONCE {
            let places = (FIRST_ACCEPT..).zip(&mut self.addresses);
            for (key, place) in places.filter(|(_, place)| place.is_none()).take(room) {
                *place = Some(ring.accept(key, listener, Box::new(Address::new())));
                self.under_way += 1;
            }
        }
    }

    /// Takes note of a wake-up, and asks for the next one.
    pub(crate) fn look_out(&mut self, ring: &mut Ring) {
        self.pipe.forget_wakeups();
        if !self.is_done() || self.expects_more() {
            ring.poll(WAKEUPS, &self.pipe);
        }
    }

    /// A connection that was handed to this loop, if there is one at this moment.
    pub(crate) fn handed(&mut self) -> Option<Connection> {
        match &mut self.source {
            Source::Inbox(inbox) => inbox.take(),
            _ => None,
        }
    }

    /// Whether more connections may still be handed to this loop.
    pub(crate) fn expects_more(&self) -> bool {
        self.source.expects_more()
    }

    /// The connection that was accepted, if one was.
    pub(crate) fn complete(&mut self, completion: Completion) -> Option<Connection> {
        let (stream, peer) = self.accepted(completion)?;
        Some(self.connections.admit(stream, peer))
    }

    #[allow(unsafe_code)]
    fn accepted(&mut self, completion: Completion) -> Option<(TcpStream, SocketAddr)> {
        let place = usize::try_from(completion.key() - FIRST_ACCEPT).ok()?;
        let (address, result) = self.addresses[place].take()?.take_back(completion);
        self.under_way -= 1;
        let stream = match result {
            Ok(number) => {
                self.has_failed = false;
                // SAFETY: this is the result of an `accept`, and is used only here.
                unsafe { new_stream(number) }
            }
            Err(error) => {
                self.has_failed = true;
                self.fail(error);
                return None;
            }
        };
        match address.read() {
            Ok(peer) => Some((stream, peer)),
            Err(error) => {
                warn!("a client without an address was rejected: {error}");
                None
            }
        }
    }

    fn fail(&mut self, error: io::Error) {
        // After the end it was cancelled.
        if !self.is_done() {
            self.gate.failed(error);
        }
    }

    /// Until when to pause after a failure.
    pub(crate) fn resume(&self) -> Option<Instant> {
        self.gate.resume()
    }

    /// Whether no more clients are accepted, since the shutdown has begun or the listener is
    /// broken: [`close`](Self::close) says which.
    pub(crate) fn is_done(&self) -> bool {
        self.gate.is_closed()
    }

    /// Stops listening, and returns what broke the listener, if that is why. The kernel has the listener,
    /// too, until each `accept` is cancelled: in the next turn.
    pub(crate) fn close(&mut self, ring: &mut Ring) -> io::Result<()> {
        self.addresses.iter().flatten().for_each(|lent| ring.cancel(lent));
        self.source.close_listener();
        self.gate.why_broken()
    }
}

/// A connection that the kernel has just accepted. Descriptors are numbers of 31 bits.
///
/// # Safety
///
/// `number` must be the result of an `accept`, and must not be used elsewhere.
#[allow(unsafe_code)]
unsafe fn new_stream(number: usize) -> TcpStream {
    // SAFETY: the caller's promise.
    TcpStream::from(unsafe { OwnedFd::from_raw_fd(number as i32) })
}
