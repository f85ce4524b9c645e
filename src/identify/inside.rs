//! What the server's processes show: what a connection adds to them, who holds it, and what their
//! threads wait in.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use nix::unistd::Pid;
use serde::Serialize;
use server_process::family::{self, Family};
use server_process::sockets;

use super::visitor::{Host, Visitor};
use crate::kernel::waits::{self, Queues, Wait, Waits};
use crate::measure::idle_memory::Before;
use crate::measure::limits::Limits;

/// The processes of a server at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct Moment {
    /// How many processes, threads and descriptors there are.
    #[serde(flatten)]
    pub family: Family,
    /// What the threads wait in.
    pub waits: Waits,
    /// Which processes they are.
    #[serde(skip)]
    pub(super) processes: Vec<Pid>,
}

/// What connections add to a server's processes.
#[derive(Clone, Debug, Serialize)]
pub struct Inside {
    /// The server's process: the parent of those that it started.
    pub process: i32,
    /// Before the first client came.
    pub before: Moment,
    /// How many were served when it was looked at again.
    pub held: usize,
    /// With them.
    pub during: Moment,
    /// When they had left.
    pub after: Family,
    /// By which descriptors it waits for many others.
    pub queues: Queues,
    /// In how many processes beside the server's own there is a connection.
    pub children_that_hold: usize,
    /// How many of these were not there before the first client came.
    pub new_holders: usize,
    /// Memory that they added, in the server and in the kernel on its side, in bytes.
    pub memory: Option<(f64, f64)>,
}

/// How long a server may take to give back what it took for a client who has left.
const GIVE_BACK: Duration = Duration::from_secs(1);

/// How many connections are enough to weigh: the kernel takes memory by the page.
const ENOUGH_TO_WEIGH: usize = 8;

/// How often a family is looked at anew, while one of its members leaves amid the look, or runs and waits
/// in nothing.
const LOOKS: usize = 40;

/// How long after one look the next follows.
const PAUSE: Duration = Duration::from_millis(5);

impl Moment {
    /// Looks at a server and its children.
    ///
    /// # Errors
    ///
    /// When it is gone, or may not be looked at.
    pub(super) fn of(server: Pid) -> io::Result<Self> {
        let look = || {
            let processes = family::processes(server)?;
            Ok(Moment { waits: waits::of(&processes)?, family: Family::of(server)?, processes })
        };
        let mut moment: io::Result<Self> = look();
        for _ in 1..LOOKS {
            if moment.as_ref().is_ok_and(|it| !it.waits.contains_key(&Wait::Nothing)) {
                break;
            }
            thread::sleep(PAUSE);
            moment = look();
        }
        moment
    }
}

impl Inside {
    /// Processes that were added for each connection.
    pub fn processes_each(&self) -> f64 {
        self.each(self.before.family.processes, self.during.family.processes)
    }

    /// Threads that were added for each connection, not counting the first one of each process.
    pub fn threads_each(&self) -> f64 {
        self.each(extra_threads(&self.before.family), extra_threads(&self.during.family))
    }

    /// Descriptors that were added for each connection.
    pub fn descriptors_each(&self) -> f64 {
        self.each(self.before.family.descriptors, self.during.family.descriptors)
    }

    /// Whether the processes and threads that were added are gone with the clients.
    pub fn gives_back(&self) -> bool {
        let units = |family: &Family| family.processes + extra_threads(family);
        let [before, during, after] =
            [&self.before.family, &self.during.family, &self.after].map(units);
        // A runtime may have started some for itself meanwhile.
        2 * during.saturating_sub(after) >= during.saturating_sub(before)
    }

    /// Whether a connection adds a process.
    pub(super) fn adds_processes(&self) -> bool {
        self.processes_each() > 0.5
    }

    /// Whether it adds a thread.
    pub(super) fn adds_threads(&self) -> bool {
        self.threads_each() > 0.5
    }

    /// How many threads waited in one of these while the connections were open.
    pub(super) fn waiting(&self, waits: &[Wait]) -> usize {
        waits.iter().filter_map(|wait| self.during.waits.get(wait)).sum()
    }

    /// Whether it is not known of a thread what it waited in: it ran at that moment, or may not be read.
    pub(super) fn is_busy(&self) -> bool {
        self.waiting(&[Wait::Nothing, Wait::Unknown]) > 0
    }

    fn each(&self, before: usize, during: usize) -> f64 {
        (during as f64 - before as f64) / self.held.max(1) as f64
    }
}

/// The threads beside the first of each process.
pub(super) fn extra_threads(family: &Family) -> usize {
    family.threads.saturating_sub(family.processes)
}

/// Has this many clients come and stay, and looks at the server before, with and after them. `before` is
/// what it was before the first of all.
///
/// # Errors
///
/// When it cannot be looked at, or none of them is served.
pub(super) fn look(
    host: &Host,
    process: Pid,
    before: Moment,
    clients: usize,
) -> io::Result<Inside> {
    let memory = Before::reading(&Limits::here(), process, clients);
    let mut visitors = host.ask_by(clients);
    host.settle(&mut visitors, 2 * host.patience);
    let held = visitors.iter().filter(|it| it.is_answered()).count();
    if held == 0 {
        return Err(io::Error::other("nobody was served when it was looked at"));
    }
    let memory = memory.and_then(|before| before.added()).ok();
    let memory = memory.filter(|_| held >= ENOUGH_TO_WEIGH);
    let during = Moment::of(process)?;
    let queues = waits::queues(&family::processes(process)?)?;
    let (served, frozen): (Vec<_>, _) = visitors.into_iter().partition(Visitor::is_answered);
    let holders = children_that_hold(host, process, &served)?;
    let is_new = |holder: &&Pid| !before.processes.contains(holder);
    let (children_that_hold, new_holders) = (holders.len(), holders.iter().filter(is_new).count());
    host.part_with(served.into_iter().chain(frozen).collect());
    let after = when_they_have_left(process, &before.family)?;
    let process = process.as_raw();
    Ok(Inside {
        process,
        before,
        held,
        during,
        after,
        queues,
        children_that_hold,
        new_holders,
        memory,
    })
}

/// The processes beside the server's own that hold a connection.
fn children_that_hold(host: &Host, process: Pid, visitors: &[Visitor]) -> io::Result<Vec<Pid>> {
    let clients: Vec<_> = visitors.iter().map(|it| it.local).collect();
    let ends = sockets::server_ends(host.address, &clients)?;
    let ends: Vec<_> = ends.into_iter().flatten().collect();
    let holders = sockets::holders(&ends)?.into_iter().map(|(holder, _)| holder);
    Ok(holders.filter(|holder| *holder != process).collect())
}

/// What is left when its clients have gone, once it is what there was before, or after a while.
fn when_they_have_left(process: Pid, before: &Family) -> io::Result<Family> {
    let begin = Instant::now();
    loop {
        let after = Family::of(process)?;
        let is_back = after.threads <= before.threads && after.processes <= before.processes;
        if is_back || begin.elapsed() > GIVE_BACK {
            return Ok(after);
        }
        thread::sleep(Duration::from_millis(10));
    }
}
