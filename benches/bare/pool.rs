//! A fixed number of threads that take clients from one queue.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::thread;

use crossbeam::channel;

pub(super) fn run(listener: &TcpListener, workers: usize) -> io::Result<()> {
    let (queue, waiting) = channel::bounded::<TcpStream>(1024);
    for _ in 0..workers {
        let waiting = waiting.clone();
        thread::spawn(move || {
            for mut stream in waiting {
                let _ = super::echo(&mut stream);
            }
        });
    }
    loop {
        let (stream, _) = listener.accept()?;
        queue.send(stream).map_err(io::Error::other)?;
    }
}
