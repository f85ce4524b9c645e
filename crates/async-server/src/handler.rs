//! The asynchronous connection handler: `server_core::serve`'s, step for step. Each wait is an
//! `await`; each read and write is one system call that is never cancelled half done.

use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::time::Duration;

use server_core::{ConnectionError, Ending, LINGER, Options, Session, Statistics, Step};
use socket2::SockRef;

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::task::consume_budget;
use tokio::time::timeout;

pub(crate) async fn handle(
    stream: &TcpStream,
    options: &Options,
    statistics: &Statistics,
) -> Result<Ending, ConnectionError> {
    let mut session = Session::new(options, statistics);
    loop {
        // A client that always has more to say would else never let another task run.
        consume_budget().await;
        match session.step() {
            Step::Read => {
                send(stream, &mut session, options).await?;
                let count = receive(stream, &mut session, options).await?;
                session.received(count);
            }
            Step::Work => {
                work(stream, options.delay).await?;
                send(stream, &mut session, options).await?;
            }
            Step::Crash(crash) => {
                send(stream, &mut session, options).await?;
                crash.now();
            }
            Step::Close(outcome) => {
                send(stream, &mut session, options).await?;
                if session.has_leftover() || has_unread(stream) {
                    // Its failure is the client's loss alone: there is nothing more to say.
                    let _ = linger(stream).await;
                }
                return Ok(outcome?);
            }
        }
    }
}

/// Reads once. Space for it is taken only when there is something to read, so a task whose client
/// has not said anything yet holds no buffer.
async fn receive(
    stream: &TcpStream,
    session: &mut Session<'_>,
    options: &Options,
) -> Result<usize, ConnectionError> {
    loop {
        unless_idle(stream.readable(), options).await?;
        match stream.try_read(session.space()) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            result => return Ok(result?),
        }
    }
}

/// Sends all answers in as few writes as the kernel takes.
async fn send(
    stream: &TcpStream,
    session: &mut Session<'_>,
    options: &Options,
) -> Result<(), ConnectionError> {
    let answers = session.answers();
    let mut sent = 0;
    while sent < answers.len() {
        match stream.try_write(&answers[sent..]) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                unless_idle(stream.writable(), options).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    session.sent();
    Ok(())
}

/// Pretends to work for `delay`: sleeps, but no longer than the connection lives.
async fn work(stream: &TcpStream, delay: Duration) -> io::Result<()> {
    match timeout(delay, stream.ready(Interest::ERROR)).await {
        Err(_) => Ok(()),
        Ok(_) => Err(stream.take_error()?.unwrap_or(ErrorKind::NotConnected.into())),
    }
}

async fn unless_idle(
    ready: impl Future<Output = io::Result<()>>,
    options: &Options,
) -> Result<(), ConnectionError> {
    match timeout(options.idle_timeout, ready).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(ConnectionError::Idle(options.idle_timeout)),
    }
}

/// Whether the kernel holds input that the client sent and we shall not read.
fn has_unread(stream: &TcpStream) -> bool {
    matches!(stream.try_read(&mut [0]), Ok(count) if count > 0)
}

/// Ends our side, then reads and forgets until the client ends its own, for [`LINGER`] at most.
async fn linger(stream: &TcpStream) -> io::Result<()> {
    SockRef::from(stream).shutdown(Shutdown::Write)?;
    let forget = async {
        // On the heap: what lives across an await would lie in every task, lingering or not.
        let mut forgotten = vec![0; 4096];
        loop {
            stream.readable().await?;
            match stream.try_read(&mut forgotten) {
                Ok(1..) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                ended => return ended.map(drop),
            }
        }
    };
    timeout(LINGER, forget).await?
}
