//! A runtime for one thread, small enough to be read whole: what an `await` needs below it.
//!
//! | read in this order | what it is |
//! | --- | --- |
//! | [`executor`] | runs tasks, and those again that were woken |
//! | [`reactor`] | asks the kernel who is ready and waits for the first deadline, and wakes tasks |
//! | [`socket`] | reading and writing as futures |
//! | [`echo`] | an echo server on it |
//!
//! The book's chapter *From the loop to `await`* builds it step by step. It is for one thread: what it
//! keeps belongs to the thread that calls [`block_on`], and tasks stay there.

pub mod echo;
pub mod executor;
pub mod reactor;
pub mod socket;

pub use executor::{block_on, spawn};
pub use reactor::sleep;
pub use socket::Socket;
