//! What measures: servers in processes of their own, and what the kernel charges to them.

pub mod ballast;
pub mod call_counter;
pub mod computing;
pub mod cost;
pub mod criterion;
pub mod floor;
pub mod foreign;
pub mod idle_memory;
pub mod interrupts;
pub mod limits;
pub mod machine;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub mod tracer;
pub mod waits;
