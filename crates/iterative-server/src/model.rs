//! What the rest of the project knows of this model.

use server_core::{AtOnce, Model, Properties, Unit};

use crate::bare;

/// The model and its defaults.
pub const MODEL: Model = Model {
    name: "iterative",
    about: "The echo service for one client at a time",
    unit: Unit::None,
    at_once: AtOnce::One,
    properties: Properties::NONE,
    run: crate::run,
    bare: |listener, _| bare::run(&listener),
};
