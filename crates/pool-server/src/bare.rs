//! A fixed number of threads that take clients from one queue.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::thread;

use crossbeam::channel;
use server_core::bare::echo;

pub(crate) fn run(listener: &TcpListener, workers: usize) -> io::Result<()> {
    let (queue, waiting) = channel::unbounded::<TcpStream>();
    for _ in 0..workers {
        let waiting = waiting.clone();
        thread::spawn(move || waiting.iter().for_each(|stream| drop(echo(stream))));
    }
    loop {
        let (stream, _) = listener.accept()?;
        queue.send(stream).map_err(io::Error::other)?;
    }
}
