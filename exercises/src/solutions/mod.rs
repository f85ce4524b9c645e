//! One solution of each exercise. That of a page is the page.

pub(crate) mod job {
    pub(crate) mod framing;
}
pub(crate) mod iterative {
    pub(crate) mod ending;
    #[path = "../../../../crates/iterative-server/src/bare.rs"]
    pub(crate) mod page;
    pub(crate) mod survival;
}
pub(crate) mod fork {
    pub(crate) mod child;
    #[path = "../../../../crates/fork-server/src/bare.rs"]
    pub(crate) mod page;
    pub(crate) mod reaping;
}
pub(crate) mod prefork {
    pub(crate) mod address;
    pub(crate) mod crew;
    #[path = "../../../../crates/prefork-server/src/bare.rs"]
    pub(crate) mod page;
}
pub(crate) mod thread {
    pub(crate) mod limit;
    #[path = "../../../../crates/thread-server/src/bare.rs"]
    pub(crate) mod page;
    pub(crate) mod together;
}
pub(crate) mod pool {
    pub(crate) mod closing;
    #[path = "../../../../crates/pool-server/src/bare.rs"]
    pub(crate) mod page;
    pub(crate) mod workers;
}
pub(crate) mod event {
    pub(crate) mod edge;
    pub(crate) mod outbox;
    #[path = "../../../../crates/event-server/src/bare.rs"]
    pub(crate) mod page;
}
pub(crate) mod r#async {
    pub(crate) mod nap;
    #[path = "../../../../crates/async-server/src/bare.rs"]
    pub(crate) mod page;
    pub(crate) mod patience;
}
pub(crate) mod uring {
    pub(crate) mod lending;
    #[cfg(target_os = "linux")]
    #[path = "../../../../crates/uring-server/src/bare.rs"]
    pub(crate) mod page;
    pub(crate) mod result;
}
pub(crate) mod sharing {
    pub(crate) mod census;
}
