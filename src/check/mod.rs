//! The protocol's conformance suite, against any server in any language.
//!
//! Each rule of the protocol (see the documentation of the `protocol` crate) is a [`Case`] with a
//! name. A case connects, sends, and compares what comes back; where that differs, its
//! [`Difference`] says what was sent, expected and received. The project holds each of its own
//! servers against the same cases.

use std::net::SocketAddr;
use std::time::Duration;

use protocol::{DEFAULT_MAX_MESSAGE, DEFAULT_MESSAGE_TIMEOUT, Framing};
use serde::Serialize;

mod cases;
mod peer;
mod report;

pub use cases::CASES;
pub use peer::Difference;
pub use report::render;

/// The server to check, and what it was told.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its address.
    pub address: SocketAddr,
    /// Its `--max-message`.
    pub max_message: usize,
    /// Its `--message-timeout`.
    pub message_timeout: Duration,
    /// How long an answer may take.
    pub patience: Duration,
}

/// What a case needs of a server beyond sending back what it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Nothing: a plain echo server passes.
    Echo,
    /// It closes at `Bye`.
    Bye,
    /// It answers what is not a message with an `ERROR` line.
    Error,
    /// It answers a message that is not whole in time with an `ERROR` line.
    Slow,
}

/// One rule of the protocol.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The rule, as a sentence.
    pub name: &'static str,
    /// What it needs.
    pub group: Group,
    /// The framing that it is a rule of.
    pub framing: Framing,
    check: fn(&Target) -> Result<(), Difference>,
}

/// What came of a case.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// What the case needs.
    pub group: Group,
    /// The rule.
    pub case: &'static str,
    /// Whether the server follows it.
    pub passed: bool,
    /// Where it does not: what was seen.
    #[serde(flatten)]
    pub difference: Option<Difference>,
}

impl Target {
    /// A server with the default limits, which may take five seconds for an answer.
    pub fn new(address: SocketAddr) -> Self {
        let patience = Duration::from_secs(5);
        let message_timeout = DEFAULT_MESSAGE_TIMEOUT;
        Target { address, max_message: DEFAULT_MAX_MESSAGE, message_timeout, patience }
    }
}

impl Group {
    /// All groups.
    pub const ALL: [Group; 4] = [Group::Echo, Group::Bye, Group::Error, Group::Slow];

    /// Its name, as `--only` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Group::Echo => "echo",
            Group::Bye => "bye",
            Group::Error => "error",
            Group::Slow => "slow",
        }
    }
}

impl Case {
    /// Checks the rule. Blocks, for a few times the target's patience at most.
    ///
    /// # Errors
    ///
    /// Where the server does not follow it.
    pub fn check(&self, target: &Target) -> Result<(), Difference> {
        (self.check)(target)
    }
}

/// Checks the cases of a framing and of these groups one after the other, and tells `watch` each
/// verdict.
pub fn check(
    target: &Target,
    framing: Framing,
    groups: &[Group],
    mut watch: impl FnMut(&Verdict),
) -> Vec<Verdict> {
    let cases = CASES.iter().filter(|it| it.framing == framing && groups.contains(&it.group));
    let verdicts = cases.map(|case| {
        let difference = case.check(target).err();
        let passed = difference.is_none();
        let verdict = Verdict { group: case.group, case: case.name, passed, difference };
        watch(&verdict);
        verdict
    });
    verdicts.collect()
}
