//! Complete a line: wait in a task.

use std::time::Duration;

/// The answer, after a delay. Other tasks go on meanwhile, also those of the same thread.
pub async fn after(delay: Duration, answer: &'static str) -> &'static str {
    tokio::time::sleep(delay).await;
    answer
}
