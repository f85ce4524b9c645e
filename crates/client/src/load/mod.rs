//! Many connections at once from one thread, measured: a closed loop.
//!
//! Each connection sends a message, waits for its echo, and sends the next at once. One thread
//! drives them all through one `epoll` instance, so that the client costs little beside the server
//! that is measured. Every byte of every echo is compared.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The histogram of latencies in an [`Outcome`].
pub use hdrhistogram::Histogram;
use mio::{Events, Poll};

mod connection;

use connection::{Connection, Progress};

/// What to put on a server, and for how long.
#[derive(Clone, Debug)]
pub struct Load {
    /// The server's address.
    pub server: SocketAddr,
    /// How many connections at a time.
    pub connections: usize,
    /// After how many messages a connection says `Bye` and a new one takes its place; `None`:
    /// not before the end.
    pub messages_per_connection: Option<u64>,
    /// The size of a message with its line feed, in bytes; at least [`Load::SMALLEST_MESSAGE`].
    pub message_size: usize,
    /// When to end.
    pub extent: Extent,
    /// How long to wait while nothing at all happens, before the run has failed.
    pub patience: Duration,
}

/// How much of a load there is.
#[derive(Clone, Copy, Debug)]
pub enum Extent {
    /// Begin to measure after the warm-up, and stop after the duration. What is under way then is
    /// still brought to its end, and not measured.
    Time {
        /// How long to send before the measurement begins.
        warm_up: Duration,
        /// How long the measurement lasts.
        duration: Duration,
    },
    /// Open so many connections in all, and measure all of it.
    Connections(u64),
}

/// What came of a [`Load`].
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How long the measurement took.
    pub elapsed: Duration,
    /// From the start of a connection to its end, in nanoseconds, for those that ended within the
    /// measurement.
    pub connection_latency: Histogram<u64>,
    /// From the sending of a message to its whole echo, in nanoseconds, for those whose echo came
    /// within the measurement.
    pub message_latency: Histogram<u64>,
    /// How many connections had an answer before the measurement's end.
    pub answered_connections: usize,
    /// All connections that came to their end, also outside the measured time.
    pub all_connections: u64,
    /// All messages that were answered, also outside the measured time.
    pub all_messages: u64,
}

/// Why a load is worth nothing.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A connection failed. No local port (`EADDRNOTAVAIL`) shows up here too.
    #[error("connection {number}: {error}")]
    Connection {
        /// Which of the simultaneous connections.
        number: usize,
        /// What the network did.
        error: io::Error,
    },
    /// The echo is not what was sent.
    #[error("connection {number}: sent {sent:?}, received {received:?}")]
    WrongEcho {
        /// Which of the simultaneous connections.
        number: usize,
        /// The message.
        sent: String,
        /// What had arrived when the difference was seen.
        received: String,
    },
    /// The server ended a connection that had not said `Bye`, or answered after it.
    #[error("connection {number}: the server {what}")]
    Unexpected {
        /// Which of the simultaneous connections.
        number: usize,
        /// What it did.
        what: &'static str,
    },
    /// Answers were still due at the very end.
    #[error("{count} connections waited for an answer, and nothing came for {patience:?}")]
    Missing {
        /// How many connections.
        count: usize,
        /// How long nothing came.
        patience: Duration,
    },
    /// The events could not be waited for.
    #[error("cannot wait for events: {0}")]
    Wait(io::Error),
}

impl Load {
    /// The smallest message, in bytes: a number of 8 digits and a line feed.
    pub const SMALLEST_MESSAGE: usize = 9;

    /// Puts the load on the server and blocks until its end.
    ///
    /// A failure of any connection ends the run: what would be left is not the load asked for.
    ///
    /// # Errors
    ///
    /// When any connection fails, or any echo is wrong or missing.
    pub fn run(&self) -> Result<Outcome, LoadError> {
        let mut run = Run::start(self)?;
        let mut events = Events::with_capacity(256);
        while run.open > 0 {
            match run.poll.poll(&mut events, Some(self.patience)) {
                Ok(()) if events.is_empty() => {
                    return Err(LoadError::Missing { count: run.open, patience: self.patience });
                }
                Ok(()) => events.iter().try_for_each(|event| run.advance(event))?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(LoadError::Wait(error)),
            }
        }
        Ok(run.finish())
    }
}

/// A load under way.
struct Run<'a> {
    load: &'a Load,
    poll: Poll,
    /// What is left of each of the simultaneous connections; `None` after the last of them.
    connections: Vec<Option<Connection>>,
    open: usize,
    answered: Vec<bool>,
    messages: u64,
    /// Where each read goes.
    space: Vec<u8>,
    connected: u64,
    /// Measured is what happens between these, up to the last connection's end where there is none.
    begin: Instant,
    end: Option<Instant>,
    outcome: Outcome,
}

impl<'a> Run<'a> {
    fn start(load: &'a Load) -> Result<Self, LoadError> {
        let now = Instant::now();
        let (begin, end, open) = match load.extent {
            Extent::Time { warm_up, duration } => {
                (now + warm_up, Some(now + warm_up + duration), load.connections)
            }
            Extent::Connections(all) => {
                (now, None, usize::try_from(all).unwrap_or(usize::MAX).min(load.connections))
            }
        };
        let mut run = Run {
            load,
            poll: Poll::new().map_err(LoadError::Wait)?,
            connections: (0..load.connections).map(|_| None).collect(),
            open,
            answered: vec![false; load.connections],
            messages: 0,
            space: vec![0; 64 * 1024],
            connected: 0,
            begin,
            end,
            outcome: Outcome::new(),
        };
        (0..open).try_for_each(|number| run.connect(number))?;
        Ok(run)
    }

    fn connect(&mut self, number: usize) -> Result<(), LoadError> {
        self.connected += 1;
        let message = self.next_message();
        let connection = Connection::open(self.load.server, number, self.poll.registry(), message)?;
        self.connections[number] = Some(connection);
        Ok(())
    }

    fn next_message(&mut self) -> Vec<u8> {
        self.messages += 1;
        let mut message = format!("{:08}", self.messages % 100_000_000).into_bytes();
        message.resize(self.load.message_size - 1, b'x');
        message.push(b'\n');
        message
    }

    /// Lets one connection do all that it can without waiting.
    fn advance(&mut self, event: &mio::event::Event) -> Result<(), LoadError> {
        let number = event.token().0;
        let Some(connection) = &mut self.connections[number] else {
            return Ok(());
        };
        match connection.advance(event.is_readable(), &mut self.space)? {
            Progress::Waiting => Ok(()),
            Progress::Answered => self.answered(number),
            Progress::Ended => self.ended(number),
        }
    }

    fn answered(&mut self, number: usize) -> Result<(), LoadError> {
        let now = Instant::now();
        let goes_on = self.goes_on(now);
        let message = self.next_message();
        let Some(connection) = &mut self.connections[number] else {
            return Ok(());
        };
        self.outcome.all_messages += 1;
        if self.begin <= now && goes_on {
            self.answered[number] = true;
            record(&mut self.outcome.message_latency, now - connection.sent);
        }
        if !goes_on || self.load.messages_per_connection == Some(connection.messages) {
            connection.say_bye()
        } else {
            connection.send(message, now)
        }
    }

    fn ended(&mut self, number: usize) -> Result<(), LoadError> {
        let now = Instant::now();
        let goes_on = self.goes_on(now);
        let Some(connection) = self.connections[number].take() else {
            return Ok(());
        };
        self.outcome.all_connections += 1;
        if self.begin <= now && goes_on {
            record(&mut self.outcome.connection_latency, now - connection.opened);
        }
        drop(connection);
        let all = match self.load.extent {
            Extent::Time { .. } => u64::MAX,
            Extent::Connections(all) => all,
        };
        if goes_on && self.connected < all {
            return self.connect(number);
        }
        self.open -= 1;
        Ok(())
    }

    /// Whether the measurement has not ended.
    fn goes_on(&self, now: Instant) -> bool {
        self.end.is_none_or(|end| now < end)
    }

    fn finish(mut self) -> Outcome {
        self.outcome.elapsed = self.end.unwrap_or_else(Instant::now) - self.begin;
        self.outcome.answered_connections =
            self.answered.iter().filter(|answered| **answered).count();
        self.outcome
    }
}

impl Outcome {
    fn new() -> Self {
        Outcome {
            elapsed: Duration::ZERO,
            connection_latency: nanoseconds(),
            message_latency: nanoseconds(),
            answered_connections: 0,
            all_connections: 0,
            all_messages: 0,
        }
    }

    /// Connections that came to their end within the measurement, per second.
    pub fn connections_per_second(&self) -> f64 {
        self.connection_latency.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// Messages that were answered within the measurement, per second.
    pub fn messages_per_second(&self) -> f64 {
        self.message_latency.len() as f64 / self.elapsed.as_secs_f64()
    }
}

/// An empty histogram of nanoseconds up to an hour, exact to three digits.
fn nanoseconds() -> Histogram<u64> {
    const HOUR: u64 = 3_600_000_000_000;
    Histogram::new_with_max(HOUR, 3).unwrap_or_else(|_| unreachable!("the bounds are constant"))
}

fn record(histogram: &mut Histogram<u64>, latency: Duration) {
    let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
    histogram.saturating_record(nanoseconds);
}
