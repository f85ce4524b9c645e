pub mod framing;
pub mod limit;
pub mod patience;
pub mod reaping;
pub mod survival;
pub mod workers;
