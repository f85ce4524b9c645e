pub mod crew;
pub mod framing;
pub mod limit;
pub mod outbox;
pub mod patience;
pub mod reaping;
pub mod survival;
pub mod workers;
