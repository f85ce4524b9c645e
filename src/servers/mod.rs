//! Servers under test beside those of the models: the floor, servers of others, and how one is run.

pub mod ballast;
pub mod floor;
pub mod foreign;
pub mod log;
