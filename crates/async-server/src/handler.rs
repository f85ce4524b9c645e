//! The asynchronous connection handler: `server_core::converse`'s, step for step. Each wait is an
//! `await`; each read and write is one system call that is never cancelled half done.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::pin::{Pin, pin};
use std::time::Duration;

use server_core::{ConnectionError, Ending, Input, LINGER, Options, Session, Step, compute};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::task::{consume_budget, spawn_blocking, yield_now};
use tokio::time::{Sleep, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Span;

pub(crate) async fn handle(
    stream: &TcpStream,
    session: &mut Session<'_>,
    draining: &CancellationToken,
) -> Result<Ending, ConnectionError> {
    let options = session.options();
    let mut timer = pin!(sleep(options.idle_timeout));
    loop {
        // A client that always has more to send would never let another task run.
        consume_budget().await;
        let step = session.step();
        if step == Step::Work {
            wait(stream, options.delay).await?;
            work(stream, options).await?;
        }
        send(stream, session, timer.as_mut()).await?;
        match step {
            Step::Read => {
                let input = receive(stream, session, draining, timer.as_mut()).await?;
                session.receive(input);
            }
            // A client with more to ask for lets others ask first.
            Step::Work => yield_now().await,
            Step::Crash(crash) => crash.now(),
            Step::Close(outcome) => return Ok(outcome?),
        }
    }
}

/// Waits until there is input or an end, a drain begins, or the rest of a message is due. Space is taken only
/// when there is something to read, so a task whose client has not sent anything yet holds no buffer.
///
/// When the drain begins, input may have arrived that the runtime does not know of yet.
async fn receive(
    stream: &TcpStream,
    session: &mut Session<'_>,
    draining: &CancellationToken,
    mut timer: Pin<&mut Sleep>,
) -> Result<Input, ConnectionError> {
    // ANCHOR: receive
    loop {
        let (idle_at, due) = (session.idle_at(), session.rest_due());
        timer.as_mut().reset(due.map_or(idle_at, |due| due.min(idle_at)).into());
        let read = tokio::select! {
            biased;
            ready = stream.readable() => ready.map(|()| read)?,
            () = draining.cancelled() => read_at_once,
            () = timer.as_mut() => read_at_once,
        };
        match read(stream, session.space())? {
            Some(count) => return Ok(Input::Bytes(count)),
            None if draining.is_cancelled() => return Ok(Input::CutOff),
            None if is_over(idle_at) => return Err(idle(session)),
            None if due.is_some_and(is_over) => return Ok(Input::Late),
            None => {}
        }
    }
    // ANCHOR_END: receive
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
    if_possible((&*SockRef::from(stream)).read(space))
}

/// Writes what there is room for, even if the runtime was not told: the kernel reports only much room.
fn write_at_once(stream: &TcpStream, bytes: &[u8]) -> io::Result<Option<usize>> {
    if_possible((&*SockRef::from(stream)).write(bytes))
}

fn if_possible(done: io::Result<usize>) -> io::Result<Option<usize>> {
    match done {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        done => done.map(Some),
    }
}

/// Sends all answers in as few writes as the kernel takes.
async fn send(
    stream: &TcpStream,
    session: &mut Session<'_>,
    mut timer: Pin<&mut Sleep>,
) -> Result<(), ConnectionError> {
    while !session.answers().is_empty() {
        match if_possible(stream.try_write(session.answers()))? {
            Some(count) => session.sent(count),
            None => {
                let idle_at = session.idle_at();
                timer.as_mut().reset(idle_at.into());
                tokio::select! {
                    biased;
                    ready = stream.writable() => ready?,
                    () = timer.as_mut() => match write_at_once(stream, session.answers())? {
                        Some(count) => session.sent(count),
                        None => return Err(idle(session)),
                    },
                }
            }
        }
    }
    Ok(())
}

fn is_over(moment: std::time::Instant) -> bool {
    moment <= std::time::Instant::now()
}

fn idle(session: &Session<'_>) -> ConnectionError {
    ConnectionError::Idle(session.options().idle_timeout)
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

/// Computes: on this thread, so that no other task of it goes on, or with `--offload` in a thread for such work,
/// which has a descriptor of its own to check the connection.
// ANCHOR: work
async fn work(stream: &TcpStream, options: &Options) -> io::Result<()> {
    if !options.offload || options.compute.is_zero() {
        return compute(stream, options);
    }
    let (stream, options) = (stream.as_fd().try_clone_to_owned()?, options.clone());
    let span = Span::current();
    let computed = spawn_blocking(move || span.in_scope(|| compute(&stream, &options)));
    computed.await.map_err(io::Error::other)?
}
// ANCHOR_END: work

/// `server_core::linger`: reads and discards until the client ends its side, for [`LINGER`] at most.
pub(crate) async fn linger(stream: &TcpStream) -> io::Result<()> {
    let discard = async {
        // On the heap: what lives across an await would lie in every task, lingering or not.
        let mut discarded = vec![0; 4096];
        loop {
            stream.readable().await?;
            match stream.try_read(&mut discarded) {
                Ok(1..) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                ended => return ended.map(drop),
            }
        }
    };
    timeout(LINGER, discard).await?
}
