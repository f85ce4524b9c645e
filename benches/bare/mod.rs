//! The bare twins: each model in a page of straight Rust, without options, limits, shutdown or
//! logging, and with a protocol of three lines. A server beside its twin shows what comfort costs.
//!
//! A benchmark starts its own program again to run one of them in a process of its own.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

use socket2::{Domain, Socket, Type};

mod fork;
mod iterative;
mod pool;
mod tasks;
mod thread;

/// Runs the twin that the command line names, until it is killed. Returns if it names none.
pub(crate) fn serve_if_asked() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some("bare") {
        return;
    }
    let outcome = listen().and_then(|listener| match arguments.next().as_deref() {
        Some("iterative") => iterative::run(&listener),
        Some("fork") => fork::run(&listener),
        Some("thread") => thread::run(&listener),
        Some("pool") => pool::run(&listener, 8),
        Some("pool-of-50") => pool::run(&listener, 50),
        Some("async") => tasks::run(listener),
        name => Err(io::Error::other(format!("no twin {name:?}"))),
    });
    eprintln!("bare: {outcome:?}");
    std::process::exit(1);
}

/// Listens with the servers' own backlog and socket options.
fn listen() -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    socket.listen(4096)?;
    let listener = TcpListener::from(socket);
    println!("listening on {}", listener.local_addr()?);
    Ok(listener)
}

/// Sends back what comes, until the end or a read that ends with `Bye`.
fn echo(stream: &mut TcpStream) -> io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        let count = stream.read(&mut bytes)?;
        if count == 0 || bytes[..count].ends_with(b"Bye\n") {
            return Ok(());
        }
        stream.write_all(&bytes[..count])?;
    }
}
