//! What the kernel gives, and what it lets be looked at.

use std::fs;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use server_process::{ServerProcess, serve_command};

use super::Finding;
use crate::kernel::call_counter::CallCounter;
use crate::models::MODELS;

/// What our servers ask for; the kernel cuts it to its own limit.
const BACKLOG: u64 = 4096;

/// What the pages' commands connect to.
pub(super) fn port(address: SocketAddr) -> Finding {
    let what = "port";
    match TcpListener::bind(address) {
        Ok(_) => Finding::good(what, format!("{address} is free")),
        Err(error) => {
            let effect = "the servers of the tour and of the book's commands do not start";
            let mend = match error.kind() {
                ErrorKind::AddrInUse => {
                    "end the program that has it (ss -tlnp), or give --addr to servers and clients"
                }
                _ => "give another --addr to servers and clients",
            };
            Finding::bad(what, format!("{address}: {error}"), effect, mend)
        }
    }
}

/// `net.core.somaxconn`: listen(2).
pub(super) fn backlog() -> Finding {
    let (what, file) = ("backlog", "/proc/sys/net/core/somaxconn");
    let limit = std::fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok());
    let Some(limit): Option<u64> = limit else { return Finding::good(what, "unknown") };
    let effect = "with many clients at once some are a second late, and `lab` warns of that";
    let mend = format!("sudo sysctl net.core.somaxconn={BACKLOG}");
    Finding::of(what, limit >= BACKLOG, format!("at most {limit} places"), effect, &mend)
}

/// Whether the kernel counts system calls for us.
pub(super) fn counting() -> Finding {
    let what = "counting calls";
    let counted = CallCounter::by_kernel().map_err(told).and_then(|it| watched(&it));
    let effect = "`anatomy` counts system calls by tracing, which slows the servers down";
    let mend = "sudo mount -t tracefs tracefs /sys/kernel/tracing, and let this user read it; sudo \
                sysctl kernel.perf_event_paranoid=-1; in a container also --cap-add PERFMON";
    match counted {
        Ok(()) => Finding::good(what, "the kernel does it (perf_event_open)"),
        Err(error) => Finding::bad(what, error, effect, mend),
    }
}

pub(super) fn tracing() -> Finding {
    let what = "tracing";
    match watched(&CallCounter::tracing()) {
        Ok(()) => Finding::good(what, "allowed (ptrace)"),
        Err(error) => {
            let effect = "`anatomy` has no stories, only counts";
            let mend =
                "sudo sysctl kernel.yama.ptrace_scope=1; in a container --cap-add SYS_PTRACE";
            Finding::bad(what, error, effect, mend)
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
    let mend = "sudo gdb ..., or until the next start: sudo sysctl kernel.yama.ptrace_scope=0; in a \
                container --cap-add SYS_PTRACE";
    Finding::of(what, is_free, found, effect, mend)
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
    let lab = std::env::current_exe().map_err(told)?;
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
            let mend = "Linux 6.1 or later; sudo sysctl kernel.io_uring_disabled=0; in a container \
                        --security-opt seccomp=unconfined";
            Finding::bad(what, obstacle, effect, mend)
        }
    }
}
