//! What a server is to the rest of the project: a name, its defaults, and a `run`.

use std::ffi::OsString;
use std::io;
use std::net::TcpListener;
use std::ops::RangeInclusive;
use std::process::ExitCode;

use clap::builder::RangedU64ValueParser;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, Id};

use crate::command_line::{self, parse_positive_duration};
use crate::options::{LIMITS, WORK};
use crate::{Options, Report};

/// The one entry of a server crate: serves `listener` until a shutdown signal has come and the
/// open connections are drained, and blocks until then.
///
/// # Errors
///
/// When the server cannot start, or `accept` fails in a way that it cannot survive.
pub type Run = fn(TcpListener, &Options) -> io::Result<Report>;

/// A bare server: accepts and serves until it is killed or something fails.
pub type Bare = fn(TcpListener, &Options) -> io::Result<()>;

/// What serves a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// The server's only thread.
    None,
    /// A process.
    Process,
    /// A thread.
    Thread,
    /// A task.
    Task,
}

/// How many clients a server serves at once, as long as no limit says less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtOnce {
    /// One.
    One,
    /// As many as it has workers, which are there from the start.
    Workers,
    /// All that come.
    All,
}

/// What a model has beside a name and a `run`. Its binary offers no option that makes no sense in it.
#[derive(Clone, Copy, Debug)]
pub struct Properties {
    /// The default of `--max-connections`, where there is such a limit.
    pub max_connections: Option<usize>,
    /// The default of `--workers`, which may depend on the machine, where there are workers.
    pub workers: Option<fn() -> usize>,
    /// The default of `--stack-size`, in bytes, where threads have stacks of a chosen size.
    pub stack_size: Option<usize>,
    /// Whether clients that wait for a worker may be turned away, by `--max-wait`.
    pub max_wait: bool,
    /// Whether the workers of a second bare server accept for themselves, by `--accept`.
    pub accept: bool,
    /// Whether workers may have a listener each, by `--reuse-port`.
    pub reuse_port: bool,
    /// Whether threads of their own may do the computing, by `--offload`.
    pub offload: bool,
    /// Whether the kernel does its reads and writes by itself, so that they are no system calls.
    pub by_completion: bool,
    /// What tells, in a line, why it cannot run on this machine, where there are such machines.
    pub obstacle: Option<fn() -> Option<String>>,
}

impl Properties {
    /// None of them.
    pub const NONE: Self = Properties {
        max_connections: None,
        workers: None,
        stack_size: None,
        max_wait: false,
        accept: false,
        reuse_port: false,
        offload: false,
        by_completion: false,
        obstacle: None,
    };
}

/// One concurrency model.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// Its name in commands and tables: `fork`. The binary is `fork-server`.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// What serves a connection.
    pub unit: Unit,
    /// How many it serves at once.
    pub at_once: AtOnce,
    /// What else it has.
    pub properties: Properties,
    /// Serves until the shutdown.
    pub run: Run,
    /// The bare server of the model.
    pub bare: Bare,
}

impl Model {
    /// The name of the binary.
    pub fn program(&self) -> String {
        format!("{}-server", self.name)
    }

    /// How many of `clients` that come it serves at once, with its default options.
    pub fn served_at_once(&self, clients: usize) -> usize {
        match self.at_once {
            AtOnce::One => clients.min(1),
            AtOnce::Workers => {
                self.properties.workers.map_or(clients, |workers| workers().min(clients))
            }
            AtOnce::All => clients,
        }
    }

    /// Whether the death of the process that serves a client takes all other clients along. A
    /// process of its own dies alone.
    pub fn all_share_a_fate(&self) -> bool {
        self.unit != Unit::Process
    }

    /// Whether it makes its unit anew for each connection.
    pub fn makes_a_unit_for_each(&self) -> bool {
        self.unit != Unit::None && self.at_once == AtOnce::All
    }

    /// Why it cannot run on this machine, if it cannot.
    pub fn obstacle(&self) -> Option<String> {
        self.properties.obstacle.and_then(|obstacle| obstacle())
    }

    /// Parses a command line whose first word is the program's name.
    ///
    /// # Errors
    ///
    /// The status to end with: help was printed, or a mistake was answered with one line.
    pub fn parse(
        &self,
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Options, ExitCode> {
        let matches = command_line::parse(self.command(), arguments)?;
        let Ok(mut options) = Options::from_arg_matches(&matches) else {
            unreachable!("the matches are of these options");
        };
        let of = &self.properties;
        let given = |name| number(&matches, name);
        let is_set = |name| matches.get_flag(name);
        options.max_connections = given("max-connections").or(of.max_connections).unwrap_or(1);
        options.workers = given("workers").or(of.workers.map(|default| default())).unwrap_or(1);
        options.stack_size = given("stack-size").or(of.stack_size).unwrap_or_default();
        options.max_wait = of.max_wait.then(|| matches.get_one("max-wait").copied()).flatten();
        options.accept = of.accept && is_set("accept");
        options.reuse_port = of.reuse_port && is_set("reuse-port");
        options.offload = of.offload && is_set("offload");
        Ok(options)
    }

    /// Whether these are options by which servers of this model differ, such as `--workers 2`, and no others.
    ///
    /// # Errors
    ///
    /// One line that says what is wrong, and which there are.
    pub fn check_own_options(&self, options: &[String]) -> Result<(), String> {
        // The bare server's own.
        let its_own = self.its_own_options().filter(|it| it.get_id() != "accept");
        let mut command = Command::new(self.program()).no_binary_name(true).args(its_own);
        let parsed = command.try_get_matches_from_mut(options);
        parsed.map(|_| ()).map_err(|error| {
            let names = command.get_arguments().filter_map(Arg::get_long);
            let names: Vec<_> =
                names.filter(|name| *name != "help").map(|name| format!("--{name}")).collect();
            let has = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            format!("{}; options of its own: {has}", command_line::in_a_line(&error))
        })
    }

    fn command(&self) -> Command {
        let its_own = self.its_own_options();
        let command = Options::augment_args(Command::new(self.program())).args(its_own);
        // A bare loop is one loop.
        let of_bare: &[&str] = match self.unit {
            Unit::None => &["bare", "addr"],
            _ => &["bare", "addr", "workers", "accept"],
        };
        let others: Vec<Id> = command.get_arguments().map(|it| it.get_id().clone()).collect();
        let others = others.into_iter().filter(|id| !of_bare.contains(&id.as_str()));
        command
            .mut_arg("bare", |bare| bare.conflicts_with_all(others))
            .about(self.about)
            .long_about(None)
            .after_help(AFTER_HELP)
            .version(env!("CARGO_PKG_VERSION"))
    }

    /// What its binary offers beside what every server does.
    fn its_own_options(&self) -> impl Iterator<Item = Arg> {
        let of = &self.properties;
        let all = [
            of.max_connections.map(|default| self.max_connections(default)),
            of.workers.map(|default| self.workers(default())),
            of.stack_size.map(|default| {
                let help = "Each thread's stack (65536 to 1073741824)";
                number_option("stack-size", "BYTES", help, default, 1 << 16..=1 << 30)
            }),
            of.max_wait.then(max_wait),
            of.accept.then(|| flag("accept", None, ACCEPT).requires("bare")),
            of.reuse_port.then(|| flag("reuse-port", Some(LIMITS), self.reuse_port())),
            of.offload.then(|| flag("offload", Some(WORK), OFFLOAD)),
        ];
        all.into_iter().flatten()
    }

    fn max_connections(&self, default: usize) -> Arg {
        let help = match self.at_once {
            AtOnce::Workers => {
                "How many connections are served or wait for a worker; further clients wait in \
                 the backlog"
            }
            _ => "How many connections are served at once; further clients wait in the backlog",
        };
        number_option("max-connections", "N", help, default, 1..=1 << 30)
    }

    fn workers(&self, default: usize) -> Arg {
        let help = match self.unit {
            Unit::Process => "Processes that do the serving (1 to 4096)",
            Unit::None => "Threads that do the serving, each with a loop of its own (1 to 4096)",
            _ => "Threads that do the serving (1 to 4096)",
        };
        number_option("workers", "N", help, default, 1..=4096)
    }

    fn reuse_port(&self) -> &'static str {
        match self.unit {
            Unit::None => {
                "Give each worker a listener of its own, and an equal share of \
                 --max-connections, instead of a thread that accepts for all (SO_REUSEPORT)"
            }
            _ => "Give each worker a listener of its own, instead of one for all (SO_REUSEPORT)",
        }
    }
}

const ACCEPT: &str = "With --bare: each worker accepts for itself (src/bare_accept.rs), and the \
    queue is the kernel's backlog";

const OFFLOAD: &str = "Do the computing in separate threads, so that other tasks go on meanwhile";

fn max_wait() -> Arg {
    let help =
        "Answer a client that has waited this long for a worker with `ERROR busy`, and close";
    let option = Arg::new("max-wait").long("max-wait").value_name("DURATION");
    option.help_heading(LIMITS).help(help).value_parser(parse_positive_duration)
}

const AFTER_HELP: &str = "\
Its first line of output says where it listens. Talk to it with `cargo run -p client`, or with \
`nc 127.0.0.1 5555`: each line comes back, and `Bye` ends the connection. SIGINT (Ctrl-C) or \
SIGTERM lets it answer what it has received and stops it; a second signal ends it at once.";

fn flag(name: &'static str, heading: Option<&'static str>, help: &'static str) -> Arg {
    Arg::new(name).long(name).help_heading(heading).help(help).action(ArgAction::SetTrue)
}

fn number_option(
    name: &'static str,
    unit: &'static str,
    help: &str,
    default: usize,
    range: RangeInclusive<u64>,
) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name(unit)
        .help_heading(LIMITS)
        .help(format!("{help} [default: {default}]"))
        .value_parser(RangedU64ValueParser::<usize>::new().range(range))
}

/// The option's value where this binary offers it and the user gave it.
fn number(matches: &ArgMatches, name: &str) -> Option<usize> {
    matches.try_get_one::<usize>(name).ok().flatten().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: Model = Model {
        name: "test",
        about: "A model for these tests",
        unit: Unit::Thread,
        at_once: AtOnce::All,
        properties: Properties {
            max_connections: Some(7),
            stack_size: Some(1 << 20),
            ..Properties::NONE
        },
        run: |_, _| Err(io::Error::other("not run here")),
        bare: |_, _| Err(io::Error::other("not run here")),
    };

    fn parse(line: &str) -> Result<Options, ExitCode> {
        MODEL.parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn a_model_s_defaults_hold_until_an_option_says_otherwise() {
        let options = parse("test-server").unwrap();
        assert_eq!((options.max_connections, options.stack_size), (7, 1 << 20));
        assert_eq!(parse("test-server --max-connections 9").unwrap().max_connections, 9);
    }

    #[test]
    fn an_option_without_meaning_in_the_model_is_not_offered() {
        assert!(parse("test-server --workers 2").is_err());
    }

    #[test]
    fn the_page_takes_an_address_and_nothing_else() {
        assert!(parse("test-server --bare --addr 127.0.0.1:0").unwrap().bare);
        for option in ["--delay 1s", "--quiet", "--max-connections 9", "--idle-timeout 5m"] {
            assert!(parse(&format!("test-server --bare {option}")).is_err(), "{option}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        MODEL.command().debug_assert();
    }
}
