//! What the kernel gives, and what it lets be looked at.

use std::fs;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use server_process::{ServerProcess, serve_command};

use super::Finding;
use crate::kernel::call_counter::CallCounter;
use crate::kernel::loopback;
use crate::models::MODELS;
use crate::serve::this_program;

/// What our servers ask for; the kernel cuts it to its own limit.
const BACKLOG: u64 = 4096;

/// Everything here goes over it.
pub(super) fn loopback() -> Finding {
    let what = "loopback";
    match loopback::reach() {
        Ok(()) => Finding::good(what, "127.0.0.1 reaches itself"),
        Err(error) => {
            let effect = "no client reaches a server on this machine";
            Finding::bad(what, error.to_string(), effect, loopback::FIX)
        }
    }
}

/// What the pages' commands connect to.
pub(super) fn port(address: SocketAddr) -> Finding {
    let what = "port";
    match TcpListener::bind(address) {
        Ok(_) => Finding::good(what, format!("{address} is free")),
        Err(error) => {
            let effect = "the servers of the tour and of the book's commands do not start";
            let fix = match error.kind() {
                ErrorKind::AddrInUse => {
                    "end the program that has it (ss -tlnp), or give --addr to servers and clients"
                }
                _ => "give another --addr to servers and clients",
            };
            Finding::bad(what, format!("{address}: {error}"), effect, fix)
        }
    }
}

/// `net.core.somaxconn`: listen(2).
pub(super) fn backlog() -> Finding {
    let (what, file) = ("backlog", "/proc/sys/net/core/somaxconn");
    let limit = std::fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok());
    let Some(limit): Option<u64> = limit else { return Finding::good(what, "unknown") };
    let effect = "with many clients at once some are a second late, and `lab` warns of that";
    let fix = format!("sudo sysctl net.core.somaxconn={BACKLOG}");
    Finding::of(what, limit >= BACKLOG, format!("at most {limit} places"), effect, &fix)
}

/// Whether the kernel counts system calls for us.
pub(super) fn counting() -> Finding {
    let what = "counting calls";
    let counted = CallCounter::by_kernel().map_err(told).and_then(|it| watched(&it));
    let effect = "`anatomy` counts system calls by tracing, which slows the servers down";
    let fix = "sudo mount -t tracefs tracefs /sys/kernel/tracing, and let this user read it; sudo \
                sysctl kernel.perf_event_paranoid=-1; in a container also --cap-add PERFMON";
    match counted {
        Ok(()) => Finding::good(what, "the kernel does it (perf_event_open)"),
        Err(error) => Finding::bad(what, error, effect, fix),
    }
}

pub(super) fn tracing() -> Finding {
    let what = "tracing";
    match watched(&CallCounter::tracing()) {
        Ok(()) => Finding::good(what, "allowed (ptrace)"),
        Err(error) => {
            let effect = "`anatomy` has no stories, only counts";
            let fix = "sudo sysctl kernel.yama.ptrace_scope=1; in a container --cap-add SYS_PTRACE";
            Finding::bad(what, error, effect, fix)
        }
    }
}

/// Whether a debugger may attach to a process that it has not started: proc(5), ptrace_scope.
pub(super) fn attaching() -> Finding {
    let what = "attaching";
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    let is_free = match scope.trim() {
        "" | "0" => cfg!(target_os = "linux"),
        "3" => false,
        _ => may_trace_any(),
    };
    let found = match scope.trim() {
        "" if cfg!(not(target_os = "linux")) => "not as on Linux".to_owned(),
        "" => "to any process of one's own".to_owned(),
        scope => format!("kernel.yama.ptrace_scope is {scope}"),
    };
    let effect = "gdb -p and strace -p are refused (the chapter on debugging)";
    let fix = "sudo gdb ..., or until the next start: sudo sysctl kernel.yama.ptrace_scope=0; in a \
                container --cap-add SYS_PTRACE";
    Finding::of(what, is_free, found, effect, fix)
}

/// Whether this process has `CAP_SYS_PTRACE`, the bit 19 of `CapEff` in proc_pid_status(5). In a container
/// root may lack it.
#[cfg(target_os = "linux")]
fn may_trace_any() -> bool {
    let status = procfs::process::Process::myself().and_then(|this| this.status());
    status.is_ok_and(|status| status.capeff & (1 << 19) != 0)
}

/// Elsewhere there are no such capabilities.
#[cfg(not(target_os = "linux"))]
fn may_trace_any() -> bool {
    false
}

/// Watches a server of our own for a moment.
fn watched(counter: &CallCounter) -> Result<(), String> {
    let lab = this_program().map_err(told)?;
    let command = serve_command(lab, MODELS[0].model.name, ["--quiet"]);
    let server = ServerProcess::start(command).map_err(told)?;
    let count = counter.attach(server.process()).map_err(told)?;
    count.finish().map_err(told).map(drop)
}

fn told(error: std::io::Error) -> String {
    error.to_string()
}

/// The models that this kernel does not run.
pub(super) fn io_uring() -> Finding {
    let what = "io_uring";
    match MODELS.iter().find_map(|entry| entry.model.obstacle()) {
        None => Finding::good(what, "there, and allowed"),
        Some(obstacle) => {
            let effect = "`uring` is left out of every experiment, and its tests are ignored";
            let fix = "Linux 6.1 or later; sudo sysctl kernel.io_uring_disabled=0; in a container \
                        --security-opt seccomp=unconfined";
            Finding::bad(what, obstacle, effect, fix)
        }
    }
}
