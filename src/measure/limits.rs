//! How many connections at a time the limits of this process and this machine leave room for.

use server_core::Unit;

use crate::kernel::limits::Tasks;
use crate::models::Contestant;

/// Descriptors that the lab or a server needs beside those of its connections.
const OTHER_FILES: u64 = 40;

/// Processes and threads that the lab and a server need beside those of its connections.
const OTHER_TASKS: u64 = 20;

/// The limits, read once.
#[derive(Clone, Debug)]
pub struct Limits {
    files: u64,
    tasks: Tasks,
}

impl Limits {
    /// Raises the limit of open files as far as it goes, and reads what holds now.
    pub fn here() -> Self {
        Limits { files: server_core::raise_open_file_limit(), tasks: Tasks::here() }
    }

    /// How many connections the lab can open to a server, and this can serve or hold. All of them
    /// are descriptors here and most are there; some take a process or a thread each.
    pub fn room_for(&self, contestant: &Contestant) -> usize {
        let files = self.files.saturating_sub(OTHER_FILES);
        let tasks = self.tasks.free.saturating_sub(OTHER_TASKS);
        let room = if takes_tasks(contestant) { files.min(tasks) } else { files };
        usize::try_from(room).unwrap_or(usize::MAX)
    }

    /// Which limit is in the way of this many connections, what they need, and how to raise it.
    pub fn lack(&self, contestant: &Contestant, connections: usize) -> Option<String> {
        let own = contestant.room();
        if connections > own {
            return Some(format!("it takes on and lets wait {own} at most"));
        }
        if connections <= self.room_for(contestant) {
            return None;
        }
        let needed = connections as u64 + OTHER_FILES;
        if self.files < needed {
            let limit = self.files;
            return Some(format!(
                "they need {needed} open files, and the limit is {limit} (`ulimit -n {needed}`)"
            ));
        }
        let (needed, Tasks { free, limit }) = (connections as u64 + OTHER_TASKS, &self.tasks);
        Some(format!("they need {needed} processes or threads, and {limit} leaves room for {free}"))
    }

    /// How many connections within this process there may be beside these: each takes two
    /// descriptors.
    pub fn pairs_beside(&self, connections: usize) -> usize {
        let left = self.files.saturating_sub(OTHER_FILES + connections as u64);
        usize::try_from(left / 2).unwrap_or(usize::MAX)
    }
}

fn takes_tasks(contestant: &Contestant) -> bool {
    let model = &contestant.model;
    model.makes_a_unit_for_each() && matches!(model.unit, Unit::Process | Unit::Thread)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::MODELS;

    #[test]
    fn the_limit_that_is_short_is_the_one_that_is_named() {
        let limits =
            Limits { files: 1000, tasks: Tasks { free: 100, limit: "the limit of tasks" } };
        for entry in MODELS {
            let server = Contestant::server(entry);
            let makes = entry.model.makes_a_unit_for_each() && entry.model.unit != Unit::Task;
            assert_eq!(limits.room_for(&server), if makes { 80 } else { 960 }, "{}", server.name);
            let lack = |connections| limits.lack(&server, connections).unwrap_or_default();
            assert_eq!(lack(900).contains("limit of tasks"), makes, "{}", lack(900));
            if server.room() > 960 {
                assert!(lack(961).contains("ulimit -n 1001"), "{}", lack(961));
            }
            assert_eq!(lack(80), "");
            let all = server.room() + 1;
            assert!(lack(all).contains("lets wait"), "{}", lack(all));
        }
        assert_eq!(limits.pairs_beside(900), 30);
    }
}
