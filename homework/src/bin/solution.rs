//! The homework, solved: `solution PORT` has a thread for each connection.

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{process, thread};

use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;

/// The longest message, its line feed not counted, in bytes.
const MAX_MESSAGE: usize = 65536;

/// How long a client that was told of a mistake may take to read it.
const LINGER: Duration = Duration::from_secs(1);

/// How long the clients may take when the server is to end.
const DRAIN: Duration = Duration::from_secs(5);

/// Who is connected, by number, and whether the server is to end.
#[derive(Default)]
struct Clients {
    open: HashMap<usize, Arc<TcpStream>>,
    ends: bool,
}

fn clients() -> MutexGuard<'static, Clients> {
    static CLIENTS: LazyLock<Mutex<Clients>> = LazyLock::new(Mutex::default);
    CLIENTS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).ok_or("a port is missing: solution PORT")?;
    let signals = Signals::new([SIGTERM])?;
    let listener = TcpListener::bind(("127.0.0.1", port.parse()?))?;
    thread::spawn(|| end_at(signals));
    for (number, client) in listener.incoming().enumerate() {
        match client {
            Ok(client) => take_on(number, Arc::new(client)),
            // Such as too many open files: others have to leave first.
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
    Ok(())
}

/// Gives a client a thread; where there is none left, the client finds the end.
fn take_on(number: usize, client: Arc<TcpStream>) {
    let mut clients = clients();
    if clients.ends {
        return;
    }
    clients.open.insert(number, Arc::clone(&client));
    let serve = move || {
        // Its error ends this connection and no other.
        let _ = converse(&client);
        crate::clients().open.remove(&number);
    };
    if thread::Builder::new().spawn(serve).is_err() {
        clients.open.remove(&number);
    }
}

/// Sends each line back, until the client has said all, or `Bye`, or what is no message.
fn converse(client: &TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    let (mut input, mut output) = (BufReader::new(client), client);
    let mut line = Vec::new();
    loop {
        line.clear();
        // A byte more: the line feed, or the one that is too many.
        input.by_ref().take(MAX_MESSAGE as u64 + 1).read_until(b'\n', &mut line)?;
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        // Half a line that the end of the server has cut off is no message.
        let is_cut_off = !line.ends_with(b"\n") && text.len() <= MAX_MESSAGE && clients().ends;
        if line.is_empty() || is_cut_off {
            return close(client, b"");
        }
        if text.len() > MAX_MESSAGE {
            return close(client, b"ERROR the message is too long\n");
        }
        match std::str::from_utf8(text) {
            Err(_) => return close(client, b"ERROR the message is not UTF-8\n"),
            Ok("Bye" | "Bye\r") => return close(client, b""),
            Ok(_) => output.write_all(&line)?,
        }
    }
}

/// Says a last word, and closes once the client has, so that the word arrives whatever it still sends.
fn close(mut client: &TcpStream, last_word: &[u8]) -> io::Result<()> {
    client.write_all(last_word)?;
    client.shutdown(Shutdown::Write)?;
    client.set_read_timeout(Some(LINGER))?;
    let end = Instant::now() + LINGER;
    while client.read(&mut [0; 4096])? > 0 && Instant::now() < end {}
    Ok(())
}

/// At a signal: lets each client find the end behind what it has sent, which on Linux can still be read,
/// and ends the process when all have been answered.
fn end_at(mut signals: Signals) {
    let _ = signals.forever().next();
    let mut ending = clients();
    ending.ends = true;
    ending.open.values().for_each(|client| drop(client.shutdown(Shutdown::Read)));
    drop(ending);
    let waits = DRAIN.as_millis() / 10;
    for _ in 0..waits {
        if clients().open.is_empty() {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    process::exit(0);
}
