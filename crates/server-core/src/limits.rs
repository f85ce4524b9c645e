//! How many descriptors this process may open.

use std::sync::OnceLock;

/// The soft limit before it was raised for the first time.
static BEFORE: OnceLock<u64> = OnceLock::new();

/// The soft limit of open files that this process was started with, if it has raised it since.
pub fn open_file_limit_before() -> Option<u64> {
    BEFORE.get().copied()
}

/// Raises the soft limit of open files as far as the system allows, and returns the limit that holds now.
///
/// A connection is a descriptor, and shells start programs with a soft limit near a thousand. Where the
/// system refuses, the limit stays as it is: the accept policy survives a lack of descriptors.
pub fn raise_open_file_limit() -> u64 {
    if let Ok((soft, _)) = rlimit::getrlimit(rlimit::Resource::NOFILE) {
        BEFORE.get_or_init(|| soft);
    }
    rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|error| {
        let limit = rlimit::getrlimit(rlimit::Resource::NOFILE).map_or(0, |(soft, _)| soft);
        tracing::warn!("the open-file limit stays at {limit}: {error}");
        limit
    })
}
