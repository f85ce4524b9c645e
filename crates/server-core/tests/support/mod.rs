//! Workers whose loops are nothing but what a test needs.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use server_core::{AtOnce, Connections, Model, Options, Properties, Unit, Worker, Workers, bind};

const MODEL: Model = Model {
    name: "test",
    about: "",
    unit: Unit::None,
    at_once: AtOnce::All,
    properties: Properties { workers: Some(|| 3), max_connections: Some(100), ..Properties::NONE },
    run: |_, _| Err(io::ErrorKind::Unsupported.into()),
    bare: |_, _| Ok(()),
};

fn options() -> Options {
    let line = ["test-server", "--addr", "127.0.0.1:0"].map(OsString::from);
    MODEL.parse(line).expect("a right line")
}

/// Workers, with an acceptor for all or a listener each, and their connections.
pub(crate) fn workers(reuse_port: bool) -> (Workers, Arc<Connections>, SocketAddr) {
    let options = Options { reuse_port, ..options() };
    let listener = bind(&options).expect("a free port");
    let address = listener.local_addr().expect("its address");
    let workers = Workers::new(listener, &options).expect("workers");
    let connections = Connections::new(&options, workers.waker());
    (workers, connections, address)
}

pub(crate) fn is(worker: &Worker, name: &str) -> bool {
    worker.name.is_some_and(|it| it.to_string() == name)
}
