//! What the rest of the project knows of this model.

use std::thread;

use server_core::{AtOnce, Model, Properties, Unit};

use crate::bare;

/// The model and its defaults: as many workers as the pool of threads has, so that the two differ in
/// nothing but what a worker is.
pub const MODEL: Model = Model {
    name: "prefork",
    about: "The echo service with a fixed set of processes, forked before the first client comes",
    unit: Unit::Process,
    at_once: AtOnce::Workers,
    properties: Properties {
        workers: Some(|| 4 * thread::available_parallelism().map_or(1, usize::from)),
        reuse_port: true,
        ..Properties::NONE
    },
    run: crate::run,
    bare: |listener, options| bare::run(&listener, options.workers),
};
