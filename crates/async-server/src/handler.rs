//! The asynchronous connection handler: `server_core::serve`'s, step for step. Each wait is an
//! `await`; each read and write is one system call that is never cancelled half done.

use std::io::{self, ErrorKind, Read};
use std::net::Shutdown;
use std::pin::{Pin, pin};
use std::time::Duration;

use server_core::{ConnectionError, Ending, LINGER, Options, Session, Step};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::task::consume_budget;
use tokio::time::{Instant, Sleep, sleep, timeout};

pub(crate) async fn handle(
    stream: &TcpStream,
    session: &mut Session<'_>,
) -> Result<Ending, ConnectionError> {
    let options = session.options();
    let mut timer = IdleTimer { sleep: pin!(sleep(options.idle_timeout)), options };
    loop {
        // A client that always has more to say would else never let another task run.
        consume_budget().await;
        match session.step() {
            Step::Read => {
                send(stream, session, &mut timer).await?;
                let count = receive(stream, session, &mut timer).await?;
                session.received(count);
            }
            Step::Work => {
                work(stream, options.delay).await?;
                send(stream, session, &mut timer).await?;
            }
            Step::Crash(crash) => {
                send(stream, session, &mut timer).await?;
                crash.now();
            }
            Step::Close(outcome) => {
                send(stream, session, &mut timer).await?;
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
// ANCHOR: receive
async fn receive(
    stream: &TcpStream,
    session: &mut Session<'_>,
    timer: &mut IdleTimer<'_>,
) -> Result<usize, ConnectionError> {
    loop {
        timer.unless_idle(stream.readable()).await?;
        if let Some(count) = read(stream, session.space())? {
            return Ok(count);
        }
    }
}
// ANCHOR_END: receive

/// Reads what has come, if something has.
///
/// A read that leaves space has emptied the socket. `WouldBlock` tells the runtime so, as the
/// next read would at the price of a system call, and the runtime lets us wait for the next event.
fn read(stream: &TcpStream, space: &mut [u8]) -> io::Result<Option<usize>> {
    let mut read = None;
    let emptied = stream.try_io(Interest::READABLE, || {
        let count = (&*SockRef::from(stream)).read(space)?;
        read = Some(count);
        if count < space.len() { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
    });
    match emptied {
        Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
        _ => Ok(read),
    }
}

/// Sends all answers in as few writes as the kernel takes.
async fn send(
    stream: &TcpStream,
    session: &mut Session<'_>,
    timer: &mut IdleTimer<'_>,
) -> Result<(), ConnectionError> {
    let answers = session.answers();
    let mut sent = 0;
    while sent < answers.len() {
        match stream.try_write(&answers[sent..]) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                timer.unless_idle(stream.writable()).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    session.sent();
    Ok(())
}

/// The idle time-out: one timer a connection, put off at each wait. A timer for each wait would
/// enter and leave the runtime's wheel with every message.
struct IdleTimer<'a> {
    sleep: Pin<&'a mut Sleep>,
    options: &'a Options,
}

impl IdleTimer<'_> {
    async fn unless_idle(
        &mut self,
        ready: impl Future<Output = io::Result<()>>,
    ) -> Result<(), ConnectionError> {
        let timeout = self.options.idle_timeout;
        self.sleep.as_mut().reset(Instant::now() + timeout);
        tokio::select! {
            biased;
            result = ready => Ok(result?),
            () = self.sleep.as_mut() => Err(ConnectionError::Idle(timeout)),
        }
    }
}

/// Pretends to work for `delay`: sleeps, but no longer than the connection lives.
async fn work(stream: &TcpStream, delay: Duration) -> io::Result<()> {
    match timeout(delay, stream.ready(Interest::ERROR)).await {
        Err(_) => Ok(()),
        Ok(_) => Err(stream.take_error()?.unwrap_or(ErrorKind::NotConnected.into())),
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
