//! One solution of each exercise. That of a bare server is the model's own.

pub(crate) mod job {
    pub(crate) mod framing;
}
pub(crate) mod iterative {
    #[path = "../../../../crates/iterative-server/src/bare.rs"]
    pub(crate) mod bare;
    pub(crate) mod ending;
    pub(crate) mod survival;
}
pub(crate) mod fork {
    #[path = "../../../../crates/fork-server/src/bare.rs"]
    pub(crate) mod bare;
    pub(crate) mod child;
    pub(crate) mod reaping;
}
pub(crate) mod prefork {
    pub(crate) mod address;
    #[path = "../../../../crates/prefork-server/src/bare.rs"]
    pub(crate) mod bare;
    pub(crate) mod crew;
}
pub(crate) mod thread {
    #[path = "../../../../crates/thread-server/src/bare.rs"]
    pub(crate) mod bare;
    pub(crate) mod limit;
    pub(crate) mod together;
}
pub(crate) mod pool {
    #[path = "../../../../crates/pool-server/src/bare.rs"]
    pub(crate) mod bare;
    pub(crate) mod closing;
    pub(crate) mod workers;
}
pub(crate) mod event {
    #[path = "../../../../crates/event-server/src/bare.rs"]
    pub(crate) mod bare;
    pub(crate) mod edge;
    pub(crate) mod loops;
    pub(crate) mod outbox;
}
pub(crate) mod r#async {
    #[path = "../../../../crates/async-server/src/bare.rs"]
    pub(crate) mod bare;
    pub(crate) mod nap;
    pub(crate) mod patience;
}
pub(crate) mod uring {
    #[cfg(target_os = "linux")]
    #[path = "../../../../crates/uring-server/src/bare.rs"]
    pub(crate) mod bare;
    pub(crate) mod lending;
    pub(crate) mod result;
}
pub(crate) mod sharing {
    pub(crate) mod census;
}
