//! Many connections at once from few threads, measured.
//!
//! A thread drives its part of the connections through one `epoll` instance, so that the client costs little
//! beside the server that is measured. Every byte of every echo is compared.
//!
//! In a **closed loop** a connection sends its next message when the last one was answered: a
//! slow server is asked less often, and the waiting that it causes is seen only where it happens.
//! In an **open loop** messages are due at a fixed rate, whatever the server does, and the latency
//! of a message counts from the instant when it was due. See G. Tene, *How NOT to Measure Latency*,
//! on what the first hides (coordinated omission).
//!
//! Where the client itself stands still for longer than a tenth of a second, that time is taken out of every
//! figure, and reported.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use server_core::{CpuTime, Ending};

use crate::failure::Failure;

/// The histogram of latencies in an [`Outcome`].
pub use hdrhistogram::Histogram;

mod connection;
mod failures;
mod measurement;
mod places;
mod quantile;
mod run;
mod schedule;
mod threads;

pub use failures::Failures;
pub use quantile::{quantile, quantile_of_few, quantile_with};

/// From this share of the CPUs that its threads can use on, the load may have been what its rate was limited by.
pub const BUSY: f64 = 0.9;

/// How many threads this machine can spare for a load beside a server: half of its CPUs, and at least one.
pub fn spare_threads() -> usize {
    (thread::available_parallelism().map_or(1, usize::from) / 2).max(1)
}

/// What to put on a server, and for how long.
#[derive(Clone, Debug)]
pub struct Load {
    /// The server's address.
    pub server: SocketAddr,
    /// How many connections at a time.
    pub connections: usize,
    /// In which time the first of them are opened, one after the other; zero for all at once.
    pub ramp: Duration,
    /// After how many messages a connection leaves and a new one takes its place; `None`: not
    /// before the end.
    pub messages_per_connection: Option<u64>,
    /// The size of a message with its line feed, in bytes; at least [`Load::SMALLEST_MESSAGE`].
    pub message_size: usize,
    /// When messages are sent.
    pub pace: Pace,
    /// When to end.
    pub extent: Extent,
    /// How long to wait for a connection, an echo or an end, before it has failed.
    pub patience: Duration,
    /// How a connection leaves: it says `Bye` and the server closes first, or it ends its own side,
    /// which any server understands.
    pub farewell: Ending,
    /// What becomes of the run when a connection fails.
    pub on_failure: OnFailure,
    /// How many threads drive the connections, each its part of them; at least one, and no more than there are
    /// connections.
    pub threads: usize,
}

/// When messages are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// Each connection sends when its last message was answered.
    Closed,
    /// This many messages are due each second, over all connections. Where a connection has a few
    /// messages only, it is opened when the first of them is due.
    Open {
        /// The rate, above zero.
        messages_per_second: f64,
    },
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
    /// Open this many connections in all, and measure all of it.
    Connections(u64),
}

/// What becomes of the run when a connection fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// It ends: what would be left is not the load asked for.
    Stop,
    /// The failure is counted, and a new connection takes the place of the failed one.
    Count,
}

/// The result of a [`Load`].
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How long the measurement took.
    pub elapsed: Duration,
    /// From the start of a connection to its end, in nanoseconds, for those that ended within the
    /// measurement.
    pub connection_latency: Histogram<u64>,
    /// From the sending of a message (in an open loop: from when it was due) to its whole echo, in
    /// nanoseconds, for those whose echo came within the measurement.
    pub message_latency: Histogram<u64>,
    /// How many connections had an answer within the measurement.
    pub answered_connections: usize,
    /// All connections that came to their end, also outside the measured time.
    pub all_connections: u64,
    /// All messages that were answered, also outside the measured time.
    pub all_messages: u64,
    /// Messages that were sent, or for which a connection was being opened, and that were not
    /// answered when the time was up.
    pub in_flight: u64,
    /// Messages of an open loop that were due when the time was up and had no free connection.
    pub unsent: u64,
    /// Messages that were lost with their connections within the measurement.
    pub lost: u64,
    /// Messages of an open loop that were due within the measurement, with those that the warm-up left
    /// open: what was answered, is in flight, was not sent or was lost. 0 in a closed loop.
    pub due: u64,
    /// What went wrong within the measurement, and every wrong echo, where failures are counted.
    pub failures: Failures,
    /// How many other failures there were during the warm-up.
    pub warm_up_failures: u64,
    /// What this process used during the measurement.
    pub client_cpu: CpuTime,
    /// How many threads drove the connections.
    pub threads: usize,
    /// How often this client stood still during the measurement, since it was stopped or others had its
    /// CPU.
    pub standstills: u64,
    /// How long in all, but for what is too short to notice. That time is in none of the other figures.
    pub stood_still: Duration,
}

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub struct Status {
    /// Since the run began, warm-up included.
    pub elapsed: Duration,
    /// How many connections are established: a backlog is enough for that.
    pub established: usize,
    /// How many connections have had an answer within the measurement.
    pub answered_connections: usize,
    /// All messages that were answered so far.
    pub messages: u64,
    /// How many failures there were so far.
    pub failures: u64,
}

/// Why a load is worth nothing.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A connection failed, and failures stop the run.
    #[error("connection {number}: {failure}")]
    Connection {
        /// Which of the simultaneous connections.
        number: usize,
        /// What went wrong.
        failure: Failure,
    },
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// The events could not be waited for.
    #[error("cannot wait for events: {0}")]
    Wait(std::io::Error),
}

impl Load {
    /// The smallest message, in bytes: a number of 8 digits and a line feed.
    pub const SMALLEST_MESSAGE: usize = 9;

    /// A closed loop in which any failure ends the run, of connections that say `Bye`: what a
    /// comparison of this project's servers wants.
    pub fn strict(server: SocketAddr, connections: usize, extent: Extent) -> Self {
        Load {
            server,
            connections,
            ramp: Duration::ZERO,
            messages_per_connection: None,
            message_size: 16,
            pace: Pace::Closed,
            extent,
            patience: Duration::from_secs(10),
            farewell: Ending::Bye,
            on_failure: OnFailure::Stop,
            threads: spare_threads(),
        }
    }

    /// Puts the load on the server and blocks until its end.
    ///
    /// # Errors
    ///
    /// When a connection fails and failures stop the run, or the system cannot report events.
    pub fn run(&self) -> Result<Outcome, LoadError> {
        self.run_watched(|_| ControlFlow::Continue(()))
    }

    /// As [`run`](Self::run), and calls `watch` about ten times a second, which may end the
    /// measurement before its time.
    ///
    /// # Errors
    ///
    /// Those of [`run`](Self::run).
    pub fn run_watched(
        &self,
        watch: impl FnMut(Status) -> ControlFlow<()>,
    ) -> Result<Outcome, LoadError> {
        threads::run(self, watch)
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
            in_flight: 0,
            unsent: 0,
            lost: 0,
            due: 0,
            failures: Failures::default(),
            warm_up_failures: 0,
            client_cpu: CpuTime::default(),
            threads: 1,
            standstills: 0,
            stood_still: Duration::ZERO,
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

    /// How much of the CPUs that its threads can use the client has used: 1 is all of it. From [`BUSY`] on, the
    /// client may have been the bottleneck.
    pub fn client_share(&self) -> f64 {
        let cpus = thread::available_parallelism().map_or(1, usize::from).min(self.threads);
        let all = self.elapsed.as_secs_f64() * cpus as f64;
        self.client_cpu.total().as_secs_f64() / all
    }
}

/// An empty histogram of nanoseconds up to an hour, exact to three digits.
pub fn nanoseconds() -> Histogram<u64> {
    const HOUR: u64 = 3_600_000_000_000;
    Histogram::new_with_max(HOUR, 3).unwrap_or_else(|_| unreachable!("the bounds are constant"))
}
