use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Builder;

use crate::answers::r#async::nap::after;
use crate::exercise::{Exercise, Kind, Outcome, Task, right};

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "async/nap",
    kind: Kind::Line,
    about: "a task that sleeps keeps its thread from all others",
    hints: [
        "Two tasks share one thread here. Which of them lets go of it while it waits?",
        "The runtime can wait, too, without keeping a thread: look through the module `tokio::time`.",
    ],
    tasks: &[
        Task::still("an answer comes", || order_of(&[("one", 10)], &["one"])),
        Task::new("who waits longer is answered later", || {
            order_of(&[("slow", 500), ("fast", 10)], &["fast", "slow"])
        }),
    ],
};

/// Sees these answers come in this order, all asked for at once on one thread.
fn order_of(asked: &'static [(&'static str, u64)], right: &[&str]) -> Outcome {
    let said = Arc::new(Mutex::new(Vec::new()));
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let tasks: Vec<_> = asked
            .iter()
            .map(|(answer, milliseconds)| {
                let (said, delay) = (Arc::clone(&said), Duration::from_millis(*milliseconds));
                tokio::spawn(async move {
                    let answer = after(delay, answer).await;
                    said.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
                })
            })
            .collect();
        for task in tasks {
            // A panic is told by itself.
            let _ = task.await;
        }
    });
    right!("the answers", *said.lock().unwrap_or_else(PoisonError::into_inner), right);
    Ok(())
}
