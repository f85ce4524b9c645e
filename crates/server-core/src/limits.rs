//! How many descriptors this process may open.

use nix::libc::rlim_t;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the soft limit of open files to the hard one, and returns the limit that holds now.
///
/// A connection is a descriptor, and shells start programs with a soft limit near a thousand.
/// What the system refuses is left as it is: the accept policy survives a lack of descriptors.
pub fn raise_open_file_limit() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return 0;
    };
    let most = most(hard);
    match setrlimit(Resource::RLIMIT_NOFILE, most, hard) {
        Ok(()) => number(most),
        Err(error) => {
            tracing::warn!("the open-file limit stays at {soft}: {error}");
            number(soft)
        }
    }
}

/// The system's type is signed on FreeBSD. No limit is negative.
#[allow(clippy::unnecessary_cast, reason = "it is one on FreeBSD")]
fn number(limit: rlim_t) -> u64 {
    limit as u64
}

#[cfg(not(target_os = "macos"))]
fn most(hard: rlim_t) -> rlim_t {
    hard
}

/// macOS takes no more than this, also where its hard limit is said to be infinite: setrlimit(2).
#[cfg(target_os = "macos")]
fn most(hard: rlim_t) -> rlim_t {
    const OPEN_MAX: rlim_t = 10_240;
    hard.min(OPEN_MAX)
}
