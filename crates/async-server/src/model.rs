//! What the rest of the project knows of this model.

use server_core::{AtOnce, Model, Properties, Unit};

use crate::bare;
use crate::runtime::{asynchronous, start};

/// The model and its defaults. A single worker is the thread that calls [`run`](crate::run): tasks
/// that only wait and copy gain nothing from a second, and pay for waking each other across threads.
pub const MODEL: Model = Model {
    name: "async",
    about: "The echo service with a task per connection",
    unit: Unit::Task,
    at_once: AtOnce::All,
    properties: Properties {
        max_connections: Some(65536),
        workers: Some(|| 1),
        offload: true,
        ..Properties::NONE
    },
    run: crate::run,
    bare: |listener, options| {
        start(options)?.block_on(async { bare::run(&asynchronous(listener)?).await })
    },
};
