//! The command line of every server.

use std::net::SocketAddr;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, RangedU64ValueParser, TypedValueParser};
use protocol::{DEFAULT_ADDRESS, DEFAULT_MAX_MESSAGE, Framing};

use crate::LogFormat;
use crate::address::parse_address;
use crate::command_line::{framing_parser, parse_duration, parse_positive_duration};

/// The headings of the help, under which related options stand together.
pub(crate) const WORK: &str = "Work";
const PROTOCOL: &str = "Protocol";
pub(crate) const LIMITS: &str = "Limits";
const LOG: &str = "Log";

/// What a server was asked to do. The last seven fields depend on the model, which also says
/// whether its binary offers them: see [`Model`](crate::Model).
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Run the bare server (src/bare.rs) instead: the model alone, without limits, log or
    /// shutdown. Only an address may be given with it and, where the bare server has workers, their number
    #[arg(long)]
    pub bare: bool,

    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = DEFAULT_ADDRESS, value_parser = parse_address)]
    pub addr: SocketAddr,

    /// Wait before each answer, as if for a disk or another server: such as 1s or 50ms
    #[arg(help_heading = WORK, long, value_name = "DURATION", default_value = "0s", value_parser = parse_duration)]
    pub delay: Duration,

    /// Compute before each answer, after the waiting, until this much CPU time is used
    #[arg(help_heading = WORK, long, value_name = "DURATION", default_value = "0s", value_parser = parse_duration)]
    pub compute: Duration,

    /// How messages are told apart: `line`: each ends with a line feed; `raw`: whatever one read
    /// returns is a message, as in the Python tutorial
    #[arg(help_heading = PROTOCOL, long, default_value = "line", value_parser = framing_parser())]
    pub framing: Framing,

    /// The longest message allowed, not counting its line feed (1 to 1073741824)
    #[arg(help_heading = PROTOCOL, long, value_name = "BYTES", default_value_t = DEFAULT_MAX_MESSAGE,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=1 << 30))]
    pub max_message: usize,

    /// Refuse a message that is not complete this long after its first byte was read, even if more bytes keep coming
    #[arg(help_heading = LIMITS, long, value_name = "DURATION", default_value = "30s", value_parser = parse_positive_duration)]
    pub message_timeout: Duration,

    /// Close a connection whose client neither sends nor reads for this long
    #[arg(help_heading = LIMITS, long, value_name = "DURATION", default_value = "5m", value_parser = parse_positive_duration)]
    pub idle_timeout: Duration,

    /// How long a shutdown waits for open connections before it cuts them
    #[arg(help_heading = LIMITS, long, value_name = "DURATION", default_value = "5s", value_parser = parse_duration)]
    pub drain_timeout: Duration,

    /// Let clients crash their handler: the message `Panic` makes it panic, `Abort` aborts its process
    #[arg(help_heading = PROTOCOL, long)]
    pub allow_crash: bool,

    /// How each log line is written: for people, or one JSON object a line
    #[arg(help_heading = LOG, long, default_value = "text",
        value_parser = PossibleValuesParser::new(LogFormat::NAMES).try_map(|it| it.parse::<LogFormat>()))]
    pub log_format: LogFormat,

    /// Log warnings and errors only
    #[arg(help_heading = LOG, short, long)]
    pub quiet: bool,

    /// How many connections are served at once; further clients wait in the backlog.
    #[arg(skip)]
    pub max_connections: usize,

    /// Threads or processes that serve connections (pool, prefork), or threads that run tasks (async) or loops
    /// (event, uring).
    #[arg(skip)]
    pub workers: usize,

    /// The size of each connection's or worker's thread stack, in bytes.
    #[arg(skip)]
    pub stack_size: usize,

    /// How long a client may wait for a worker before it is turned away.
    #[arg(skip)]
    pub max_wait: Option<Duration>,

    /// Whether each worker of the bare server accepts for itself.
    #[arg(skip)]
    pub accept: bool,

    /// Whether each worker has a listener of its own at the same address.
    #[arg(skip)]
    pub reuse_port: bool,

    /// Whether threads of their own do the computing.
    #[arg(skip)]
    pub offload: bool,
}

impl Options {
    /// Whether there is something to do before each answer.
    pub fn asks_for_work(&self) -> bool {
        !(self.delay.is_zero() && self.compute.is_zero())
    }
}
