//! What the CPU spent on a process.

use std::fmt;
use std::io;
use std::time::Duration;

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};

/// Time that the CPU spent on a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// In its own code.
    pub user: Duration,
    /// In the kernel on its behalf.
    pub system: Duration,
}

impl CpuTime {
    /// What this process has used.
    ///
    /// # Errors
    ///
    /// Those of `getrusage(2)`.
    pub fn of_this_process() -> io::Result<Self> {
        Ok(CpuTime::of(&getrusage(UsageWho::RUSAGE_SELF)?))
    }

    /// What the children of this process have used, and theirs, once they were waited for.
    ///
    /// # Errors
    ///
    /// Those of `getrusage(2)`.
    pub fn of_children() -> io::Result<Self> {
        Ok(CpuTime::of(&getrusage(UsageWho::RUSAGE_CHILDREN)?))
    }

    /// User and system time together.
    pub fn total(self) -> Duration {
        self.user + self.system
    }

    /// What was used since `before` was read.
    pub fn since(self, before: Self) -> Self {
        CpuTime {
            user: self.user.saturating_sub(before.user),
            system: self.system.saturating_sub(before.system),
        }
    }

    pub(crate) fn of(usage: &Usage) -> Self {
        let duration = |time: TimeVal| {
            Duration::from_nanos(u64::try_from(time.num_nanoseconds()).unwrap_or_default())
        };
        CpuTime { user: duration(usage.user_time()), system: duration(usage.system_time()) }
    }
}

impl fmt::Display for CpuTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.3} s user, {:.3} s system",
            self.user.as_secs_f64(),
            self.system.as_secs_f64()
        )
    }
}
