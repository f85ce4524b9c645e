//! All connections of a loop, by the keys that their operations carry. Each connection has one operation
//! under way, and its handler belongs to the kernel until that is completed.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use server_core::{Connection, Connections, Timer, Timers, WorkerName};
use slab::Slab;

use crate::handler::{Handler, Next};
use crate::ring::{Completion, Lent, Ring};

pub(crate) struct Clients<'a> {
    connections: &'a Arc<Connections>,
    /// The name of this loop's thread, where there are several.
    worker: Option<WorkerName>,
    all: Slab<Client<'a>>,
    timers: Timers,
    draining: bool,
}

/// A connection, and when its operation is to be cancelled.
#[derive(Default)]
struct Client<'a> {
    handler: Option<Lent<Handler<'a>>>,
    deadline: Option<Instant>,
    timer: Timer,
}

impl<'a> Clients<'a> {
    pub(crate) fn new(
        connections: &'a Arc<Connections>,
        worker: Option<WorkerName>,
    ) -> Clients<'a> {
        let (all, timers) = (Slab::new(), Timers::default());
        Clients { connections, worker, all, timers, draining: false }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Counts those that are left at the end of the drain. They are closed when this is dropped.
    pub(crate) fn leave(&self) {
        self.connections.leave(self.len());
    }

    /// Takes a new connection in.
    pub(crate) fn admit(&mut self, ring: &mut Ring, connection: Connection) {
        let session = self.connections.session();
        let mut handler = Box::new(Handler::new(connection, self.worker, session));
        let key = self.all.insert(Client::default());
        let next = handler.go_on(None, &mut Instant::now(), self.draining);
        self.start(ring, key, handler, next);
    }

    /// Goes on with the connection whose operation is done, and sets the clock if that took time.
    ///
    /// # Errors
    ///
    /// Those of `io_uring_enter(2)`.
    pub(crate) fn complete(
        &mut self,
        ring: &mut Ring,
        completion: Completion,
        now: &mut Instant,
    ) -> io::Result<()> {
        let key = completion.key() as usize;
        let lent = self.all.get_mut(key).and_then(|client| client.handler.take());
        let Some(lent) = lent else { return Ok(()) };
        let (mut handler, result) = lent.take_back(completion);
        let before = *now;
        let next = handler.go_on(Some(result), now, self.draining);
        self.start(ring, key, handler, next);
        // It has computed: its answer leaves before the next one computes.
        if *now > before { ring.submit() } else { Ok(()) }
    }

    /// Begins the next operation of a connection, or closes the connection.
    fn start(&mut self, ring: &mut Ring, key: usize, handler: Box<Handler<'a>>, next: Next) {
        let name = key as u64;
        let (lent, deadline) = match next {
            Next::Receive(deadline) => {
                (ring.receive(name, handler, Handler::space), Some(deadline))
            }
            Next::Send(deadline) => (ring.send(name, handler, Handler::rest), Some(deadline)),
            Next::Sleep => (ring.sleep(name, handler, Handler::sleep), None),
            Next::Close => return self.forget(key),
        };
        let client = &mut self.all[key];
        (client.handler, client.deadline) = (Some(lent), deadline);
        if let Some(deadline) = deadline {
            self.timers.set(&mut client.timer, key, deadline);
        }
    }

    fn forget(&mut self, key: usize) {
        self.timers.remove(&mut self.all[key].timer, key);
        self.all.remove(key);
    }

    /// Until when the loop may wait for completions.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Cancels operations that have taken too long.
    pub(crate) fn cancel_overdue(&mut self, ring: &mut Ring) {
        let now = Instant::now();
        while let Some(key) = self.timers.due(now) {
            let client = &mut self.all[key];
            self.timers.remove(&mut client.timer, key);
            match client.deadline {
                // It was put off.
                Some(deadline) if deadline > now => {
                    self.timers.set(&mut client.timer, key, deadline);
                }
                Some(_) => client.handler.iter().for_each(|lent| ring.cancel(lent)),
                None => {}
            }
        }
    }

    /// Begins the drain: each operation is cancelled, and each handler receives once more, without waiting.
    pub(crate) fn begin_drain(&mut self, ring: &mut Ring) {
        self.draining = true;
        let handlers = self.all.iter().filter_map(|(_, client)| client.handler.as_ref());
        handlers.for_each(|lent| ring.cancel(lent));
    }

    /// Frees what the kernel has given back.
    pub(crate) fn take_back(&mut self, completion: Completion) {
        let client = self.all.get_mut(completion.key() as usize);
        if let Some(lent) = client.and_then(|client| client.handler.take()) {
            drop(lent.take_back(completion));
        }
    }
}
