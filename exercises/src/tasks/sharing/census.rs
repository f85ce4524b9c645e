use std::sync::Barrier;
use std::{process, thread};

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

use crate::answers::sharing::census::Census;
use crate::exercise::{Exercise, Kind, Outcome, Task, holds, right};

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "sharing/census",
    kind: Kind::Bug,
    about: "two threads count to the same number, and a child counts in a copy",
    hints: [
        "Between the `load` and the `store` another thread may do both. Which call does all three steps in \
         one?",
        "`fetch_add` returns the number before. For children, the counter has to be in memory that is \
         shared with them: `page` makes it.",
    ],
    tasks: &[
        Task::still("one handler counts right", alone),
        Task::new("threads forget nobody", threads),
        Task::new("a parent sees whom its children count", children),
    ],
};

fn alone() -> Outcome {
    let census = Census::among_threads();
    right!("what two who come are told", [census.come(), census.come()], [1, 2]);
    census.go();
    right!("here, of two who came and one who went", census.here(), 1);
    Ok(())
}

/// Two threads at once, and what each call of this returned in both.
fn in_two_threads<T: Send>(count: usize, call: impl Fn() -> T + Sync) -> Vec<T> {
    let gate = Barrier::new(2);
    let calls = || {
        gate.wait();
        (0..count).map(|_| call()).collect::<Vec<T>>()
    };
    thread::scope(|scope| {
        let threads = [scope.spawn(calls), scope.spawn(calls)];
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    })
}

fn threads() -> Outcome {
    const CLIENTS: usize = 1_000_000;
    let census = Census::among_threads();
    let told = in_two_threads(CLIENTS, || census.come());
    right!("here, of two threads with a million clients each", census.here(), 2 * CLIENTS);
    let mut was_told = vec![false; 2 * CLIENTS + 1];
    told.into_iter().for_each(|number| was_told[number] = true);
    holds!(was_told[1..].iter().all(|it| *it), "two clients were told the same number");
    in_two_threads(CLIENTS, || census.go());
    right!("here, when all have gone", census.here(), 0);
    Ok(())
}

fn children() -> Outcome {
    let census = Census::among_processes()?;
    for _ in 0..3 {
        count_in_a_child(&census)?;
    }
    right!("here, of three children with a client each", census.here(), 3);
    Ok(())
}

/// Forks a child that counts one client, and waits for it.
#[allow(unsafe_code)]
fn count_in_a_child(census: &Census) -> Outcome {
    // SAFETY: this process has one thread, so the child may run any code.
    match unsafe { fork() }? {
        ForkResult::Child => {
            census.come();
            process::exit(0)
        }
        ForkResult::Parent { child } => {
            right!("a child that counts", waitpid(child, None)?, WaitStatus::Exited(child, 0));
            Ok(())
        }
    }
}
