//! The names of the tests in `tests/endurance`: the page of guarantees has them too.

pub(crate) const LEAVES_NOTHING: &str = "20000 short connections leave nothing behind";
pub(crate) const ANSWERS_BESIDE: &str = "a new client is answered at once beside 10000 idle ones";
pub(crate) const WAITS: &str = "a new client waits for idle ones to leave, and is then served";

pub(crate) const ALL: [&str; 3] = [LEAVES_NOTHING, ANSWERS_BESIDE, WAITS];
