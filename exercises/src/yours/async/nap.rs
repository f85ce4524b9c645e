//! Complete a line: wait in a task.

use std::time::Duration;

/// The answer, after a delay. Other tasks go on meanwhile, also those of the same thread.
///
/// As it stands, they do not.
pub async fn after(delay: Duration, answer: &'static str) -> &'static str {
    std::thread::sleep(delay);
    answer
}
