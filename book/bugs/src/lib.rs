//! The one bug that cannot be run.
//!
//! The others are a program: `cargo run -p bugs -- NAME`.

/// Threads that count in a plain number. It does not compile.
#[doc = concat!("```compile_fail,E0499\n", include_str!("plain_counter.rs"), "```")]
pub mod plain_counter {}
