//! The load against servers in this process: what it counts, and what it refuses to count.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use client::failure::FailureKind;
use client::load::{Extent, Load, LoadError, OnFailure, Outcome, Pace};
use server_core::Ending;

/// A server with a thread for each client, which lives as long as the test's process.
fn server(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let serve = serve.clone();
            thread::spawn(move || serve(stream.unwrap()));
        }
    });
    address
}

fn load(server: SocketAddr) -> Load {
    let duration = Duration::from_millis(200);
    Load::strict(server, 4, Extent::Time { warm_up: Duration::ZERO, duration })
}

/// Until whoever watches ends it.
const FOREVER: Extent =
    Extent::Time { warm_up: Duration::ZERO, duration: Duration::from_secs(3600) };

fn kind(outcome: Result<Outcome, LoadError>) -> FailureKind {
    match outcome {
        Err(LoadError::Connection { failure, .. }) => failure.kind(),
        outcome => panic!("no connection failed: {outcome:?}"),
    }
}

/// Sends back what it reads, until it reads `Bye`.
fn echo(mut stream: TcpStream) {
    let mut bytes = [0; 1 << 17];
    while let Ok(count @ 1..) = stream.read(&mut bytes) {
        if bytes[..count].ends_with(b"Bye\n") {
            return;
        }
        stream.write_all(&bytes[..count]).unwrap();
    }
}

#[test]
fn warm_connections_stay_and_every_message_is_counted_once() {
    let outcome = load(server(echo)).run().unwrap();
    assert_eq!(outcome.answered_connections, 4);
    assert_eq!(outcome.all_connections, 4);
    assert!(!outcome.message_latency.is_empty());
    assert!(outcome.all_messages >= outcome.message_latency.len());
}

#[test]
fn short_connections_carry_the_messages_that_they_are_given() {
    let load = Load { messages_per_connection: Some(3), ..load(server(echo)) };
    let outcome = load.run().unwrap();
    assert!(outcome.all_connections > 4, "{outcome:?}");
    // Those that the end cut short may have had fewer.
    assert!(outcome.all_messages <= 3 * outcome.all_connections);
    assert!(outcome.all_messages >= 3 * (outcome.all_connections - 4));
}

#[test]
fn as_many_connections_are_opened_as_were_asked_for() {
    for all in [1, 3, 4, 5, 50] {
        let extent = Extent::Connections(all);
        let load = Load { extent, messages_per_connection: Some(2), ..load(server(echo)) };
        let outcome = load.run().unwrap();
        assert_eq!((outcome.all_connections, outcome.all_messages), (all, 2 * all));
    }
}

#[test]
fn several_threads_drive_together_what_one_would_alone() {
    for (connections, threads, all) in [(4, 3, 10), (2, 5, 7), (5, 2, 5), (1, 2, 1)] {
        let extent = Extent::Connections(all);
        let messages_per_connection = Some(2);
        let load =
            Load { connections, threads, extent, messages_per_connection, ..load(server(echo)) };
        let outcome = load.run().unwrap();
        assert_eq!((outcome.all_connections, outcome.all_messages), (all, 2 * all));
        assert_eq!(outcome.message_latency.len(), 2 * all);
        assert_eq!(outcome.connection_latency.len(), all);
        assert_eq!(
            (outcome.threads, outcome.answered_connections),
            (threads.min(connections), connections)
        );
    }
}

/// Their places are numbered through, so a server that mixes up the clients of two threads is noticed.
#[test]
fn no_two_connections_of_several_threads_send_alike() {
    let seen: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let server = {
        let seen = Arc::clone(&seen);
        server(move |mut stream| {
            let mut bytes = [0; 64];
            stream.read_exact(&mut bytes).unwrap();
            seen.lock().unwrap().push(bytes[8..].to_vec());
            stream.write_all(&bytes).unwrap();
            echo(stream);
        })
    };
    let (threads, message_size, extent) = (2, 64, Extent::Connections(6));
    let messages_per_connection = Some(1);
    let load = Load {
        connections: 6,
        threads,
        message_size,
        extent,
        messages_per_connection,
        ..load(server)
    };
    load.run().unwrap();
    let mut seen = seen.lock().unwrap().clone();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 6);
}

#[test]
fn who_watches_several_threads_sees_all_and_ends_all_at_one_moment() {
    let load = Load { threads: 2, extent: FOREVER, ..load(server(echo)) };
    let mut established = 0;
    let outcome = load.run_watched(|status| {
        established = established.max(status.established);
        match status.answered_connections == 4 && status.elapsed > Duration::from_millis(300) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    let outcome = outcome.unwrap();
    assert_eq!((established, outcome.answered_connections), (4, 4));
    assert!(outcome.elapsed >= Duration::from_millis(500), "the end was told before it came");
}

#[test]
fn a_failure_in_one_thread_is_the_end_of_all() {
    let once = Arc::new(AtomicBool::new(true));
    let server = server(move |mut stream| {
        stream.read_exact(&mut [0; 16]).unwrap();
        match once.swap(false, Ordering::Relaxed) {
            true => drop(stream),
            false => drop(std::io::copy(&mut stream, &mut std::io::sink())),
        }
    });
    let load = Load { threads: 4, extent: FOREVER, ..load(server) };
    assert_eq!(kind(load.run()), FailureKind::ClosedEarly);
}

#[test]
fn large_messages_come_back_whole() {
    let load = Load { message_size: 100_000, ..load(server(echo)) };
    assert!(load.run().unwrap().all_messages > 0);
}

#[test]
fn a_wrong_echo_fails_the_run() {
    let server = server(|mut stream| {
        let mut bytes = [0; 16];
        stream.read_exact(&mut bytes).unwrap();
        bytes[7] ^= 1;
        stream.write_all(&bytes).unwrap();
        echo(stream);
    });
    assert_eq!(kind(load(server).run()), FailureKind::WrongEcho);
}

#[test]
fn a_client_that_is_turned_away_is_counted_as_that() {
    let busy = server(|mut stream| {
        // The client may have left already.
        let _ = stream.write_all(b"ERROR busy\n");
        let _ = stream.shutdown(Shutdown::Write);
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    assert_eq!(kind(load(busy).run()), FailureKind::TurnedAway);
}

#[test]
fn a_server_that_closes_early_fails_the_run() {
    let server = server(|mut stream| {
        stream.read_exact(&mut [0; 16]).unwrap();
    });
    assert_eq!(kind(load(server).run()), FailureKind::ClosedEarly);
}

#[test]
fn a_missing_answer_fails_the_run() {
    let silent = server(|mut stream| drop(std::io::copy(&mut stream, &mut std::io::sink())));
    let load = Load { patience: Duration::from_millis(200), ..load(silent) };
    assert_eq!(kind(load.run()), FailureKind::TimedOut);
}

#[test]
fn without_a_server_the_run_fails() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(kind(load(free).run()), FailureKind::Refused);
}

/// A load that lives through failures.
fn tolerant(server: SocketAddr) -> Load {
    let (farewell, on_failure) = (Ending::EndOfInput, OnFailure::Count);
    Load { farewell, on_failure, ..load(server) }
}

#[test]
fn a_half_close_is_a_farewell_that_any_server_understands() {
    let server = server(|stream| {
        let (mut input, mut output) = (&stream, &stream);
        let _ = std::io::copy(&mut input, &mut output);
    });
    let load = Load { messages_per_connection: Some(2), ..tolerant(server) };
    let outcome = load.run().unwrap();
    assert_eq!(outcome.failures.total(), 0, "{:?}", outcome.failures);
    assert!(outcome.all_connections > 4, "{outcome:?}");
}

#[test]
fn failures_are_counted_by_kind_and_others_take_the_place_of_those_that_failed() {
    // Answers once, then closes and owes an answer.
    let server = server(|mut stream| {
        let mut bytes = [0; 16];
        stream.read_exact(&mut bytes).unwrap();
        stream.write_all(&bytes).unwrap();
        stream.read_exact(&mut bytes).unwrap();
    });
    let mut failures = 0;
    let load = Load { extent: FOREVER, ..tolerant(server) };
    let outcome = load.run_watched(|status| {
        failures = status.failures;
        if failures > 8 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let outcome = outcome.unwrap();
    let closed = outcome.failures.count(FailureKind::ClosedEarly);
    assert!(closed > 8, "{outcome:?}");
    assert_eq!(outcome.failures.total(), closed, "{:?}", outcome.failures);
    assert!(outcome.all_messages >= closed);
}

#[test]
fn a_failed_connection_holds_up_no_other() {
    // The first connection is reset, those after it are served.
    static FIRST: AtomicBool = AtomicBool::new(true);
    let server = server(|stream| match FIRST.swap(false, Ordering::Relaxed) {
        true => drop(stream.peek(&mut [0])),
        false => echo(stream),
    });
    let extent = Extent::Connections(200);
    let load = Load { extent, messages_per_connection: Some(1), ..tolerant(server) };
    let outcome = load.run().unwrap();
    assert_eq!(outcome.failures.total(), 1, "{:?}", outcome.failures);
    assert_eq!(outcome.all_connections, 199);
}

#[test]
fn an_end_behind_half_an_answer_is_seen_at_once() {
    let server = server(|mut stream| {
        stream.read_exact(&mut [0; 16]).unwrap();
        stream.write_all(b"0000").unwrap();
    });
    let (extent, patience) = (FOREVER, Duration::from_secs(3600));
    let load = Load { extent, patience, ..tolerant(server) };
    let outcome = load.run_watched(|status| match status.failures {
        0..40 => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    });
    let failures = outcome.unwrap().failures;
    assert_eq!(failures.count(FailureKind::ClosedEarly), failures.total(), "{failures:?}");
}

#[test]
fn bytes_that_come_in_another_order_are_a_wrong_echo() {
    let server = server(|mut stream| {
        let mut bytes = [0; 1000];
        while stream.read_exact(&mut bytes).is_ok() {
            bytes[200..800].reverse();
            stream.write_all(&bytes).unwrap();
        }
    });
    let load = Load { message_size: 1000, ..load(server) };
    assert_eq!(kind(load.run()), FailureKind::WrongEcho);
}

#[test]
fn what_is_in_flight_at_the_end_is_counted_apart() {
    let silent = server(|mut stream| drop(std::io::copy(&mut stream, &mut std::io::sink())));
    let outcome = tolerant(silent).run().unwrap();
    assert_eq!((outcome.in_flight, outcome.failures.total()), (4, 0), "{outcome:?}");
}

/// Each message that is due is answered, in flight, or waits for a connection: one account each, and
/// none is lost between two looks at the clock.
#[test]
fn an_open_loop_sends_at_its_rate_and_accounts_for_every_message() {
    let server = server(echo);
    let (warm_up, duration) = (Duration::ZERO, Duration::from_millis(50));
    for round in 0..40 {
        let (threads, pace) = (1 + round % 3, Pace::Open { messages_per_second: 20_000.0 });
        let extent = Extent::Time { warm_up, duration };
        let outcome = Load { pace, extent, threads, ..tolerant(server) }.run().unwrap();
        let all = outcome.message_latency.len() + outcome.in_flight + outcome.unsent;
        assert_eq!(all, 1000, "{outcome:?}");
    }
}

/// Each message that was due is in one account, and some were lost.
#[track_caller]
fn assert_settled(outcome: &Outcome) {
    let answered = outcome.message_latency.len();
    let all = answered + outcome.in_flight + outcome.unsent + outcome.lost;
    assert!(outcome.lost > 0, "{outcome:?}");
    assert_eq!(all, outcome.due, "{outcome:?}");
}

/// The same where connections fail, answers come too late, or connections have few messages each.
#[test]
fn an_open_loop_accounts_for_the_messages_that_are_lost_with_connections() {
    // Answers twice, and resets the connection over the third message.
    let server = server(|mut stream| {
        let mut bytes = [0; 16];
        for _ in 0..2 {
            if stream.read_exact(&mut bytes).is_ok() {
                thread::sleep(Duration::from_millis(2));
                stream.write_all(&bytes).unwrap();
            }
        }
        let _ = stream.peek(&mut [0]);
    });
    let pace = Pace::Open { messages_per_second: 2000.0 };
    let duration = Duration::from_millis(300);
    for (warm_up, messages_per_connection, patience) in
        [(0, None, 10_000), (100, None, 10_000), (0, Some(3), 10_000), (100, None, 1)]
    {
        let (warm_up, patience) = (Duration::from_millis(warm_up), Duration::from_millis(patience));
        let extent = Extent::Time { warm_up, duration };
        for threads in [1, 2] {
            let load = Load {
                pace,
                extent,
                messages_per_connection,
                patience,
                threads,
                ..tolerant(server)
            };
            let outcome = load.run().unwrap();
            assert!(outcome.due >= 600, "{outcome:?}");
            assert_settled(&outcome);
        }
    }
}

/// The end comes together with the echo: the connection rests, and its next message is lost with it.
#[test]
fn an_open_loop_accounts_for_the_messages_of_connections_that_had_ended() {
    let server = server(|mut stream| {
        let mut bytes = [0; 16];
        if stream.read_exact(&mut bytes).is_ok() {
            stream.write_all(&bytes).unwrap();
        }
    });
    let pace = Pace::Open { messages_per_second: 2000.0 };
    let outcome = Load { pace, ..tolerant(server) }.run().unwrap();
    assert_settled(&outcome);
}

#[test]
fn an_open_loop_counts_the_time_that_a_message_waited_for_a_free_connection() {
    // One connection, 10 ms an answer, and a message due every 2 ms: the queue grows.
    let server = server(|mut stream| {
        let mut bytes = [0; 16];
        while stream.read_exact(&mut bytes).is_ok() {
            thread::sleep(Duration::from_millis(10));
            stream.write_all(&bytes).unwrap();
        }
    });
    let pace = Pace::Open { messages_per_second: 500.0 };
    let outcome = Load { pace, connections: 1, ..tolerant(server) }.run().unwrap();
    assert!(outcome.unsent > 50, "{outcome:?}");
    let longest = Duration::from_nanos(outcome.message_latency.max());
    assert!(longest > Duration::from_millis(50), "{longest:?}");
}

#[test]
fn whoever_watches_may_end_the_measurement() {
    let load = Load { extent: FOREVER, ..tolerant(server(echo)) };
    let outcome = load.run_watched(|status| match status.established == 4 && status.messages > 9 {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    });
    let outcome = outcome.unwrap();
    assert_eq!(outcome.failures.total(), 0);
    assert_eq!(outcome.in_flight, 4, "a closed loop always has all its messages in flight");
}
