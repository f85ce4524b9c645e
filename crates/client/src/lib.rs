//! The client of the echo service, for people and for measurements.
//!
//! | module | what it is for |
//! | --- | --- |
//! | [`conversation`] | one connection, one message after the other, each answer compared |
//! | [`script`] | the tutorial's client: ten numbered messages, then `Bye` |
//! | [`chat`] | a person at a keyboard, with and without a look at the server |
//! | [`load`] | many connections at once from a few threads, measured |
//! | [`load_command`] | the same at the command line, with a report |
//! | [`failure`] | what goes wrong with a connection, in one vocabulary for all of these |
//! | [`probe`] | a connection of those who look at a server from outside, which never waits |
//! | [`hold`] | many of these that stay open and silent |
//! | [`output_file`] | a file that is written in one piece or not at all |
//!
//! It knows the protocol and no server: whatever speaks the protocol will do.

pub mod chat;
pub mod conversation;
pub mod failure;
pub mod hold;
pub mod load;
pub mod load_command;
pub mod output_file;
pub mod probe;
pub mod script;
mod source;

pub use source::connect;
