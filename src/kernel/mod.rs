//! Facts of the kernel: the machine, and what a process asked of it. Imports nothing of the lab.

pub mod backlog;
pub mod call_counter;
pub mod interrupts;
pub mod limits;
pub mod loopback;
pub mod machine;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub mod tracer;
pub mod waits;
