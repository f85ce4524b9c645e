//! A quarter of an hour a model. Each exercise is a file in `src/yours` that compiles and does not
//! do what it says; its tests are named by task. They are red at first:
//!
//! ```console
//! $ cargo test -p exercises --features yours --test framing
//! ```
//!
//! | exercise | chapter | file |
//! | --- | --- | --- |
//! | framing | the job | `src/yours/framing.rs` |
//! | survival | one at a time | `src/yours/survival.rs` |
//! | reaping | a process per connection | `src/yours/reaping.rs` |
//! | crew | processes made beforehand | `src/yours/crew.rs` |
//! | limit | a thread per connection | `src/yours/limit.rs` |
//! | workers | a pool of threads | `src/yours/workers.rs` |
//! | outbox | an event loop | `src/yours/outbox.rs` |
//! | patience | tasks | `src/yours/patience.rs` |
//! | lending | completions | `src/yours/lending.rs` |
//! | census | what they share | `src/yours/census.rs` |
//!
//! Tests called `task_…` are yours to turn green. Those called `still_…` are green from the start, and
//! are to stay so.
//!
//! Without `--features yours` the same tests hold the solutions, in `src/solutions`.

#[cfg(feature = "yours")]
mod yours;
#[cfg(feature = "yours")]
pub use yours::{
    census, crew, framing, lending, limit, outbox, patience, reaping, survival, workers,
};

#[cfg(not(feature = "yours"))]
mod solutions;
#[cfg(not(feature = "yours"))]
pub use solutions::{
    census, crew, framing, lending, limit, outbox, patience, reaping, survival, workers,
};

/// Asserts that what your code returned is right, and says which is which where it is not.
#[macro_export]
macro_rules! right {
    ($yours:expr, $right:expr $(, $why:expr)? $(,)?) => {
        match (&$yours, &$right) {
            (yours, right) => assert!(
                yours == right,
                concat!("\n  yours: {:?}\n  right: {:?}", $("\n  for ", $why)?),
                yours,
                right
            ),
        }
    };
}
