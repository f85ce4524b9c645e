//! A system call in words: its name, those of its arguments that matter, and what came of it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;
use procfs::net::TcpState;

use crate::kernel::tracer::Call;

/// The most bytes of a message that are shown.
const SHOWN: usize = 16;

/// What the descriptors of a server stand for. The kernel calls a socket by its inode.
pub(super) struct Descriptors {
    /// One, or one for each worker.
    listeners: Vec<String>,
    connection: Option<String>,
    /// Sockets that are no network's: in a server, those by which a signal wakes it.
    self_pipes: Vec<String>,
}

impl Descriptors {
    /// Of a server that listens on this port.
    pub(super) fn of_listener(port: u16) -> Self {
        let sockets = procfs::net::tcp().unwrap_or_default();
        let listeners = sockets.iter().filter(|it| it.state == TcpState::Listen);
        let listeners = listeners.filter(|it| it.local_address.port() == port);
        let listeners = listeners.map(|it| socket(it.inode)).collect();
        let local = procfs::net::unix().unwrap_or_default();
        let self_pipes = local.iter().map(|it| socket(it.inode)).collect();
        Descriptors { listeners, connection: None, self_pipes }
    }

    /// The connection is what was accepted last.
    pub(super) fn accepted(&mut self, process: Pid, descriptor: i64) {
        self.connection = link(process, descriptor);
    }

    /// The same where the kernel has accepted it by itself: it is the one socket that is not known.
    pub(super) fn accepted_by_completion(&mut self, process: Pid) {
        let numbers = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
        let links = numbers.filter_map(|entry| fs::read_link(entry.path()).ok());
        let mut sockets = links.map(|link| link.to_string_lossy().into_owned());
        self.connection = sockets.find(|link| {
            let is_known = self.listeners.contains(link) || self.self_pipes.contains(link);
            link.starts_with("socket:") && !is_known
        });
    }

    /// Whether a call is to take a connection from the listener.
    pub(super) fn accepts(&self, process: Pid, call: &Call) -> bool {
        call.name.starts_with("accept") && self.name(process, call.arguments[0]) == "listener"
    }

    fn name(&self, process: Pid, descriptor: u64) -> &'static str {
        // A descriptor is an `int`, whatever stands in the upper half of the register.
        match link(process, i64::from(descriptor as i32)) {
            Some(link) if self.listeners.contains(&link) => "listener",
            Some(link) if Some(&link) == self.connection.as_ref() => "connection",
            Some(link) if self.self_pipes.contains(&link) => "self-pipe",
            Some(link) if link.starts_with("socket:") => "socket",
            Some(link) if link.starts_with("pipe:") => "pipe",
            Some(link) if link.ends_with("[eventpoll]") => "epoll",
            Some(link) if link.ends_with("[eventfd]") => "eventfd",
            Some(_) => "file",
            None => "none",
        }
    }

    /// A call as it is entered.
    pub(super) fn call(&self, process: Pid, call: &Call) -> String {
        let name = |index: usize| self.name(process, call.arguments[index]);
        let arguments = match call.name {
            "accept" | "accept4" | "close" | "read" | "recvfrom" | "write" | "sendto"
            | "recvmsg" | "sendmsg" | "epoll_wait" | "epoll_pwait" | "ioctl" | "fcntl"
            | "setsockopt" | "getsockopt" | "getpeername" | "getsockname" => name(0).to_owned(),
            "shutdown" => format!("{}, {}", name(0), direction(call.arguments[1])),
            "poll" | "ppoll" => self.polled(process, call),
            "epoll_ctl" => format!("{} {}", change(call.arguments[1]), name(2)),
            "futex" => futex(call.arguments[1]).to_owned(),
            "clone" | "clone3" | "fork" | "vfork" => match Kind::made_by(process, call) {
                Some(Kind { shares_memory: true, .. }) => "memory shared".to_owned(),
                _ => "memory copied".to_owned(),
            },
            "mmap" | "munmap" | "mprotect" | "madvise" => size(call.arguments[1]),
            "io_uring_enter" => operations(call.arguments[1]),
            "exit" | "exit_group" => call.arguments[0].to_string(),
            _ => return call.name.to_owned(),
        };
        format!("{}({arguments})", call.name)
    }

    /// What is polled: an array of descriptors and events, eight bytes each.
    fn polled(&self, process: Pid, call: &Call) -> String {
        let [array, count, ..] = call.arguments;
        let polled = memory(process, array, 8 * count.min(8) as usize);
        let descriptor = |entry: &[u8]| entry.first_chunk().map(|it| u32::from_ne_bytes(*it));
        let descriptors = polled.chunks(8).filter_map(descriptor);
        let names = descriptors.map(|it| self.name(process, u64::from(it)));
        names.collect::<Vec<_>>().join(", ")
    }

    /// What a call has returned: nothing where that says nothing.
    pub(super) fn result(&self, process: Pid, call: &Call, result: i64) -> String {
        match (call.name, result) {
            // It restores what the interrupted call had returned.
            ("rt_sigreturn", _) => String::new(),
            (_, ..0) => error(-result),
            ("accept" | "accept4", _) => " = connection".to_owned(),
            ("read" | "recvfrom" | "write" | "sendto", count) => {
                let is_message = self.name(process, call.arguments[0]) == "connection";
                let shown = usize::try_from(count).unwrap_or(0).min(SHOWN);
                let bytes = memory(process, call.arguments[1], if is_message { shown } else { 0 });
                let text = String::from_utf8_lossy(&bytes);
                let text = if text.is_empty() { String::new() } else { format!(" {text:?}") };
                format!(" = {count}{text}")
            }
            ("poll" | "ppoll" | "epoll_wait" | "epoll_pwait", count) => format!(" = {count}"),
            _ => String::new(),
        }
    }
}

/// What a call that makes a thread or a process makes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    /// Whether it is a thread of the same process, and not a process of its own.
    pub(super) is_thread: bool,
    /// Whether it has the memory of its maker, and not a copy.
    pub(super) shares_memory: bool,
}

impl Kind {
    /// By the flags of the call (`clone(2)`), which stand in a register, or first in a record. Other
    /// calls make nothing.
    pub(super) fn made_by(process: Pid, call: &Call) -> Option<Self> {
        let flags = match call.name {
            "clone" => call.arguments[0],
            "clone3" => {
                let record = memory(process, call.arguments[0], 8);
                record.first_chunk().map_or(0, |flags| u64::from_ne_bytes(*flags))
            }
            "fork" | "vfork" => 0,
            _ => return None,
        };
        let has = |flag: i32| flags & u64::from(flag.unsigned_abs()) != 0;
        Some(Kind { is_thread: has(libc::CLONE_THREAD), shares_memory: has(libc::CLONE_VM) })
    }
}

/// Whether a call was broken off for a signal: the kernel begins it anew, or tells the program
/// `EINTR`, when it knows what the signal does (`ERESTARTSYS` and its like, which no program sees).
pub(super) fn is_to_be_begun_anew(result: i64) -> bool {
    (-516..=-512).contains(&result)
}

/// What an error is called.
fn error(number: i64) -> String {
    match i32::try_from(number).map(Errno::from_raw) {
        Ok(error) => format!(" = {error:?}"),
        Err(_) => " failed".to_owned(),
    }
}

fn direction(how: u64) -> &'static str {
    ["read", "write", "both"].get(how as usize).copied().unwrap_or("?")
}

fn change(operation: u64) -> &'static str {
    ["add", "delete", "change"].get((operation as usize).wrapping_sub(1)).copied().unwrap_or("?")
}

/// Without the flags that stand beside the operation.
fn futex(operation: u64) -> &'static str {
    match operation as i32 & libc::FUTEX_CMD_MASK {
        libc::FUTEX_WAIT | libc::FUTEX_WAIT_BITSET => "wait",
        libc::FUTEX_WAKE | libc::FUTEX_WAKE_BITSET => "wake",
        _ => "other",
    }
}

/// What is handed over to a ring.
fn operations(count: u64) -> String {
    match count {
        0 => "nothing new".to_owned(),
        1 => "1 operation".to_owned(),
        _ => format!("{count} operations"),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        _ => format!("{} MiB", bytes / 1_048_576),
    }
}

fn socket(inode: u64) -> String {
    format!("socket:[{inode}]")
}

fn link(process: Pid, descriptor: i64) -> Option<String> {
    let link = fs::read_link(format!("/proc/{process}/fd/{descriptor}")).ok()?;
    Some(link.to_string_lossy().into_owned())
}

/// Bytes of a process that stands still; none where they cannot be read.
fn memory(process: Pid, address: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let file = File::open(format!("/proc/{process}/mem"));
    match file.and_then(|file| file.read_exact_at(&mut bytes, address)) {
        Ok(()) => bytes,
        Err(_) => Vec::new(),
    }
}
