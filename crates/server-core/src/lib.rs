//! What every echo server shares, so that what is left in a server's crate is its model.
//!
//! | read in this order | the one place for |
//! | --- | --- |
//! | [`bare::echo`] | the whole job in ten lines, for the bare servers |
//! | [`Model`] | what a server is to the rest of the project: its properties, defaults, and a `run` |
//! | [`Options`] | the command line of every server |
//! | [`launch`] | from arguments to an exit status |
//! | [`bind`] | the listener and its backlog |
//! | [`AcceptPolicy`], [`outlast`] | which failures of `accept`, and of a wait, to survive |
//! | [`Gate`] | whether to let the next client in |
//! | [`Acceptor`] | waiting for the next client |
//! | [`Session`] | what a handler decides, apart from how it reads and writes |
//! | [`converse`] | the blocking connection handler, and where a connection's end is logged |
//! | [`compute`] | work that keeps a CPU busy |
//! | [`linger`] | the end of a connection whose client may still be sending |
//! | [`Statistics`] and [`Report`] | what was served, and what it cost |
//!
//! # The story of a shutdown
//!
//! 1. SIGINT, SIGTERM or SIGHUP sets the flag of [`Shutdown`] and writes a byte into the [`SelfPipe`] that
//!    the acceptor polls beside its listener: [`Acceptor::next`] returns `None`.
//! 2. The listener closes, and the *drain* begins: [`Connections::drain`] ends the input of each
//!    open connection, as [`Input`] explains. A process that serves one connection alone is
//!    blocked in it, and the signal's handler does that: [`SoleConnection`].
//! 3. A blocked read returns. The handler answers what the client had sent before, and closes.
//! 4. What is still open after `--drain-timeout` is cut. A second signal ends the process at once, but not
//!    one that comes together with the first: a burst of signals is one request.
//!
//! Everything is called `connection`, `listener`, `accept`, `drain` as in the sources: W. R.
//! Stevens, *UNIX Network Programming*, volume 1, chapter 30, and the manual pages `accept(2)`,
//! `tcp(7)`, `signal(7)`.

mod accept_policy;
mod acceptor;
mod address;
pub mod bare;
mod children;
mod command_line;
mod compute;
mod connections;
mod cpu_time;
mod end_of_input;
mod gate;
mod handler;
mod hint;
mod inherited;
mod launch;
mod limits;
mod linger;
mod listener;
mod log_output;
mod logging;
mod model;
mod options;
mod outlast;
mod port_holder;
mod process_facts;
mod registry;
mod report;
mod self_pipe;
mod session;
mod shutdown;
mod sole;
mod statistics;
mod throttle;
mod timers;
mod workers;

/// What a registry is made of, here and where every order of its threads is tried.
mod sync {
    pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
}

pub use accept_policy::AcceptPolicy;
pub use acceptor::Acceptor;
pub use address::{Addresses, parse_address, parse_addresses};
pub use children::{Children, Ended};
pub use command_line::{
    framing_parser, parse, parse_duration, parse_positive_duration, unless_read_enough,
};
pub use compute::compute;
pub use connections::{Connection, Connections, log_cut};
pub use cpu_time::CpuTime;
pub use end_of_input::Input;
pub use gate::Gate;
pub use handler::{Aftermath, ConnectionError, converse, end, has_failed, log_end, log_killed};
pub use launch::launch;
pub use limits::{open_file_limit_before, raise_open_file_limit};
pub use linger::{LINGER, LingeringThread, linger};
pub use listener::{BACKLOG, accept, bind};
pub use logging::LogFormat;
pub use model::{AtOnce, Bare, Model, Properties, Run, Unit};
pub use options::Options;
pub use outlast::outlast;
pub use process_facts::{end_with, require_one_thread};
pub use report::Report;
pub use self_pipe::{SelfPipe, Waker};
pub use session::{Crash, Ending, Session, Step};
pub use shutdown::Shutdown;
pub use sole::SoleConnection;
pub use statistics::{Statistics, shared_words};
pub use timers::{Timer, Timers};
pub use workers::{Inbox, Source, Who, Worker, WorkerName, Workers, listeners, serve_by_workers};
