//! The life of one connection, as it is told: who did what, in which phase.

use serde::{Deserialize, Serialize};

use crate::recording::{Event, What};

/// A part of a connection's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    /// From the client's connect to the accept.
    Arrives,
    /// From the accept to where all wait for its message.
    UnitBegins,
    /// From the message to its answer.
    Served,
    /// From `Bye` to where all wait for the next client.
    UnitEnds,
}

impl Phase {
    /// All of them, in order.
    pub(super) const ALL: [Phase; 4] =
        [Phase::Arrives, Phase::UnitBegins, Phase::Served, Phase::UnitEnds];

    /// What it is called.
    pub(super) fn title(self) -> &'static str {
        match self {
            Phase::Arrives => "arrives",
            Phase::UnitBegins => "unit begins",
            Phase::Served => "served",
            Phase::UnitEnds => "unit ends",
        }
    }
}

/// A thread or a process that came to be in a step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Made {
    /// What it is called.
    pub(super) name: String,
    /// Whether it is a thread of the same process, and not a process of its own.
    pub(super) is_thread: bool,
    /// Whether it has the memory of its maker, and not a copy.
    pub(super) shares_memory: bool,
}

/// One thing that somebody in the server did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Step {
    pub(super) phase: Phase,
    /// A process or a thread.
    pub(super) who: String,
    /// The name of the system call; none where a signal came.
    pub(super) call: Option<String>,
    /// The call with what matters of its arguments and its result.
    pub(super) text: String,
    /// Whether it had to wait. One that does not return waits for the next client.
    pub(super) waited: bool,
    pub(super) returned: bool,
    pub(super) made: Option<Made>,
    /// When it was entered, in microseconds since the client came, and how long it took; a tracer looked on.
    pub(super) at: u64,
    pub(super) microseconds: u64,
}

/// The life of one connection under one model.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Story {
    pub(super) model: String,
    /// The server's process.
    pub(super) process: i32,
    /// In the order in which they returned, or began where they did not return.
    pub(super) steps: Vec<Step>,
}

impl Story {
    /// The same as events.
    pub(super) fn events(&self) -> impl Iterator<Item = Event> {
        self.steps.iter().map(|step| {
            let Step { phase, who, text, waited, returned, at, microseconds, .. } = step.clone();
            let phase = phase.title().to_owned();
            let what = What::Call { who, text, phase, microseconds, waited, returned };
            Event { at, server: self.model.clone(), client: None, what }
        })
    }

    /// Who takes part, in the order of their first step.
    pub(super) fn lanes(&self) -> Vec<&str> {
        let mut lanes = Vec::new();
        for step in &self.steps {
            if !lanes.contains(&step.who.as_str()) {
                lanes.push(step.who.as_str());
            }
        }
        lanes
    }

    /// What it comes to.
    pub(super) fn sentence(&self) -> String {
        // What waits for the next client is that one's: the wait for this one is counted.
        let calls = self.steps.iter().filter(|step| step.call.is_some() && step.returned);
        let waited = calls.clone().filter(|step| step.waited).count();
        let made: Vec<String> =
            self.steps.iter().filter_map(|it| it.made.as_ref()).map(Made::sentence).collect();
        let made =
            if made.is_empty() { "nothing is made for it".to_owned() } else { made.join(", ") };
        format!(
            "{}: a connection takes {} system calls ({}), of which {waited} had to wait; {made}.",
            self.model,
            calls.count(),
            self.lanes().join(", "),
        )
    }
}

impl Step {
    /// Whether its name is all that there is to say of it.
    pub(super) fn is_plain(&self) -> bool {
        self.call.as_ref() == Some(&self.text) && !self.waited && self.made.is_none()
    }
}

impl Made {
    fn sentence(&self) -> String {
        let unit = if self.is_thread { "a thread" } else { "a process" };
        let memory =
            if self.shares_memory { "in the same memory" } else { "with a copy of the memory" };
        format!("{unit} {memory} is made for it")
    }
}
