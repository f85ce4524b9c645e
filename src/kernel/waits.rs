//! What each thread of a process waits in: the system call that it sits in, `/proc/PID/task/TID/syscall` of
//! proc_pid_syscall(5), or where that may not be read the place in the kernel, `wchan`. Only Linux
//! has them.

use std::collections::BTreeMap;
use std::io;

use nix::unistd::Pid;
use serde::Serialize;

/// What a thread waits for, as far as its system call tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// For a client to come: `accept`.
    Accept,
    /// For one client to send: `recv`, `read`.
    Receive,
    /// For one client to take: `send`, `write`.
    Send,
    /// For one descriptor, and for a time at most: `poll` of one.
    PollOne,
    /// For one of a few descriptors: `poll`, `select`.
    Poll,
    /// For one of many descriptors: `epoll_wait`.
    Epoll,
    /// For an operation to be done: `io_uring_enter`.
    Completion,
    /// For another thread: `futex`.
    Thread,
    /// For a child: `wait4`, `waitid`.
    Child,
    /// For a time: `nanosleep`.
    Time,
    /// For nothing: it runs, or waits for a processor.
    Nothing,
    /// For something else.
    Other,
    /// It is not known: the place in the kernel tells nothing, and the call may not be read.
    Unknown,
}

/// How many threads wait in what.
pub type Waits = BTreeMap<Wait, usize>;

/// How many descriptors there are by which a process waits for many others.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Queues {
    /// Of readiness: `epoll_create1`.
    pub epoll: usize,
    /// Of completions: `io_uring_setup`.
    pub io_uring: usize,
}

/// Those of these processes together.
///
/// # Errors
///
/// When they may not be looked at.
pub fn queues(processes: &[Pid]) -> io::Result<Queues> {
    let mut queues = Queues::default();
    for process in processes {
        let names = system::anonymous_descriptors(*process)?;
        let count = |name: &str| names.iter().filter(|it| it.contains(name)).count();
        queues.epoll += count("eventpoll");
        queues.io_uring += count("io_uring");
    }
    Ok(queues)
}

/// What the threads of these processes wait in now.
///
/// # Errors
///
/// When they cannot be looked at.
pub fn of(processes: &[Pid]) -> io::Result<Waits> {
    let mut waits = Waits::new();
    for process in processes {
        for wait in system::waits(*process)? {
            *waits.entry(wait).or_default() += 1;
        }
    }
    Ok(waits)
}

impl Wait {
    /// The call by which a reader knows it.
    pub fn call(self) -> &'static str {
        match self {
            Wait::Accept => "accept",
            Wait::Receive => "recv",
            Wait::Send => "send",
            Wait::PollOne => "poll of one",
            Wait::Poll => "poll",
            Wait::Epoll => "epoll_wait",
            Wait::Completion => "io_uring_enter",
            Wait::Thread => "futex",
            Wait::Child => "wait",
            Wait::Time => "nanosleep",
            Wait::Nothing => "no call",
            Wait::Other => "another call",
            Wait::Unknown => "a call that is not known",
        }
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::io;

    use nix::unistd::Pid;
    use procfs::ProcError;
    use procfs::process::{FDTarget, Process, Syscall, Task};
    use syscalls::Sysno;

    use super::Wait;
    use server_process::family::own_threads;

    fn failure(error: ProcError) -> io::Error {
        io::Error::other(format!("/proc: {error}"))
    }

    /// What the kernel calls the descriptors that are no files, sockets or pipes.
    pub(super) fn anonymous_descriptors(process: Pid) -> io::Result<Vec<String>> {
        // One that is gone meanwhile has none.
        let Ok(process) = Process::new(process.as_raw()) else { return Ok(Vec::new()) };
        let targets = process.fd().map_err(failure)?.flatten().map(|it| it.target);
        let names = targets.filter_map(|target| match target {
            FDTarget::AnonInode(name) => Some(name),
            _ => None,
        });
        Ok(names.collect())
    }

    pub(super) fn waits(process: Pid) -> io::Result<Vec<Wait>> {
        // A process or a thread that is gone meanwhile waits in nothing.
        let tasks = Process::new(process.as_raw()).and_then(|it| own_threads(&it));
        let Ok(tasks) = tasks else { return Ok(Vec::new()) };
        Ok(tasks.map(|task| of_task(&task).unwrap_or_else(|| of_place(&task))).collect())
    }

    /// What a thread waits in by its call, where that may be read.
    fn of_task(task: &Task) -> Option<Wait> {
        Some(match task.syscall().ok()? {
            Syscall::Blocked { syscall_number, argument_registers, .. } => {
                of_call(syscall_number, argument_registers[1])
            }
            _ => Wait::Nothing,
        })
    }

    /// The second argument of `poll` is how many descriptors it is told.
    fn of_call(number: i64, second_argument: u64) -> Wait {
        let call = usize::try_from(number).ok().and_then(Sysno::new);
        match call.map_or("", |call| call.name()) {
            "accept" | "accept4" => Wait::Accept,
            "read" | "readv" | "recvfrom" | "recvmsg" => Wait::Receive,
            "write" | "writev" | "sendto" | "sendmsg" => Wait::Send,
            "poll" | "ppoll" if second_argument == 1 => Wait::PollOne,
            "poll" | "ppoll" | "select" | "pselect6" => Wait::Poll,
            "epoll_wait" | "epoll_pwait" | "epoll_pwait2" => Wait::Epoll,
            "io_uring_enter" => Wait::Completion,
            "futex" | "futex_waitv" => Wait::Thread,
            "wait4" | "waitid" => Wait::Child,
            "nanosleep" | "clock_nanosleep" => Wait::Time,
            _ => Wait::Other,
        }
    }

    /// What the threads of a process that stay where they are wait in, by their calls and by their places.
    #[cfg(test)]
    pub(super) fn calls_and_places(process: Pid) -> io::Result<Vec<(Wait, Wait)>> {
        let tasks = Process::new(process.as_raw()).and_then(|it| it.tasks()).map_err(failure)?;
        let both = |task: Task| {
            let (call, place) = (of_task(&task)?, of_place(&task));
            (of_task(&task) == Some(call) && call != Wait::Nothing).then_some((call, place))
        };
        Ok(tasks.flatten().filter_map(both).collect())
    }

    /// The names are those of functions in the kernel, which change from one to the next.
    fn of_place(task: &Task) -> Wait {
        let place = std::fs::read_to_string(format!("/proc/{}/task/{}/wchan", task.pid, task.tid));
        let place = place.unwrap_or_default();
        let known = [
            ("inet_csk_accept", Wait::Accept),
            ("wait_woken", Wait::Receive),
            ("sk_wait_data", Wait::Receive),
            ("sk_stream_wait_memory", Wait::Send),
            ("ep_poll", Wait::Epoll),
            ("do_epoll_wait", Wait::Epoll),
            ("io_cqring_wait", Wait::Completion),
            ("futex", Wait::Thread),
            ("do_wait", Wait::Child),
            ("hrtimer_nanosleep", Wait::Time),
        ];
        let found = known.iter().find(|(name, _)| place.starts_with(name));
        found.map_or(Wait::Unknown, |(_, wait)| *wait)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;

    use nix::unistd::Pid;

    use super::Wait;

    pub(super) fn anonymous_descriptors(_: Pid) -> io::Result<Vec<String>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn waits(_: Pid) -> io::Result<Vec<Wait>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// Where the call may not be read there is only the place: it must never say something else.
    #[test]
    fn the_place_in_the_kernel_says_what_the_call_says_or_nothing() -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let mut silent = TcpStream::connect(listener.local_addr()?)?;
        let (_client, _) = listener.accept()?;
        let (_sender, nothing) = channel::<()>();
        thread::spawn(move || silent.read(&mut [0]));
        thread::spawn(move || listener.accept());
        thread::spawn(move || nothing.recv());
        thread::spawn(|| thread::sleep(Duration::from_secs(60)));
        let wanted = [Wait::Receive, Wait::Accept, Wait::Thread, Wait::Time];
        loop {
            let pairs = system::calls_and_places(Pid::this())?;
            for (call, place) in &pairs {
                assert!([*call, Wait::Unknown].contains(place), "{call:?} and {place:?}");
            }
            let seen = |wait: &Wait| pairs.iter().any(|(call, _)| call == wait);
            if wanted.iter().all(seen) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}
