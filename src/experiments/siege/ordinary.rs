//! Ordinary clients: each comes, is answered or not, and goes.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use client::conversation::Conversation;
use protocol::Framing;

/// How long each waits for its answer.
pub(super) const PATIENCE: Duration = Duration::from_millis(1200);

/// All of them at once, and prints how long each waited, in seconds, or null.
pub(super) fn visit(server: SocketAddr, count: usize) -> anyhow::Result<()> {
    let waits: Vec<Option<f64>> = thread::scope(|scope| {
        let clients: Vec<_> = (0..count).map(|_| scope.spawn(|| visit_once(server))).collect();
        clients.into_iter().map(|client| client.join().ok().flatten()).collect()
    });
    println!("{}", serde_json::to_string(&waits)?);
    Ok(())
}

/// From the first step to the answer.
fn visit_once(server: SocketAddr) -> Option<f64> {
    let begin = Instant::now();
    let mut conversation = Conversation::open(server, Framing::Line, PATIENCE).ok()?;
    conversation.exchange("an ordinary message").ok()?;
    let wait = begin.elapsed();
    // The server's end is of no interest here: it may be late for the same reason.
    drop(conversation);
    (wait <= PATIENCE).then_some(wait.as_secs_f64())
}
