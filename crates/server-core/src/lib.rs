//! What every echo server shares, so that what is left in a server's crate is its model.
//!
//! | read in this order | the one place for |
//! | --- | --- |
//! | [`Model`] | what a server is to the rest of the project: a name, defaults, and a `run` |
//! | [`Options`] | the command line of every server |
//! | [`launch`] | from arguments to an exit status |
//! | [`bind`] | the listener and its backlog |
//! | [`Acceptor`] | waiting for the next client, and which failures of `accept` to survive |
//! | [`ShutdownSignal`] | how SIGINT and SIGTERM reach a thread that waits |
//! | [`Session`] | what a handler decides, apart from how it reads and writes |
//! | [`serve`] | the blocking connection handler, and where a connection's end is logged |
//! | [`Connections`] | the open connections of one process, and how they are drained |
//! | [`Statistics`] and [`Report`] | what was served, and what it cost |
//!
//! Everything is called `connection`, `listener`, `accept`, `drain` as in the sources: W. R.
//! Stevens, *UNIX Network Programming*, volume 1, chapter 30, and the manual pages `accept(2)`,
//! `tcp(7)`, `signal(7)`.

mod accept;
mod command_line;
mod connections;
mod handler;
mod launch;
mod limits;
mod listener;
mod logging;
mod model;
mod options;
mod session;
mod shutdown;
mod statistics;

pub use accept::{AcceptPolicy, Acceptor};
pub use command_line::{
    framing_parser, parse_address, parse_duration, parse_positive_duration, usage_error,
};
pub use connections::{Connection, Connections, log_cut};
pub use handler::{ConnectionError, LINGER, log_end, serve};
pub use launch::launch;
pub use limits::raise_open_file_limit;
pub use listener::{BACKLOG, bind};
pub use logging::Excerpt;
pub use model::{Model, Run};
pub use options::Options;
pub use session::{Crash, Ending, Session, Step};
pub use shutdown::{SHUTDOWN_SIGNALS, ShutdownSignal, Waker};
pub use statistics::{CpuTime, Report, Statistics};
