//! When connections have left their server's backlog, of a server whose log does not tell it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use server_process::sockets::server_ends;

/// How often the kernel is asked: a moment is known no better than that.
const EVERY: Duration = Duration::from_millis(1);

/// Looks at connections to a server, in a thread of its own, until it is finished or dropped.
#[derive(Debug)]
pub struct BacklogWatch {
    followed: Sender<SocketAddr>,
    thread: JoinHandle<HashMap<SocketAddr, Instant>>,
}

impl BacklogWatch {
    /// Looks at connections to this address, of nobody yet.
    pub fn of(server: SocketAddr) -> Self {
        let (followed, clients) = channel();
        let thread = thread::spawn(move || look(server, &clients));
        BacklogWatch { followed, thread }
    }

    /// Looks at this client, too, which is connected.
    pub fn follow(&self, client: SocketAddr) {
        // It looks until it is finished: somebody receives.
        let _ = self.followed.send(client);
    }

    /// When each client was first seen that the server had accepted: a millisecond late at most if the machine is not
    /// busy. Whoever has come and gone within that was not seen. Nothing where this system does not tell.
    pub fn finish(self) -> HashMap<SocketAddr, Instant> {
        drop(self.followed);
        self.thread.join().unwrap_or_default()
    }
}

/// Looks at each client until it is accepted, while more may come, and once more at the end.
fn look(server: SocketAddr, clients: &Receiver<SocketAddr>) -> HashMap<SocketAddr, Instant> {
    let (mut waiting, mut accepted) = (Vec::new(), HashMap::new());
    loop {
        let is_over = match clients.try_recv() {
            Ok(client) => {
                waiting.push(client);
                continue;
            }
            Err(error) => error == TryRecvError::Disconnected,
        };
        let ends = server_ends(server, &waiting).unwrap_or_default();
        let now = Instant::now();
        let seen = waiting.iter().zip(ends).filter(|(_, end)| end.is_some());
        accepted.extend(seen.map(|(client, _)| (*client, now)));
        waiting.retain(|client| !accepted.contains_key(client));
        if is_over {
            return accepted;
        }
        thread::sleep(EVERY);
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_watch_sees_who_is_accepted_while_it_looks() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        let watch = BacklogWatch::of(server);
        let clients = [TcpStream::connect(server).unwrap(), TcpStream::connect(server).unwrap()];
        let addresses = clients.each_ref().map(|it| it.local_addr().unwrap());
        addresses.iter().for_each(|it| watch.follow(*it));
        let _connection = listener.accept().unwrap();
        // It looks once more before it ends.
        let seen = watch.finish();
        assert!(seen.contains_key(&addresses[0]) && !seen.contains_key(&addresses[1]));
    }
}
