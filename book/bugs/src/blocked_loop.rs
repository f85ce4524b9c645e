//! Event loop. A handler blocks, and with it the loop.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::thread::sleep;
use std::time::Duration;

use nix::poll::PollFlags;

use crate::event_loop::{self, echo};

pub(crate) fn run(listener: TcpListener) -> io::Result<()> {
    event_loop::run(&listener, PollFlags::POLLIN, slow_echo)
}

// ANCHOR: bug
fn slow_echo(client: &TcpStream) -> io::Result<()> {
    sleep(Duration::from_millis(500)); // BUG: nobody is asked for anything meanwhile
    echo(client)
}
// ANCHOR_END: bug
