//! What every experiment has at hand: servers under load, and what that costs them.

pub mod cost;
pub mod criterion;
pub mod idle_memory;
pub mod lab;
pub mod limits;
