//! How many descriptors this process may open.

/// Raises the soft limit of open files as far as the system allows, and returns the limit that holds now.
///
/// A connection is a descriptor, and shells start programs with a soft limit near a thousand. Where the
/// system refuses, the limit stays as it is: the accept policy survives a lack of descriptors.
pub fn raise_open_file_limit() -> u64 {
    rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|error| {
        let limit = rlimit::getrlimit(rlimit::Resource::NOFILE).map_or(0, |(soft, _)| soft);
        tracing::warn!("the open-file limit stays at {limit}: {error}");
        limit
    })
}
