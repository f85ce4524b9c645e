//! The grader: what the protocol and a server's duties ask of any server, in any language, case by case.
//!
//! Each [`Case`] is a rule with a name, points, and the page of the book that explains it. It connects,
//! sends, and compares what comes back; where that differs, its [`Difference`] says what was sent, expected
//! and received. The project holds each of its own servers against the same cases.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use nix::unistd::Pid;
use protocol::{DEFAULT_MAX_MESSAGE, DEFAULT_MESSAGE_TIMEOUT, Framing};
use serde::Serialize;
use server_process::{ServerProcess, StartCommand};

mod cases;
mod concurrency;
mod ending;
mod faults;
mod messages;
mod peer;
mod report;
mod rubric;

pub use cases::CASES;
pub use peer::Difference;
pub use report::{markdown, total};
pub use rubric::{Rubric, TIME_LIMIT};

/// The server to check, and what it was told.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its address.
    pub address: SocketAddr,
    /// Its `--max-message`.
    pub max_message: usize,
    /// Its `--message-timeout`.
    pub message_timeout: Duration,
    /// How long an answer may take.
    pub patience: Duration,
    /// How long the number of its descriptors must not have changed, to be taken for final.
    pub settled: Duration,
    /// Its process, the parent of its children, where it is known.
    pub process: Option<Pid>,
    /// How another one like it is started, where that is known.
    pub start: Option<StartCommand>,
}

/// The usual time after which a number of descriptors is final: longer than a server may take that looks
/// once a second who has left, as the tutorial's does.
pub const SETTLED: Duration = Duration::from_millis(2500);

/// What a case is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// It sends back what it gets: a plain echo server passes.
    Echo,
    /// It closes at `Bye`.
    Bye,
    /// It answers what is not a message with an `ERROR` line.
    Error,
    /// It answers a message that is not whole in time with an `ERROR` line.
    Slow,
    /// It serves many at once.
    Concurrency,
    /// It bears what clients do to it, and leaves nothing behind.
    Faults,
    /// It ends in good order.
    Ending,
}

/// What a case must be given beside the server's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// The server's process.
    Process,
    /// The command that starts it.
    Start,
}

/// One rule.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What it is about.
    pub group: Group,
    /// The framing that it is a rule of; none where it is one of both.
    pub framing: Option<Framing>,
    /// Its name, which says what is seen of a server that follows it.
    pub name: &'static str,
    /// How much it counts.
    pub points: u32,
    /// The rule, and why there is one, in a sentence.
    pub rule: &'static str,
    /// The page of the book that explains it.
    pub page: &'static str,
    /// What it needs.
    pub needs: Needs,
    check: fn(&Target) -> Result<(), Difference>,
}

/// Why a case was not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NotAsked {
    /// It needs the server's process, which is not known.
    NeedsProcess,
    /// It needs to look into the server's process, which this user may not.
    Forbidden,
    /// It needs the command that starts the server, which is not known.
    NeedsStart,
    /// The time was over. This is a failure: the server took too long for the others.
    TimeWasOver,
}

/// What came of a case.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// What it is about.
    pub group: Group,
    /// The case's name.
    pub case: &'static str,
    /// What it earned.
    pub points: u32,
    /// What it could have earned.
    pub of: u32,
    /// Whether the server follows the rule.
    pub passed: bool,
    /// Why it was not asked, where it was not.
    pub not_asked: Option<NotAsked>,
    /// Where it does not follow it: what was seen.
    #[serde(flatten)]
    pub difference: Option<Difference>,
    /// The rule.
    pub rule: &'static str,
    /// Where the book explains it.
    pub page: &'static str,
    /// How long it took.
    pub seconds: f64,
}

impl Target {
    /// A server with the default limits, which may take five seconds for an answer.
    pub fn new(address: SocketAddr) -> Self {
        Target {
            address,
            max_message: DEFAULT_MAX_MESSAGE,
            message_timeout: DEFAULT_MESSAGE_TIMEOUT,
            patience: Duration::from_secs(5),
            settled: SETTLED,
            process: None,
            start: None,
        }
    }
}

impl Group {
    /// All groups.
    pub const ALL: [Group; 7] = [
        Group::Echo,
        Group::Bye,
        Group::Error,
        Group::Slow,
        Group::Concurrency,
        Group::Faults,
        Group::Ending,
    ];

    /// Its name, as `--only` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Group::Echo => "echo",
            Group::Bye => "bye",
            Group::Error => "error",
            Group::Slow => "slow",
            Group::Concurrency => "concurrency",
            Group::Faults => "faults",
            Group::Ending => "ending",
        }
    }
}

impl Case {
    /// Whether it is a rule of this framing.
    pub fn is_of(&self, framing: Framing) -> bool {
        self.framing.is_none_or(|its| its == framing)
    }

    /// Checks the rule. Blocks: each wait for the server is bounded by the target's patience.
    ///
    /// # Errors
    ///
    /// Where the server does not follow it.
    pub fn check(&self, target: &Target) -> Result<(), Difference> {
        (self.check)(target)
    }

    /// Why it cannot be asked of this target.
    pub fn obstacle(&self, target: &Target) -> Option<NotAsked> {
        match self.needs {
            // Only Linux shows what is asked of it.
            Needs::Process if target.process.is_none() || cfg!(not(target_os = "linux")) => {
                Some(NotAsked::NeedsProcess)
            }
            Needs::Process if target.process.is_some_and(is_another_users) => {
                Some(NotAsked::Forbidden)
            }
            Needs::Start if target.start.is_none() => Some(NotAsked::NeedsStart),
            _ => None,
        }
    }

    /// Judges a target, which had to be revived, unless it is too late.
    fn judge(
        &self,
        target: &Target,
        points: u32,
        deadline: Instant,
        revived: io::Result<()>,
    ) -> Verdict {
        let begin = Instant::now();
        let late = (begin > deadline).then_some(NotAsked::TimeWasOver);
        let not_asked = self.obstacle(target).or(late);
        let revived = revived.map_err(|error| Difference::of_a_start(&error));
        let checked = not_asked.is_none().then(|| revived.and_then(|()| self.check(target)));
        let passed = matches!(checked, Some(Ok(())));
        Verdict {
            group: self.group,
            case: self.name,
            points: if passed { points } else { 0 },
            of: points,
            passed,
            not_asked,
            difference: checked.and_then(Result::err),
            rule: self.rule,
            page: self.page,
            seconds: begin.elapsed().as_secs_f64(),
        }
    }
}

impl Verdict {
    /// Whether the server did not follow the rule, or left no time to find out.
    pub fn failed(&self) -> bool {
        self.difference.is_some() || self.not_asked == Some(NotAsked::TimeWasOver)
    }
}

/// Whether the system does not let this user look into a process: proc_pid_fd(5).
fn is_another_users(process: Pid) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{process}/fd"));
    descriptors.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// How long a server may take to end of what a case did, for that to be told.
const DEATH: Duration = Duration::from_millis(300);

/// A server that is checked: one that runs anyhow, or one that is started for it, and again where a case
/// has ended it.
#[derive(Debug)]
pub struct Subject {
    target: Target,
    server: Option<ServerProcess>,
}

impl Subject {
    /// The one at the target's address, or one that the target's command starts.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn new(target: Target) -> io::Result<Self> {
        let mut subject = Subject { target, server: None };
        subject.revive()?;
        Ok(subject)
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.target.address
    }

    /// This many like it, each of which the target's command starts; or the one at its address.
    ///
    /// # Errors
    ///
    /// When one cannot be started.
    pub fn several(target: &Target, count: usize) -> io::Result<Vec<Self>> {
        let count = if target.start.is_some() { count } else { 1 };
        (0..count).map(|_| Subject::new(target.clone())).collect()
    }

    fn judge(&mut self, case: &'static Case, points: u32, deadline: Instant) -> Verdict {
        let revived = self.revive();
        let mut verdict = case.judge(&self.target, points, deadline, revived);
        if let Some(difference) = &mut verdict.difference {
            difference.received += &self.take_down();
        }
        verdict
    }

    /// Starts one, where one is to be started and none runs.
    fn revive(&mut self) -> io::Result<()> {
        let Some(command) = &self.target.start else { return Ok(()) };
        if let Some(server) = &mut self.server
            && server.wait_within(Duration::ZERO)?.is_none()
        {
            return Ok(());
        }
        let server = self.server.insert(command.start()?);
        (self.target.address, self.target.process) = (server.address(), Some(server.process()));
        Ok(())
    }

    /// Ends the one behind a case that failed, lest the next case suffer from that, and says how it had
    /// ended by itself, if it had.
    fn take_down(&mut self) -> String {
        let ended = |mut server: ServerProcess| server.wait_within(DEATH).ok().flatten();
        let status = self.server.take().and_then(ended);
        status.map_or(String::new(), |status| format!("; and its process ended, with {status}"))
    }
}

/// Checks these cases, each for its points, and gives `watch` each verdict, in the order of the cases. Each
/// server is asked one case at a time, so that several of them are faster than one. A case whose turn comes
/// after the deadline is not asked. Blocks until the end, which is that of the servers too.
pub fn check(
    subjects: Vec<Subject>,
    cases: &[(&'static Case, u32)],
    deadline: Instant,
    mut watch: impl FnMut(&Verdict),
) -> Vec<Verdict> {
    let next = AtomicUsize::new(0);
    let judge_in_turn = |mut subject: Subject, tell: Sender<(usize, Verdict)>| {
        let mut place = next.fetch_add(1, Ordering::Relaxed);
        while let Some((case, points)) = cases.get(place) {
            // The one who is told waits for all.
            let _ = tell.send((place, subject.judge(case, *points, deadline)));
            place = next.fetch_add(1, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        for subject in subjects {
            let (tell, judge_in_turn) = (tell.clone(), &judge_in_turn);
            scope.spawn(move || judge_in_turn(subject, tell));
        }
        drop(tell);
        let (mut early, mut verdicts) = (BTreeMap::new(), Vec::new());
        for (place, verdict) in told {
            early.insert(place, verdict);
            while let Some(verdict) = early.remove(&verdicts.len()) {
                watch(&verdict);
                verdicts.push(verdict);
            }
        }
        verdicts
    })
}
