//! The files to work on.

pub(crate) mod job {
    pub(crate) mod framing;
}
pub(crate) mod iterative {
    pub(crate) mod bare;
    pub(crate) mod ending;
    pub(crate) mod survival;
}
pub(crate) mod fork {
    pub(crate) mod bare;
    pub(crate) mod child;
    pub(crate) mod reaping;
}
pub(crate) mod prefork {
    pub(crate) mod address;
    pub(crate) mod bare;
    pub(crate) mod crew;
}
pub(crate) mod thread {
    pub(crate) mod bare;
    pub(crate) mod limit;
    pub(crate) mod together;
}
pub(crate) mod pool {
    pub(crate) mod bare;
    pub(crate) mod closing;
    pub(crate) mod workers;
}
pub(crate) mod event {
    pub(crate) mod bare;
    pub(crate) mod edge;
    pub(crate) mod loops;
    pub(crate) mod outbox;
}
pub(crate) mod r#async {
    pub(crate) mod bare;
    pub(crate) mod nap;
    pub(crate) mod patience;
}
pub(crate) mod uring {
    #[cfg(target_os = "linux")]
    pub(crate) mod bare;
    pub(crate) mod lending;
    pub(crate) mod result;
}
pub(crate) mod sharing {
    pub(crate) mod census;
}
