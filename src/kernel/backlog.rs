//! When a connection has left its server's backlog, of a server whose log does not tell it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often the kernel is asked: a moment is known no better than that.
const EVERY: Duration = Duration::from_millis(1);

/// Looks at the connections of a server, in a thread of its own, until it is dropped or finished.
#[derive(Debug)]
pub struct BacklogWatch {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<HashMap<SocketAddr, Instant>>>,
}

impl BacklogWatch {
    /// Begins to look at the connections of who listens there.
    pub fn of(server: SocketAddr) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let mut accepted = HashMap::new();
            while !ends.load(Ordering::Relaxed) {
                let clients = system::accepted(server);
                let now = Instant::now();
                for client in clients {
                    accepted.entry(client).or_insert(now);
                }
                thread::sleep(EVERY);
            }
            accepted
        });
        BacklogWatch { is_over, thread: Some(thread) }
    }

    /// When each client was first seen that the server had accepted, a millisecond late at most if the machine is
    /// not busy. Nothing where this system does not tell.
    pub fn finish(mut self) -> HashMap<SocketAddr, Instant> {
        self.is_over.store(true, Ordering::Relaxed);
        let seen = self.thread.take().map(JoinHandle::join);
        seen.and_then(Result::ok).unwrap_or_default()
    }
}

impl Drop for BacklogWatch {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::net::SocketAddr;

    use procfs::net::{TcpNetEntry, tcp, tcp6};

    /// The clients whose connections somebody has accepted: to the others no process has a descriptor, so they have no
    /// inode yet.
    pub(super) fn accepted(server: SocketAddr) -> Vec<SocketAddr> {
        let table = if server.is_ipv4() { tcp() } else { tcp6() };
        let of_it = |it: &TcpNetEntry| it.local_address.port() == server.port() && it.inode != 0;
        let is_connected = |it: &TcpNetEntry| it.remote_address.port() != 0;
        let table = table.unwrap_or_default().into_iter();
        table.filter(|it| of_it(it) && is_connected(it)).map(|it| it.remote_address).collect()
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::net::SocketAddr;

    pub(super) fn accepted(_: SocketAddr) -> Vec<SocketAddr> {
        Vec::new()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn who_waits_in_the_backlog_is_not_accepted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        let client = TcpStream::connect(server).unwrap();
        let address = client.local_addr().unwrap();
        assert_eq!(system::accepted(server), []);
        let _connection = listener.accept().unwrap();
        assert_eq!(system::accepted(server), [address]);
    }

    #[test]
    fn the_watch_sees_who_is_accepted_while_it_looks() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        let watch = BacklogWatch::of(server);
        let one = TcpStream::connect(server).unwrap();
        let other = TcpStream::connect(server).unwrap();
        let _connection = listener.accept().unwrap();
        let end = Instant::now() + Duration::from_secs(20);
        while system::accepted(server).is_empty() && Instant::now() < end {}
        // It looks once more after this.
        thread::sleep(100 * EVERY);
        let seen = watch.finish();
        assert!(seen.contains_key(&one.local_addr().unwrap()));
        assert!(!seen.contains_key(&other.local_addr().unwrap()));
    }
}
