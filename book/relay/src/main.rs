//! `cargo run -p relay`: stands between a client and a server, and cuts or loses what the server sends.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;

use clap::Parser;
use relay::{Treatment, relay};

/// Stands between a client and a server, and cuts or loses what the server sends
#[derive(Parser)]
#[command(name = "relay")]
struct Options {
    /// Where to listen; port 0 is any free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:5556")]
    addr: SocketAddr,
    /// The server
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:5555")]
    server: SocketAddr,
    /// Pass on this many bytes at a time; 0 for as many as have come
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    piece: usize,
    /// Lose the last of every group of this many bytes; 0 for none
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    lost_of: usize,
}

fn main() -> ExitCode {
    if let Err(error) = run(&Options::parse()) {
        eprintln!("relay: {error}");
    }
    ExitCode::FAILURE
}

fn run(options: &Options) -> io::Result<()> {
    let listener = TcpListener::bind(options.addr)?;
    println!("listening on {}, relaying to {}", listener.local_addr()?, options.server);
    let treatment = Treatment { piece: options.piece, lost_of: options.lost_of };
    relay(&listener, options.server, treatment)
}
