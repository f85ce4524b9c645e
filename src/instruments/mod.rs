//! What measures: servers in processes of their own, and what the kernel charges to them.

pub mod ballast;
pub mod cost;
pub mod criterion;
pub mod floor;
pub mod idle_memory;
pub mod limits;
pub mod machine;
pub mod sample;
pub mod server_process;
