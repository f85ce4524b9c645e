//! How many descriptors this process may open.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the soft limit of open files to the hard one, and returns the limit that holds now.
///
/// A connection is a descriptor, and shells start programs with a soft limit near a thousand.
/// What the system refuses is left as it is: the accept policy survives a lack of descriptors.
pub fn raise_open_file_limit() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return 0;
    };
    match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(error) => {
            tracing::warn!("the open-file limit stays at {soft}: {error}");
            soft
        }
    }
}
