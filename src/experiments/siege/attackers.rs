//! Slow clients: each is answered once, as anybody would be, and then holds a message that never
//! becomes whole. One that is thrown out does not go at once, and comes again meanwhile.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{self, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use client::connect;
use client::hold::Held;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Registry, Token};
use server_core::LINGER;

/// How often each sends a byte.
const PAUSE: Duration = Duration::from_secs(1);

/// How often those are looked for who are to send one.
const TICK: Duration = Duration::from_millis(20);

/// How long one that was thrown out stays: until the server has given up waiting for it to go.
const STAY: Duration = LINGER.saturating_add(Duration::from_millis(100));

struct Attackers {
    server: SocketAddr,
    registry: Registry,
    /// Nobody, where the server has just thrown one out who has not come again yet.
    all: Vec<Option<TcpStream>>,
    /// Who has been thrown out, since then, and does not go.
    out: VecDeque<(Instant, TcpStream)>,
    /// Who sends the next byte.
    next: usize,
}

/// The beginning of the message.
const BEGINNING: &[u8] = b"an unfinished ";

/// How many begin it at once, and how much later the next ones do: else those who are thrown out would
/// all come again at one moment, which is another attack.
const AT_ONCE: usize = 100;
const NEXT_AFTER: Duration = Duration::from_millis(10);

/// Opens the connections, of which `served` are served at once, says so, and then keeps them from being
/// idle until this process ends. Who is thrown out comes again.
pub(super) fn attack(server: SocketAddr, count: usize, served: usize) -> anyhow::Result<()> {
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1024));
    let registry = poll.registry().try_clone()?;
    let mut attackers =
        Attackers { server, registry, all: Vec::new(), out: VecDeque::new(), next: 0 };
    for (place, stream) in
        Held::open(server, count, served)?.into_connections().into_iter().enumerate()
    {
        if place % AT_ONCE == AT_ONCE - 1 {
            thread::sleep(NEXT_AFTER);
        }
        attackers.all.push(Some(attackers.begin(place, stream)?));
    }
    println!("ready");
    let mut tick = Instant::now();
    loop {
        let rest = tick.saturating_duration_since(Instant::now());
        match poll.poll(&mut events, Some(rest)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        events.iter().for_each(|event| attackers.listen(event.token()));
        if Instant::now() >= tick {
            tick += TICK;
            attackers.send_bytes();
            attackers.let_go();
        }
    }
}

impl Attackers {
    /// Begins the message that never becomes whole.
    fn begin(&self, place: usize, stream: net::TcpStream) -> io::Result<TcpStream> {
        let mut stream = TcpStream::from_std(stream);
        stream.write_all(BEGINNING)?;
        self.registry.register(&mut stream, Token(place), Interest::READABLE)?;
        Ok(stream)
    }

    /// Comes again, and begins another.
    fn come_again(&self, place: usize) -> io::Result<TcpStream> {
        let stream = connect(self.server)?;
        stream.set_nonblocking(true)?;
        self.begin(place, stream)
    }

    /// Whom the server tells of a mistake, or ends, has been thrown out. One that waited for a worker
    /// may be answered yet for its first message.
    fn listen(&mut self, Token(place): Token) {
        let is_out = |mut stream: &TcpStream| {
            let mut told = [0; 256];
            match stream.read(&mut told) {
                Ok(count) => count == 0 || told.starts_with(b"ERROR"),
                Err(error) => error.kind() != io::ErrorKind::WouldBlock,
            }
        };
        if let Some(mut stream) = self.all[place].take_if(|stream| is_out(stream)) {
            // It fails where the connection has, and then nobody tells of it any more.
            let _ = self.registry.deregister(&mut stream);
            self.out.push_back((Instant::now(), stream));
            // Where it fails the server is busy: it comes when it would send its next byte.
            self.all[place] = self.come_again(place).ok();
        }
    }

    /// Lets those go who have stayed for long enough.
    fn let_go(&mut self) {
        while self.out.front().is_some_and(|(since, _)| since.elapsed() > STAY) {
            self.out.pop_front();
        }
    }

    /// Lets those send a byte whose turn it is: all of them within a pause.
    fn send_bytes(&mut self) {
        let count = self.all.len();
        let ticks = (PAUSE.as_millis() / TICK.as_millis()) as usize;
        for _ in 0..count.div_ceil(ticks).min(count) {
            let place = self.next;
            self.next = (place + 1) % count;
            match &mut self.all[place] {
                // It fails where it has been thrown out, which the next event tells.
                Some(stream) => drop(stream.write(b".")),
                None => self.all[place] = self.come_again(place).ok(),
            }
        }
    }
}
