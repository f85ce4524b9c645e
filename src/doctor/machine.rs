//! The CPUs, the memory and the limits.

use std::time::Duration;

use super::Finding;
use crate::kernel::machine::{self, Machine};
use crate::measure::limits::Limits;
use crate::models::{Contestant, MODELS};
use crate::results::terminal;

/// How many idle connections the greatest experiment has (`memory`).
const MOST_CONNECTIONS: usize = 10_000;

/// For how long the CPUs are watched.
const LOOK: Duration = Duration::from_millis(500);

/// What they take under the model that takes most, and a bit beside it.
const MEMORY_GIB: f64 = 4.0;

pub(super) fn build() -> Finding {
    let found = if machine::IS_OPTIMISED { "optimised" } else { "not optimised" };
    let (what, effect) = ("this program", "every figure is that of a slow program");
    Finding::of(what, machine::IS_OPTIMISED, found.to_owned(), effect, "cargo run --release")
}

pub(super) fn cores() -> Finding {
    let cores = machine::cores();
    let effect = "threads that compute take turns, so `work` and `timeline --compute` show no \
                  difference between one thread and many";
    let fix = "give the virtual machine or the container two CPUs or more";
    Finding::of("CPUs", cores >= 2, cores.to_string(), effect, fix)
}

/// How busy other programs keep the CPUs now. The average of the last minute would include the build of this
/// program.
pub(super) fn load() -> Finding {
    let Some(share) = machine::busy_share(LOOK) else { return Finding::good("load", "unknown") };
    let found = format!("{:.0} % of the CPUs' time is used by programs", share * 100.0);
    let effect = "the spread of all figures is wide";
    Finding::of("load", share < 0.25, found, effect, "end other programs, or wait")
}

pub(super) fn memory() -> Finding {
    let memory = Machine::here().memory_gib;
    let effect = "`memory` with 10,000 connections under fork may not fit";
    let fix = "cargo run --release -- memory --connections 100,1000";
    // Elsewhere than on Linux nobody tells.
    if memory == 0.0 {
        return Finding::good("memory", "unknown");
    }
    Finding::of("memory", memory >= MEMORY_GIB, format!("{memory:.1} GiB"), effect, fix)
}

pub(super) fn open_files() -> Finding {
    let limit = server_core::raise_open_file_limit();
    let effect = "`memory` and the endurance tests take fewer connections than the book shows";
    let fix = "raise the hard limit: /etc/security/limits.conf (nofile), or docker run --ulimit \
                nofile=20000:20000";
    let is_enough = limit > MOST_CONNECTIONS as u64 + 100;
    Finding::of("open files", is_enough, format!("{limit} a process"), effect, fix)
}

/// Processes and threads.
pub(super) fn units() -> Finding {
    let (what, limits) = ("processes", Limits::here());
    // A model that serves fewer at once needs no more than it is allowed.
    let all = MODELS.iter().map(Contestant::server).filter(|it| it.room() >= MOST_CONNECTIONS);
    let lack = { all }.find_map(|it| limits.lack(&it, MOST_CONNECTIONS));
    let found = format!("room for {MOST_CONNECTIONS} connections, a process or a thread each");
    let Some(lack) = lack else { return Finding::good(what, found) };
    let effect = "`memory` and the endurance tests take fewer connections than the book shows";
    let found = format!("of {MOST_CONNECTIONS} connections: {lack}");
    Finding::bad(what, found, effect, "raise this limit")
}

pub(super) fn terminal() -> Finding {
    let columns = terminal::width();
    // A wider one counts as this wide.
    let found = format!("{columns} columns{}", if columns < 80 { "" } else { " or more" });
    let effect = "tables are cut or wrapped";
    let fix = "make the window wider, or the letters smaller";
    Finding::of("terminal", columns >= 80, found, effect, fix)
}
