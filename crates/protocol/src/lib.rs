//! The wire format of the echo service: bytes in, requests out, and no I/O anywhere.
//!
//! This page is the specification. All servers, the client and the tests use the same [`Decoder`], so
//! they cannot disagree about a single byte.
//!
//! # Messages
//!
//! A client and a server exchange *messages* of UTF-8 text over a TCP connection. TCP carries a
//! stream of bytes and keeps no boundaries: what one `write` sent may arrive in many reads, and
//! many writes may arrive in one. [`Framing`] is the rule that finds the messages again.
//!
//! **`line`**, the default: a message ends with the byte `\n`. Bytes that the client sent after its
//! last `\n` before it ended its side of the connection are a last message of their own.
//!
//! ```text
//! client sends    h  e  l  l  o \n  B  y  e \n
//!                 68 65 6c 6c 6f 0a 42 79 65 0a
//! messages        "hello\n"         "Bye\n"
//! ```
//!
//! **`raw`**, that of the Python tutorial which this project grew from: what one read returns is
//! one message. There is no boundary on the wire, so a client must wait for each answer before it
//! sends again. A character that a read splits is held back until the rest of it arrives:
//!
//! ```text
//! first read      e7 ac              nothing yet: the start of a character
//! second read     ac 20 31           one message, e7 ac ac 20 31: "第 1"
//! ```
//!
//! # Answers
//!
//! The server sends each message back **as it came**, byte for byte, line end included, in order.
//! Three kinds of message are not echoed; [`Request::parse`] tells them apart. A line end (`\n`,
//! `\r` or `\r\n`) behind the word is ignored in both framings:
//!
//! | message | what the server does |
//! | --- | --- |
//! | `Bye` | closes the connection without an answer; what came before it is answered, what comes after it is not |
//! | `Panic` | panics in its handler, only where crashing is allowed; elsewhere plain text |
//! | `Abort` | aborts its process, only where crashing is allowed; elsewhere plain text |
//!
//! # Errors
//!
//! A message that is longer than the limit, is not UTF-8, or is not complete this long after its first byte
//! came is answered with one line, and the server then closes the connection in a way that lets the
//! line arrive ([`DecodeError`]):
//!
//! ```text
//! ERROR message longer than 65536 bytes\n
//! ERROR message is not UTF-8\n
//! ERROR message not whole within 30s\n
//! ```
//!
//! The limit counts the message without its `\n`; a `\r` is part of the message. The limit comes
//! first: a message that is both too long and not UTF-8 is too long.
//!
//! The time limit is for a message that has arrived in part, even if more bytes keep coming. A client
//! that has not begun a message may be silent for longer. The time runs while the server waits for the
//! rest of the message, and not while it works on earlier ones.
//!
//! A client that has waited for too long may get this line instead of an answer ([`BUSY`]). The server then closes
//! in the same way:
//!
//! ```text
//! ERROR busy\n
//! ```
//!
//! # The end
//!
//! A client that ends its sending side (a *half-close*) is still answered for all that it sent;
//! then the server closes.
//!
//! When the server closes first, after `Bye` or an `ERROR` line, everything that it has sent arrives, even if
//! the client has sent more than the server has read. A server that simply closed while there is unread input
//! would reset the connection, and a reset may destroy the last answers.
//!
//! # Cases
//!
//! `lab check` holds any server, in any language, against these cases. The names of those with the
//! raw framing begin with `raw:`. The pages are those of the book.
//!
#![doc = include_str!("cases.md")]

use std::time::Duration;

mod decoder;
mod framing;
mod request;

pub use decoder::{DecodeError, Decoder};
pub use framing::{Framing, UnknownFraming};
pub use request::Request;

/// The address of the tutorial, and the default of every server and client here.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:5555";

/// The longest message that a server accepts unless it is told otherwise, in bytes.
pub const DEFAULT_MAX_MESSAGE: usize = 65536;

/// How long after its first byte a message must be whole, unless a server is told otherwise.
pub const DEFAULT_MESSAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// The line that tells a client that it has waited for too long.
pub const BUSY: &str = "ERROR busy\n";
