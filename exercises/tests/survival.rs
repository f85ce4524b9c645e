//! One at a time: what one client does is not the others' end.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::io::{self, ErrorKind};

use exercises::right;
use exercises::survival::{Served, serve_each};

/// Serves clients that are numbers: odd ones fail.
fn serve(clients: Vec<Result<u32, ErrorKind>>) -> (io::Result<Served>, Vec<u32>) {
    let mut seen = Vec::new();
    let accepted = clients.into_iter().map(|client| client.map_err(io::Error::from));
    let served = serve_each(accepted, |client| {
        seen.push(client);
        if client % 2 == 0 { Ok(()) } else { Err(ErrorKind::ConnectionReset.into()) }
    });
    (served, seen)
}

#[test]
fn still_good_clients_are_served_in_their_order() {
    let (served, seen) = serve(vec![Ok(2), Ok(4), Ok(6)]);
    right!(served.unwrap(), Served { well: 3, failed: 0 });
    right!(seen, [2, 4, 6]);
}

#[test]
fn task_1_a_client_that_fails_ends_its_own_connection_only() {
    let (served, seen) = serve(vec![Ok(2), Ok(3), Ok(4)]);
    right!(served.unwrap(), Served { well: 2, failed: 1 });
    right!(seen, [2, 3, 4]);
}

#[test]
fn task_2_a_client_that_leaves_before_it_is_accepted_is_one_of_those() {
    let (served, seen) = serve(vec![Err(ErrorKind::ConnectionAborted), Ok(2)]);
    right!(served.unwrap(), Served { well: 1, failed: 1 });
    right!(seen, [2]);
}

#[test]
fn still_a_listener_beyond_help_ends_the_server() {
    let (served, seen) = serve(vec![Ok(2), Err(ErrorKind::InvalidInput), Ok(4)]);
    right!(served.unwrap_err().kind(), ErrorKind::InvalidInput);
    right!(seen, [2]);
}
