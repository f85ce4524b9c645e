//! The asynchronous connection handler: `server_core::converse`'s, step for step. Each wait is an
//! `await`; each read and write is one system call that is never cancelled half done.

use std::io::{self, ErrorKind, Read};
use std::net::Shutdown;
use std::pin::{Pin, pin};
use std::time::Duration;

use server_core::{
    Connection, ConnectionError, Ending, Input, LINGER, Options, Session, Step, client_has_ended,
    compute,
};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::task::{consume_budget, spawn_blocking, yield_now};
use tokio::time::{Instant, Sleep, sleep, timeout};
use tracing::Span;

pub(crate) async fn handle(
    connection: &Connection<TcpStream>,
    session: &mut Session<'_>,
) -> Result<Ending, ConnectionError> {
    let (stream, options) = (connection.stream(), session.options());
    let mut timer = IdleTimer { sleep: pin!(sleep(options.idle_timeout)), options };
    loop {
        // A client that always has more to say would else never let another task run.
        consume_budget().await;
        let step = session.step();
        if step == Step::Work {
            wait(stream, options.delay).await?;
            work(connection, options).await?;
        }
        send(stream, session, &mut timer).await?;
        match step {
            Step::Read => {
                let input = receive(connection, session, &mut timer).await?;
                session.receive(input);
            }
            // Whoever has more to ask for lets others ask first.
            Step::Work => yield_now().await,
            Step::Crash(crash) => crash.now(),
            Step::Close(outcome) => return Ok(outcome?),
        }
    }
}

/// Waits until there is input or an end, or until the rest of a message is due. Space is taken only when
/// there is something to read, so a task whose client has not said anything yet holds no buffer.
// ANCHOR: receive
async fn receive(
    connection: &Connection<TcpStream>,
    session: &mut Session<'_>,
    timer: &mut IdleTimer<'_>,
) -> Result<Input, ConnectionError> {
    let stream = connection.stream();
    loop {
        let in_time = timer.comes_by(session.rest_due(), has_input(connection)).await?;
        // The input may have come, and the runtime has not asked the kernel yet.
        let read = if in_time { read } else { read_at_once };
        match read(stream, session.space())? {
            Some(0) if connection.is_draining() => return end_of_drain(stream, session),
            Some(count) => return Ok(Input::Bytes(count)),
            None if connection.is_draining() => return Ok(Input::CutOff),
            None if !in_time => return Ok(Input::Late),
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
    Ok(Input::Bytes(read_at_once(stream, session.space())?.unwrap_or_default()))
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

/// Reads what there is, whatever the runtime knows of it.
fn read_at_once(stream: &TcpStream, space: &mut [u8]) -> io::Result<Option<usize>> {
    match (&*SockRef::from(stream)).read(space) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        read => read.map(Some),
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
                timer.comes_by(None, stream.writable()).await?;
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
    /// Waits until it is ready, and says whether that was before it was due, if it is due at all.
    async fn comes_by(
        &mut self,
        due: Option<std::time::Instant>,
        ready: impl Future<Output = io::Result<()>>,
    ) -> Result<bool, ConnectionError> {
        let timeout = self.options.idle_timeout;
        let idle_at = Instant::now() + timeout;
        let due = due.map(Instant::from).filter(|due| *due <= idle_at);
        self.sleep.as_mut().reset(due.unwrap_or(idle_at));
        tokio::select! {
            biased;
            result = ready => Ok(result.map(|()| true)?),
            () = self.sleep.as_mut() => match due {
                Some(_) => Ok(false),
                None => Err(ConnectionError::Idle(timeout)),
            },
        }
    }
}

/// Waits for `delay`, but no longer than the connection lives.
async fn wait(stream: &TcpStream, delay: Duration) -> io::Result<()> {
    // A timer of nothing would wait for the runtime's next look at the clock.
    if delay.is_zero() {
        return Ok(());
    }
    match timeout(delay, stream.ready(Interest::ERROR)).await {
        Err(_) => Ok(()),
        Ok(_) => Err(stream.take_error()?.unwrap_or(ErrorKind::NotConnected.into())),
    }
}

/// Computes: where the task stands, so that no other one goes on, or in a thread for such work.
// ANCHOR: work
async fn work(connection: &Connection<TcpStream>, options: &Options) -> io::Result<()> {
    if !options.offload || options.compute.is_zero() {
        return compute(connection.stream(), options);
    }
    let (stream, options, span) = (connection.shared_stream(), options.clone(), Span::current());
    let computed = spawn_blocking(move || span.in_scope(|| compute(&*stream, &options)));
    computed.await.map_err(io::Error::other)?
}
// ANCHOR_END: work

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
