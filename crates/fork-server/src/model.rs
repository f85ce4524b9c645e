//! What the rest of the project knows of this model.

use server_core::{AtOnce, Model, Properties, Unit};

use crate::bare;

/// The model and its defaults.
pub const MODEL: Model = Model {
    name: "fork",
    about: "The echo service with a process per connection",
    unit: Unit::Process,
    at_once: AtOnce::All,
    properties: Properties { max_connections: Some(16384), ..Properties::NONE },
    run: crate::run,
    bare: |listener, _| bare::run(&listener),
};
