//! The client of the echo service, for people and for measurements.
//!
//! | module | what it is for |
//! | --- | --- |
//! | [`conversation`] | one connection, one message after the other, each answer compared |
//! | [`script`] | the tutorial's client: ten numbered messages, then `Bye` |
//! | [`load`] | many connections at once from one thread, measured |
//! | [`hold`] | many connections that stay open and silent |
//!
//! It knows the protocol and no server: whatever speaks the protocol will do.

pub mod conversation;
pub mod hold;
pub mod load;
pub mod script;
mod source;

pub use source::connect;
