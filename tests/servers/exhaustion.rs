//! What a server does when the system gives it no more descriptors, threads or processes.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use nix::unistd::Uid;
use server_core::{AtOnce, Unit};
use tempfile::TempDir;

use crate::command_line::one_line;
use crate::of_those;
use crate::support::inside::tasks_of;
use crate::support::{Client, LAB, Server, Subject, wait_until};

/// More clients than any of the limits here leaves room for.
const MANY: usize = 300;

pub(crate) fn trials() -> Vec<Trial> {
    let has_workers = |it: &Subject| match it.model.unit {
        Unit::None => it.model.properties.workers.is_some() && !it.has_loops(),
        _ => it.model.at_once == AtOnce::Workers,
    };
    // A connection takes a descriptor of the process that accepts.
    let holds_all = |it: &Subject| !it.serves_one() && it.model.unit != Unit::Process;
    let makes_units = |it: &Subject| {
        it.model.makes_a_unit_for_each() && matches!(it.model.unit, Unit::Process | Unit::Thread)
    };
    let too_few = "with too few threads for its workers it says so and ends";
    let descriptors = "out of descriptors, it serves on and recovers";
    let processes = "out of processes or threads, it rejects clients and recovers";
    let has_tasks = |it: &Subject| it.model.unit == Unit::Task && it.has_one_thread();
    let mut trials: Vec<Trial> = of_those(has_workers, too_few, too_few_threads).collect();
    trials.extend(of_those(has_tasks, too_few, too_few_for_tasks));
    trials.extend(of_those(holds_all, descriptors, no_descriptors));
    trials.extend(of_those(makes_units, processes, no_processes));
    trials
}

/// A command that runs another one under a limit, as prlimit(1) spells it.
pub(crate) fn under_limit(limit: &str, command: &Command) -> Command {
    let mut limited = Command::new("prlimit");
    limited.arg(limit).arg("--").arg(command.get_program()).args(command.get_args());
    limited
}

fn no_descriptors(subject: Subject) {
    let workers =
        if subject.model.at_once == AtOnce::Workers { &["--workers", "100"][..] } else { &[] };
    let command = subject.command(&[&["--quiet"], workers].concat());
    let server = Server::start_by(under_limit("--nofile=40", &command));
    let (mut served, mut waiting) = fill(&server);
    assert!(served.len() > 10, "{} were served", served.len());
    stays_calm(&server, "cannot accept", &mut served);
    // A place for each that waits.
    served.truncate(5);
    waiting.receive("hello\n");
    server.connect().exchange("served again\n");
    served.iter_mut().for_each(|client| client.exchange("still served\n"));
}

fn no_processes(subject: Subject) {
    let shop = Shop::open();
    let server = Server::start_by(shop.serve(subject, &["--quiet"]));
    let (mut served, rejected) = fill(&server);
    assert!(served.len() > 5, "{} were served", served.len());
    drop(rejected);
    wait_until("the log says it", || server.logged("rejected") > 0);
    stays_calm(&server, "rejected", &mut served);
    served.truncate(3);
    wait_until("a new client is served", || server.connect().is_answered("served again\n"));
    served.iter_mut().for_each(|client| client.exchange("still served\n"));
}

fn too_few_threads(subject: Subject) {
    let line = one_line(Shop::open().serve(subject, &["--workers", "400"]), 1);
    assert!(
        line.starts_with(&format!("{}: cannot start worker ", subject.model.program())),
        "{line}"
    );
    assert!(line.contains("of 400: Resource temporarily unavailable"), "{line}");
}

fn too_few_for_tasks(subject: Subject) {
    for options in [&["--workers", "400"][..], &["--workers", "400", "--offload"]] {
        let line = one_line(Shop::open().serve(subject, options), 1);
        assert!(line.starts_with("async-server: cannot start thread "), "{line}");
        assert!(line.contains("Resource temporarily unavailable"), "{line}");
    }
}

/// Connects clients until one is not answered. Returns those that were, and the one.
fn fill(server: &Server) -> (Vec<Client>, Client) {
    let mut served = Vec::new();
    for _ in 0..MANY {
        let mut client = server.connect();
        if !client.is_answered("hello\n") {
            return (served, client);
        }
        served.push(client);
    }
    panic!("{MANY} clients were served");
}

/// While further clients come: those who were served are served on, the log tells of the lack
/// once a second at most, and the server waits instead of spinning.
fn stays_calm(server: &Server, complaint: &str, served: &mut [Client]) {
    let (begin, lines, cpu) = (Instant::now(), server.logged(complaint), server.cpu_time());
    let mut further = Vec::new();
    while begin.elapsed() < Duration::from_secs(2) {
        further.push(server.connect());
        served.iter_mut().for_each(|client| client.exchange("still served\n"));
        thread::sleep(Duration::from_millis(100));
    }
    let seconds = begin.elapsed().as_secs() as usize;
    let lines = server.logged(complaint) - lines;
    let is_told = (1..=seconds + 1).contains(&lines);
    assert!(is_told, "{lines} lines in {seconds} s:\n{}", server.log());
    let cpu = server.cpu_time() - cpu;
    assert!(cpu < begin.elapsed() / 4, "{cpu:?} of CPU in {:?}", begin.elapsed());
}

/// A user whose processes and threads are counted, and a copy of the program that it may run.
pub(crate) struct Shop {
    user: Option<u32>,
    program: TempDir,
    pub(crate) limit: usize,
}

impl Shop {
    /// Root is under no limit, so root lends the server a user of its own that nobody else is. Any
    /// other user's limit counts all that the user runs.
    pub(crate) fn open() -> Self {
        static NEXT_USER: AtomicU32 = AtomicU32::new(0);
        let program = tempfile::tempdir().expect("a temporary directory");
        // By a process of its own: a child that another test starts meanwhile would hold a copy that
        // this one writes open, and a file that is open to write cannot be run.
        let copy = Command::new("cp").arg(LAB).arg(program.path().join("lab")).status();
        assert!(copy.is_ok_and(|status| status.success()), "a copy of the program");
        let everyone = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(program.path(), everyone).expect("permissions");
        if Uid::effective().is_root() {
            let number = std::process::id() % 100_000 * 10;
            let user = 2_000_000 + number + NEXT_USER.fetch_add(1, Ordering::Relaxed);
            return Shop { user: Some(user), program, limit: 30 };
        }
        Shop { user: None, program, limit: tasks_of(Uid::effective()) + 60 }
    }

    /// The lab, run by the other user; nothing where there is no other one.
    #[cfg(target_os = "linux")]
    pub(crate) fn lab(&self) -> Option<Command> {
        let mut command = Command::new(self.program.path().join("lab"));
        command.uid(self.user?);
        Some(command)
    }

    pub(crate) fn serve(&self, subject: Subject, arguments: &[&str]) -> Command {
        let command = subject.command_in(self.program.path().join("lab"), arguments);
        let mut command = under_limit(&format!("--nproc={}", self.limit), &command);
        if let Some(user) = self.user {
            command.uid(user);
        }
        command
    }
}
