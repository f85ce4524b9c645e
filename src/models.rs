//! The servers that are compared, in the order of every table and plot.

use server_core::{BACKLOG, Model};

use crate::floor;

/// The five models, from the simplest to the newest.
pub const MODELS: [Model; 5] = [
    iterative_server::MODEL,
    fork_server::MODEL,
    thread_server::MODEL,
    pool_server::MODEL,
    async_server::MODEL,
];

/// How many clients a server has room for at a time, of `clients` that come: all of them, except
/// where the model's point is that it has not.
pub fn served_at_once(model: &Model, clients: usize) -> usize {
    match model.name {
        "iterative" => 1,
        "pool" => model.workers.map_or(clients, |workers| workers().min(clients)),
        _ => clients,
    }
}

/// How many clients a server has room for at all: those that it takes on, and those that wait in
/// its backlog.
pub fn room(model: &Model) -> usize {
    model.max_connections.unwrap_or(1) + BACKLOG.unsigned_abs() as usize
}

/// Finds a model, or the floor, by its name.
///
/// # Errors
///
/// One line that lists the names there are.
pub fn find(name: &str) -> Result<Model, String> {
    let mut all = MODELS.into_iter().chain([floor::MODEL]);
    all.find(|model| model.name == name).ok_or_else(|| {
        let names = MODELS.map(|model| model.name).join(", ");
        format!("there is no model {name:?}; there are {names}")
    })
}
