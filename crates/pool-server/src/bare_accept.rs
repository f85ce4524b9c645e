//! A fixed number of threads that each accept: the queue is the kernel's.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use server_core::bare::echo;

pub(crate) fn run(listener: TcpListener, workers: usize) -> io::Result<()> {
    let listener = Arc::new(listener);
    for _ in 1..workers {
        let listener = Arc::clone(&listener);
        thread::spawn(move || work(&listener));
    }
    work(&listener)
}

fn work(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        drop(echo(stream));
    }
}
