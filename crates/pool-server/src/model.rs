//! What the rest of the project knows of this model.

use std::thread;

use server_core::{AtOnce, Model, Properties, Unit};

use crate::{bare, bare_accept};

/// The model and its defaults. Workers wait for clients more than they compute, so there are
/// several for each CPU. `max_connections` counts those that wait in the queue too.
pub const MODEL: Model = Model {
    name: "pool",
    about: "The echo service with a fixed pool of threads",
    unit: Unit::Thread,
    at_once: AtOnce::Workers,
    properties: Properties {
        max_connections: Some(1024),
        workers: Some(|| 4 * thread::available_parallelism().map_or(1, usize::from)),
        stack_size: Some(256 * 1024),
        max_wait: true,
        accept: true,
        ..Properties::NONE
    },
    run: crate::run,
    bare: |listener, options| match options.accept {
        true => bare_accept::run(listener, options.workers),
        false => bare::run(&listener, options.workers),
    },
};
