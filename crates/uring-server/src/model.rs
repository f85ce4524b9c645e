//! What the rest of the project knows of this model.

use server_core::{AtOnce, Model, Properties, Unit};

use crate::{bare, ring};

/// The model and its defaults. One loop is the model; more of them are for more CPUs.
pub const MODEL: Model = Model {
    name: "uring",
    about: "The echo service with completions: one thread, whose reads and writes the kernel does",
    unit: Unit::None,
    at_once: AtOnce::All,
    properties: Properties {
        max_connections: Some(65536),
        workers: Some(|| 1),
        reuse_port: true,
        by_completion: true,
        obstacle: Some(ring::obstacle),
        ..Properties::NONE
    },
    run: crate::run,
    bare: |listener, _| bare::run(&listener),
};
