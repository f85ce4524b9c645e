//! A server in a process of its own: how it is started and ended, and what the kernel shows of it.
//!
//! The lab and the grader use this for our servers and for servers in other languages.
//!
//! | read in this order | what it is for |
//! | --- | --- |
//! | [`ServerProcess`] | a server that runs, with its children; it ends with this value |
//! | [`StartCommand`] | the command line of a server that is not ours |
//! | [`family`] | its processes, threads, descriptors, memory and CPU time |
//! | [`sockets`] | who listens at an address, and what has become of a connection there |

pub mod family;
mod process;
mod processors;
#[cfg(target_os = "linux")]
mod sock_diag;
pub mod sockets;
mod start_command;

pub use process::{ServerProcess, Stopped, kill_all, serve_command};
pub use processors::{at_lowest_priority, keep_to_cpus};
pub use start_command::StartCommand;
