//! What the rest of the project knows of this model.

use server_core::{AtOnce, Model, Unit};

use crate::bare;

/// The model and its defaults.
pub const MODEL: Model = Model {
    name: "iterative",
    about: "The echo service for one client at a time",
    unit: Unit::None,
    at_once: AtOnce::One,
    max_connections: None,
    workers: None,
    stack_size: None,
    run: crate::run,
    bare: |listener, _| bare::run(&listener),
};
