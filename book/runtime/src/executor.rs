//! Runs tasks: each until it waits, and again when it was woken.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use slab::Slab;

use crate::reactor;

/// A state machine on the heap, of whatever function it was made.
type Task = Pin<Box<dyn Future<Output = ()>>>;

thread_local! {
    /// All tasks by their keys. One that is being run has left its place for that time.
    static TASKS: RefCell<Slab<Option<Task>>> = const { RefCell::new(Slab::new()) };
    /// The keys of those that are to run.
    static READY: Arc<Mutex<Vec<usize>>> = Arc::default();
}

// ANCHOR: waker
/// Whom to run again. Any thread may wake, so it is shared and locked.
struct TaskWaker {
    key: usize,
    ready: Arc<Mutex<Vec<usize>>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).push(self.key);
    }
}
// ANCHOR_END: waker

/// Makes a task of a future. It runs when whoever called this waits.
pub fn spawn(future: impl Future<Output = ()> + 'static) {
    start(future);
}

fn start(future: impl Future<Output = ()> + 'static) -> usize {
    let key = TASKS.with_borrow_mut(|tasks| tasks.insert(Some(Box::pin(future))));
    waker(key).wake();
    key
}

fn waker(key: usize) -> Waker {
    READY.with(|ready| Waker::from(Arc::new(TaskWaker { key, ready: Arc::clone(ready) })))
}

// ANCHOR: block_on
/// Runs a future to its end, and meanwhile all tasks that it spawns. Blocks until then; what was
/// spawned and has not ended stays where it is.
///
/// # Errors
///
/// When the kernel cannot be asked who is ready.
pub fn block_on(main: impl Future<Output = ()> + 'static) -> io::Result<()> {
    let main = start(main);
    loop {
        for key in ready() {
            if run(key) && key == main {
                return Ok(());
            }
        }
        reactor::wait(is_idle())?;
    }
}

// ANCHOR_END: block_on

// ANCHOR: run
/// Runs a task until it waits, and says whether it has ended.
fn run(key: usize) -> bool {
    let task = TASKS.with_borrow_mut(|tasks| tasks.get_mut(key).and_then(Option::take));
    // It was woken once more, and has ended.
    let Some(mut task) = task else { return false };
    let ended = task.as_mut().poll(&mut Context::from_waker(&waker(key))).is_ready();
    TASKS.with_borrow_mut(|tasks| match ended {
        true => drop(tasks.remove(key)),
        false => tasks[key] = Some(task),
    });
    ended
}
// ANCHOR_END: run

/// Takes the keys of those that are to run.
fn ready() -> Vec<usize> {
    READY.with(|ready| std::mem::take(&mut *ready.lock().unwrap_or_else(PoisonError::into_inner)))
}

/// Whether nobody is to run, so that the thread may wait.
fn is_idle() -> bool {
    READY.with(|ready| ready.lock().unwrap_or_else(PoisonError::into_inner).is_empty())
}

/// Waits for the others to run, once.
pub async fn yield_now() {
    let mut was_here = false;
    std::future::poll_fn(|context| match std::mem::replace(&mut was_here, true) {
        true => Poll::Ready(()),
        false => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}
