//! What the rest of the project knows of this model.

use server_core::{AtOnce, Model, Properties, Unit};

use crate::bare;

/// The model and its defaults. A stack takes memory only where it was touched, and glibc keeps
/// more of the small ones for reuse, so a connection seldom maps a new one.
pub const MODEL: Model = Model {
    name: "thread",
    about: "The echo service with a thread per connection",
    unit: Unit::Thread,
    at_once: AtOnce::All,
    properties: Properties {
        max_connections: Some(16384),
        stack_size: Some(256 * 1024),
        ..Properties::NONE
    },
    run: crate::run,
    bare: |listener, _| bare::run(&listener),
};
