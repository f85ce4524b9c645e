//! The symptom of a buffer that is given back too early, where the kernel gives this machine a ring.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

#[cfg(target_os = "linux")]
#[allow(dead_code, reason = "the other tests use the rest")]
mod support;

#[cfg(target_os = "linux")]
fn main() {
    use libtest_mimic::{Arguments, Trial};

    let name = "clients whose buffer was given back too early receive each other's words";
    let trial = Trial::test(name, || {
        linux::receive_each_other_s_words();
        Ok(())
    });
    let trial = match io_uring::IoUring::new(1) {
        Ok(_) => trial,
        Err(error) => trial.with_kind(format!("no io_uring: {error}")).with_ignored_flag(true),
    };
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit();
}

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
mod linux {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    use procfs::process::Process;

    use crate::support::{Server, exchange, wait_until};

    /// Both clients' words come while the server stands still, so that it finds both at once.
    pub(super) fn receive_each_other_s_words() {
        let server = Server::start("early-buffer");
        let clients = [server.connect(), server.connect()];
        clients.iter().for_each(|client| exchange(client, "alone\n"));
        let process = server.child.id().cast_signed();
        kill(Pid::from_raw(process), Signal::SIGSTOP).unwrap();
        let state = || Process::new(process).unwrap().stat().unwrap().state;
        wait_until("it stands still", || state() == 'T');
        let words = ["from A\n", "from B\n"];
        for (mut client, words) in clients.iter().zip(words) {
            client.write_all(words.as_bytes()).unwrap();
        }
        kill(Pid::from_raw(process), Signal::SIGCONT).unwrap();
        let received = clients.each_ref().map(receive);
        assert_ne!(received, words.map(str::to_owned), "each has its own");
        assert!(received.iter().all(|it| words.contains(&it.as_str())), "{received:?}");
    }

    fn receive(mut client: &TcpStream) -> String {
        let mut bytes = [0; 7];
        client.read_exact(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
