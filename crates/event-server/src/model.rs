//! What the rest of the project knows of this model.

use server_core::{AtOnce, Model, Properties, Unit};

use crate::bare;

/// The model and its defaults. One loop is the model; more of them are for more CPUs.
pub const MODEL: Model = Model {
    name: "event",
    about: "The echo service with an event loop by hand: one thread for all connections",
    unit: Unit::None,
    at_once: AtOnce::All,
    properties: Properties {
        max_connections: Some(65536),
        workers: Some(|| 1),
        reuse_port: true,
        ..Properties::NONE
    },
    run: crate::run,
    bare: |listener, _| bare::run(listener),
};
