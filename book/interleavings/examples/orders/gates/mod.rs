//! The gate of the exercise `thread/limit`, and three with a mistake. **Do not copy those.**

use std::sync::Arc;

mod if_for_while;
mod lost_wake_up;
#[cfg_attr(feature = "yours", path = "../../../../../exercises/src/yours/thread/limit.rs")]
#[cfg_attr(not(feature = "yours"), path = "../../../../../exercises/src/solutions/thread/limit.rs")]
#[allow(unreachable_pub)] // It is a file of another crate.
mod right;
mod three_steps;

/// One way to let in a limited number at a time.
pub(crate) struct Candidate {
    pub(crate) name: &'static str,
    /// Its mistake in a line, or that there is none.
    pub(crate) about: &'static str,
    /// A new gate with this many places.
    pub(crate) gate: fn(usize) -> Pass,
}

/// Takes who calls it through the gate, and does this while it is inside.
pub(crate) type Pass = Arc<dyn Fn(&dyn Fn()) + Send + Sync>;

/// Goes in and out through a new gate of this type.
macro_rules! through {
    ($gate:ty) => {
        |places| {
            let gate = <$gate>::new(places);
            Arc::new(move |inside| {
                gate.enter();
                inside();
                gate.leave();
            })
        }
    };
}

pub(crate) const CANDIDATES: [Candidate; 4] = [
    Candidate {
        name: "gate",
        about: "the gate of the exercise thread/limit",
        gate: |places| {
            let gate = right::Gate::new(places);
            Arc::new(move |inside| {
                let _place = gate.enter();
                inside();
            })
        },
    },
    Candidate {
        name: "if-for-while",
        about: "who was woken does not look again",
        gate: through!(if_for_while::Gate),
    },
    Candidate {
        name: "lost-wake-up",
        about: "between the look and the wait nobody is heard",
        gate: through!(lost_wake_up::Gate),
    },
    Candidate {
        name: "three-steps",
        about: "to read, to subtract and to write are three steps",
        gate: through!(three_steps::Gate),
    },
];
