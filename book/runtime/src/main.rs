//! `cargo run -p runtime`: the echo service on a runtime of one's own, at 127.0.0.1:5555.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use mio::net::TcpListener;
use runtime::{Socket, block_on, echo};

fn main() -> ExitCode {
    let serve = async {
        if let Err(error) = serve().await {
            eprintln!("runtime: {error}");
        }
    };
    if let Err(error) = block_on(serve) {
        eprintln!("runtime: {error}");
    }
    ExitCode::FAILURE
}

async fn serve() -> io::Result<()> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 5555)))?;
    println!("listening on {}", listener.local_addr()?);
    echo::serve(Socket::new(listener)?, Duration::ZERO).await
}
