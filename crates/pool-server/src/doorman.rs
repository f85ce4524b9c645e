//! A queue that says no: who has waited in it for too long is turned away.
//!
//! A queue that only grows makes everybody late, and workers then serve clients that have left. To refuse
//! early is called *load shedding*. It keeps the queue shorter than the patience of those who wait in it.

use std::io;
use std::thread::{self, Scope};
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, bounded};
use server_core::{Aftermath, LingeringThread, Options};

use crate::Client;

/// Where workers get their clients from: the queue, or with `--max-wait` a thread that takes clients from the
/// queue, in their order.
///
/// # Errors
///
/// When the thread cannot be started.
pub(crate) fn before<'scope>(
    scope: &'scope Scope<'scope, '_>,
    queue: Receiver<Client>,
    options: &Options,
    lingering: &LingeringThread,
) -> io::Result<Receiver<Client>> {
    let Some(max_wait) = options.max_wait else { return Ok(queue) };
    let lingering = lingering.clone();
    // Without room of its own: to send is to hand over to a worker that is free.
    let (workers, clients) = bounded(0);
    let doorman = thread::Builder::new().name("doorman".to_owned());
    doorman.spawn_scoped(scope, move || hand_over(&queue, &workers, max_wait, &lingering))?;
    Ok(clients)
}

/// Waits with each client until a worker is free, and turns the client away when its time is up. Those behind
/// it came later, so their time ends later too.
// ANCHOR: hand_over
fn hand_over(
    queue: &Receiver<Client>,
    workers: &Sender<Client>,
    max_wait: Duration,
    lingering: &LingeringThread,
) {
    for client in queue {
        let deadline = client.since + max_wait;
        if let Err(late) = workers.send_deadline(client, deadline) {
            let Client { connection, .. } = late.into_inner();
            if connection.turn_away("queue", max_wait) == Aftermath::Linger {
                lingering.take(connection);
            }
        }
    }
}
// ANCHOR_END: hand_over
