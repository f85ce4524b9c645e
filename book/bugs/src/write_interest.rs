//! Event loop. The kernel is asked to tell when it takes bytes, and there are none to give.

use std::io;
use std::net::TcpListener;

use nix::poll::PollFlags;

use crate::event_loop::{self, echo};

// ANCHOR: bug
pub(crate) fn run(listener: TcpListener) -> io::Result<()> {
    // BUG: it is never taken back, and there is always room: `poll` returns at once
    let interest = PollFlags::POLLIN | PollFlags::POLLOUT;
    event_loop::run(&listener, interest, echo)
}
// ANCHOR_END: bug
