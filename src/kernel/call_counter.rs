//! How many system calls a server makes, by name. The kernel counts them, where it may be asked to
//! (`perf_event_open(2)`, tracepoints); else a tracer does, which takes its time.

use std::collections::BTreeMap;
use std::io;

use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// The calls that are counted by name, in the order of a connection's life.
pub const NAMED: [&str; 28] = [
    "poll",
    "ppoll",
    "epoll_wait",
    "epoll_pwait",
    "io_uring_enter",
    "accept4",
    "clone",
    "clone3",
    "futex",
    "epoll_ctl",
    "read",
    "recvfrom",
    "write",
    "sendto",
    "close",
    "wait4",
    "exit",
    "exit_group",
    "madvise",
    "mmap",
    "munmap",
    "mprotect",
    "sigaltstack",
    "sched_getaffinity",
    "sched_yield",
    "rt_sigprocmask",
    "rt_sigreturn",
    "prctl",
];

/// Who counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Witness {
    /// The kernel, at next to no cost.
    Kernel,
    /// A tracer, which stops the server at each call.
    Tracer,
}

/// System calls that were counted.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// All of them.
    pub all: u64,
    /// Those of [`NAMED`] that were made.
    pub by_name: BTreeMap<&'static str, u64>,
}

/// Counts the calls of servers, and of all that they start.
pub struct CallCounter(Option<system::Points>);

/// A count that is under way. It ends with this value.
pub struct Count {
    /// Who counts.
    pub witness: Witness,
    finish: Option<Finish>,
}

/// What ends a count.
type Finish = Box<dyn FnOnce() -> io::Result<Calls>>;

impl CallCounter {
    /// One that counts as cheaply as this system and the limit of open files allow. To make it, and to drop
    /// it, takes the kernel a second.
    pub fn new() -> Self {
        CallCounter(system::Points::open().ok())
    }

    /// One that lets the kernel count, and nobody else.
    ///
    /// # Errors
    ///
    /// When the system forbids it, or its tracepoints cannot be read.
    pub fn by_kernel() -> io::Result<Self> {
        system::Points::open().map(|points| CallCounter(Some(points)))
    }

    /// One that needs no more than leave to trace.
    pub fn tracing() -> Self {
        CallCounter(None)
    }

    /// Begins to count the calls of a server. A tracer does it for one that has so many threads that there
    /// are too few descriptors for the kernel's counters.
    ///
    /// # Errors
    ///
    /// When the system forbids it.
    pub fn attach(&self, server: Pid) -> io::Result<Count> {
        let by_kernel = self.0.as_ref().and_then(|points| points.attach(server).ok());
        let (witness, finish) = match by_kernel {
            Some(finish) => (Witness::Kernel, finish),
            None => (Witness::Tracer, system::trace(server)?),
        };
        Ok(Count { witness, finish: Some(finish) })
    }
}

impl Default for CallCounter {
    fn default() -> Self {
        CallCounter::new()
    }
}

impl Count {
    /// Ends the counting. Blocks for a moment.
    ///
    /// # Errors
    ///
    /// When the counters cannot be read, or the tracer has failed.
    pub fn finish(mut self) -> io::Result<Calls> {
        self.finish.take().map_or(Ok(Calls::default()), |finish| finish())
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        // Nobody asks for it: a tracer ends all the same.
        let _ = self.finish.take().map(|finish| finish());
    }
}

impl Calls {
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nobody counts"))]
    fn add(&mut self, name: &'static str) {
        self.all += 1;
        if NAMED.contains(&name) {
            *self.by_name.entry(name).or_default() += 1;
        }
    }

    /// The same without others.
    #[must_use]
    pub fn less(mut self, others: &Calls) -> Self {
        self.all = self.all.saturating_sub(others.all);
        for (name, count) in &mut self.by_name {
            *count = count.saturating_sub(others.of(name));
        }
        self
    }

    /// How often a call of this name was made.
    pub fn of(&self, name: &str) -> u64 {
        self.by_name.get(name).copied().unwrap_or_default()
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod system {
    use std::fs;
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use nix::unistd::Pid;
    use perf_event::events::Tracepoint;
    use perf_event::{Builder, Counter};

    use super::super::tracer::{Happening, Tracer, threads_of};
    use super::{Calls, Finish, NAMED};

    /// Places in the kernel that are counted: that of all calls, and those of some by name.
    pub(super) struct Points(Vec<Point>);

    struct Point {
        name: Option<&'static str>,
        tracepoint: Tracepoint,
        /// Keeps the place armed: the kernel takes its time to disarm it after its last counter.
        _armed: Counter,
    }

    /// For how many threads of a server there must be room.
    const THREADS: usize = 32;

    impl Points {
        pub(super) fn open() -> io::Result<Self> {
            if server_core::raise_open_file_limit() < (THREADS * (1 + NAMED.len())) as u64 {
                return Err(io::Error::other("each thread takes a descriptor for each call"));
            }
            let point = |name: Option<&'static str>| -> io::Result<Point> {
                let tracepoint = match name {
                    None => tracepoint("raw_syscalls/sys_enter")?,
                    Some(name) => tracepoint(&format!("syscalls/sys_enter_{name}"))?,
                };
                Ok(Point { name, tracepoint, _armed: Builder::new(tracepoint).build()? })
            };
            // A system need not have all of these calls.
            let named = NAMED.into_iter().filter_map(|name| point(Some(name)).ok());
            Ok(Points([point(None)?].into_iter().chain(named).collect()))
        }

        /// A counter for each thread and each place. It counts what the thread starts, too.
        pub(super) fn attach(&self, server: Pid) -> io::Result<Finish> {
            let mut counters = Vec::new();
            for thread in threads_of(server)? {
                for Point { name, tracepoint, .. } in &self.0 {
                    let mut counter = Builder::new(*tracepoint);
                    counter.observe_pid(thread.as_raw());
                    counter.include_kernel().inherit(true).enabled(true);
                    counters.push((*name, counter.build()?));
                }
            }
            Ok(Box::new(|| read(counters)))
        }
    }

    /// A place in the kernel that can be counted: the file system of tracepoints has its number.
    fn tracepoint(name: &str) -> io::Result<Tracepoint> {
        let file = format!("/sys/kernel/tracing/events/{name}/id");
        let unreadable = |error| io::Error::other(format!("{file}: {error}"));
        let number = fs::read_to_string(&file).map_err(unreadable)?;
        number.trim_end().parse().map(Tracepoint::with_id).map_err(io::Error::other)
    }

    fn read(counters: Vec<(Option<&'static str>, Counter)>) -> io::Result<Calls> {
        let mut calls = Calls::default();
        for (name, mut counter) in counters {
            let count = counter.read()?;
            match name {
                None => calls.all += count,
                Some(name) if count > 0 => *calls.by_name.entry(name).or_default() += count,
                Some(_) => {}
            }
        }
        Ok(calls)
    }

    /// A thread that traces until it is enough. It has begun when this returns.
    pub(super) fn trace(server: Pid) -> io::Result<Finish> {
        let enough = Arc::new(AtomicBool::new(false));
        let (begins, beginning) = mpsc::channel();
        let until = Arc::clone(&enough);
        let count = move |tracer: &mut Tracer| {
            let mut calls = Calls::default();
            let _ = begins.send(());
            while !until.load(Ordering::Relaxed) {
                match tracer.next_happening()? {
                    Some((_, Happening::Enters(call))) => calls.add(call.name),
                    Some(_) => {}
                    None => thread::sleep(Duration::from_micros(20)),
                }
            }
            Ok(calls)
        };
        let tracing = thread::spawn(move || Tracer::follow(server, count));
        let end = move || match tracing.join() {
            Ok(calls) => calls,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        match beginning.recv() {
            Ok(()) => Ok(Box::new(move || {
                enough.store(true, Ordering::Relaxed);
                end()
            })),
            Err(mpsc::RecvError) => Err(end().err().unwrap_or(io::ErrorKind::Other.into())),
        }
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod system {
    use std::io;

    use nix::unistd::Pid;

    use super::Finish;

    pub(super) struct Points;

    impl Points {
        pub(super) fn open() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(super) fn attach(&self, _: Pid) -> io::Result<Finish> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    pub(super) fn trace(_: Pid) -> io::Result<Finish> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(all: u64, polls: u64) -> Calls {
        Calls { all, by_name: BTreeMap::from([("poll", polls)]) }
    }

    #[test]
    fn what_an_idle_run_has_made_is_taken_off_in_all_and_by_name() {
        let left = calls(100, 30).less(&calls(10, 5));
        assert_eq!((left.all, left.of("poll"), left.of("mmap")), (90, 25, 0));
        assert_eq!(calls(1, 1).less(&calls(2, 2)).all, 0);
    }
}
