//! The runtime does what a runtime must: many tasks on one thread, each woken when it is its turn.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by a panic")]

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use mio::net::TcpListener;
use runtime::executor::yield_now;
use runtime::{Socket, block_on, echo, sleep, spawn};

/// An echo server with one thread. It ends with the test's process.
fn server(delay: Duration) -> SocketAddr {
    let (tell, address) = mpsc::channel();
    thread::spawn(move || {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        tell.send(listener.local_addr().unwrap()).unwrap();
        block_on(async move { echo::serve(Socket::new(listener).unwrap(), delay).await.unwrap() })
    });
    address.recv().unwrap()
}

fn connect(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

fn receive(mut stream: &TcpStream, expected: &str) {
    let mut bytes = vec![0; expected.len()];
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
}

#[test]
fn a_thousand_clients_are_served_at_once_by_one_thread() {
    assert!(server_core::raise_open_file_limit() > 2_100, "each client takes two descriptors");
    let server = server(Duration::ZERO);
    let greeted = |_| {
        // One after the other, lest they overflow the backlog.
        let mut client = connect(server);
        client.write_all(b"hello\n").unwrap();
        receive(&client, "hello\n");
        client
    };
    let clients: Vec<TcpStream> = (0..1_000).map(greeted).collect();
    for (number, client) in clients.iter().enumerate().rev() {
        (&*client).write_all(format!("message {number}\n").as_bytes()).unwrap();
    }
    for (number, client) in clients.iter().enumerate() {
        receive(client, &format!("message {number}\n"));
    }
    for mut client in clients {
        client.write_all(b"Bye\n").unwrap();
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
    }
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody_and_loses_nothing() {
    let server = server(Duration::ZERO);
    let mut greedy = connect(server);
    let sent = "x".repeat(8 << 20);
    let mut writer = greedy.try_clone().unwrap();
    let written = sent.clone();
    let writing = thread::spawn(move || writer.write_all(written.as_bytes()));
    let other = connect(server);
    (&other).write_all(b"hello\n").unwrap();
    receive(&other, "hello\n");
    let mut received = vec![0; sent.len()];
    greedy.read_exact(&mut received).unwrap();
    assert!(received == sent.as_bytes());
    writing.join().unwrap().unwrap();
}

#[test]
fn tasks_that_sleep_sleep_at_the_same_time_and_wake_in_order() {
    let order = Rc::new(RefCell::new(Vec::new()));
    let (sleepers, begin) = (Rc::clone(&order), Instant::now());
    let main = async move {
        for tenths in [3, 1, 2] {
            let order = Rc::clone(&sleepers);
            spawn(async move {
                sleep(Duration::from_millis(100 * tenths)).await;
                order.borrow_mut().push(tenths);
            });
        }
        while sleepers.borrow().len() < 3 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    block_on(main).unwrap();
    assert_eq!(*order.borrow(), [1, 2, 3]);
    assert!(begin.elapsed() >= Duration::from_millis(300));
}

#[test]
fn a_task_that_yields_lets_another_run() {
    let order = Rc::new(RefCell::new(String::new()));
    let (first, second) = (Rc::clone(&order), Rc::clone(&order));
    let main = async move {
        spawn(async move { second.borrow_mut().push('b') });
        first.borrow_mut().push('a');
        yield_now().await;
        first.borrow_mut().push('c');
    };
    block_on(main).unwrap();
    assert_eq!(*order.borrow(), "abc");
}
