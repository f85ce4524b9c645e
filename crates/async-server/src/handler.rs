//! The asynchronous connection handler: `server_core::converse`'s, step for step. Each wait is an
//! `await`; each read and write is one system call that is never cancelled half done.

use std::io::{self, ErrorKind, Read};
use std::net::Shutdown;
use std::pin::{Pin, pin};
use std::time::Duration;

use server_core::{
    Connection, ConnectionError, Ending, HINT_AFTER, Input, LINGER, Options, Session, Step,
    client_has_ended,
};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::task::consume_budget;
use tokio::time::{Instant, Sleep, sleep, timeout};

pub(crate) async fn handle(
    connection: &Connection<TcpStream>,
    session: &mut Session<'_>,
) -> Result<Ending, ConnectionError> {
    let (stream, options) = (connection.stream(), session.options());
    let mut timer = IdleTimer { sleep: pin!(sleep(options.idle_timeout)), options };
    loop {
        // A client that always has more to say would else never let another task run.
        consume_budget().await;
        match session.step() {
            Step::Read => {
                send(stream, session, &mut timer).await?;
                hint_if_due(stream, session).await?;
                let input = receive(connection, session, &mut timer).await?;
                session.receive(input);
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
                return Ok(outcome?);
            }
        }
    }
}

/// Waits for a moment for the rest of a message, and says in the log what may be wrong if it does not
/// come.
async fn hint_if_due(stream: &TcpStream, session: &mut Session<'_>) -> io::Result<()> {
    if session.may_need_hint() {
        match timeout(HINT_AFTER, stream.peek(&mut [0])).await {
            // It takes the connection's error, which nobody will be told of again.
            Ok(there) => _ = there?,
            Err(_) => session.hint(),
        }
    }
    Ok(())
}

/// Waits until there is input or an end. Space for it is taken only when there is something to
/// read, so a task whose client has not said anything yet holds no buffer.
// ANCHOR: receive
async fn receive(
    connection: &Connection<TcpStream>,
    session: &mut Session<'_>,
    timer: &mut IdleTimer<'_>,
) -> Result<Input, ConnectionError> {
    let stream = connection.stream();
    loop {
        timer.unless_idle(has_input(connection)).await?;
        match read(stream, session.space())? {
            Some(0) if connection.is_draining() => return end_of_drain(stream, session),
            Some(count) => return Ok(Input::Bytes(count)),
            None if connection.is_draining() => return Ok(Input::CutOff),
            None => {}
        }
    }
}
// ANCHOR_END: receive

/// Whose end a read has met during a drain. What came before the client's may have come since the
/// read.
fn end_of_drain(stream: &TcpStream, session: &mut Session<'_>) -> Result<Input, ConnectionError> {
    if !client_has_ended(stream) {
        return Ok(Input::CutOff);
    }
    Ok(Input::Bytes((&*SockRef::from(stream)).read(session.space())?))
}

/// Waits until there may be something to read. A drain ends the input, so that is something.
#[cfg(target_os = "linux")]
async fn has_input(connection: &Connection<TcpStream>) -> io::Result<()> {
    connection.stream().readable().await
}

/// Waits until there may be something to read, or until a drain has begun, for which it must look
/// itself here: see `server_core::Input`.
#[cfg(not(target_os = "linux"))]
async fn has_input(connection: &Connection<TcpStream>) -> io::Result<()> {
    const LOOK: Duration = Duration::from_millis(100);
    while !connection.is_draining() {
        if let Ok(readable) = timeout(LOOK, connection.stream().readable()).await {
            return readable;
        }
    }
    Ok(())
}

/// Reads what has come, if something has.
///
/// A read that leaves space has emptied the socket (unless it has met urgent data: then the rest is
/// read when more comes). `WouldBlock` tells the runtime so, as the
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

/// `server_core::linger`: ends our side, then reads and forgets until the client ends its own, for [`LINGER`] at most.
pub(crate) async fn linger(stream: &TcpStream) -> io::Result<()> {
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
