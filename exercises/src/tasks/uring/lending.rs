use crate::answers::uring::lending::Buffers;
use crate::exercise::{Exercise, Fault, Kind, Outcome, Task, holds, right};

pub(crate) const EXERCISE: Exercise = Exercise {
    name: "uring/lending",
    kind: Kind::Bug,
    about: "the buffer of a cancelled operation is used again at once",
    hints: [
        "To cancel is to ask. Until when may the kernel still write to the buffer?",
        "A cancelled operation completes, too: only `complete` frees a buffer. And while one is lent, the \
         memory has to stay.",
    ],
    tasks: &[
        Task::still("each operation has a buffer of its own", own_buffer),
        Task::still("a buffer is free when its operation is done", free_when_done),
        Task::new("a cancelled operation keeps its buffer until it is done", cancelled),
        Task::new("nothing is freed while the kernel has a buffer", not_freed),
    ],
};

fn begin(buffers: &mut Buffers) -> Result<(u64, usize), Fault> {
    buffers.begin().ok_or_else(|| Fault::Wrong("no buffer is free, and one should be".to_owned()))
}

fn own_buffer() -> Outcome {
    let mut buffers = Buffers::new(2);
    let (first, second) = (begin(&mut buffers)?, begin(&mut buffers)?);
    holds!(first.1 != second.1, "two operations under way have the same buffer");
    right!("a third operation, with two buffers", buffers.begin(), None);
    Ok(())
}

fn free_when_done() -> Outcome {
    let mut buffers = Buffers::new(1);
    let (key, buffer) = begin(&mut buffers)?;
    buffers.complete(key);
    right!("the next operation's buffer", begin(&mut buffers)?.1, buffer);
    Ok(())
}

fn cancelled() -> Outcome {
    let mut buffers = Buffers::new(1);
    let (key, buffer) = begin(&mut buffers)?;
    buffers.cancel(key);
    right!("an operation, while the kernel may still write", buffers.begin(), None);
    buffers.complete(key);
    right!("an operation's buffer, when it is done", begin(&mut buffers)?.1, buffer);
    Ok(())
}

fn not_freed() -> Outcome {
    let mut buffers = Buffers::new(3);
    right!("may be freed, before anything was begun", buffers.may_be_freed(), true);
    let keys = [begin(&mut buffers)?.0, begin(&mut buffers)?.0];
    right!("may be freed, while two are under way", buffers.may_be_freed(), false);
    keys.iter().for_each(|key| buffers.cancel(*key));
    right!("may be freed, when two were cancelled and are not done", buffers.may_be_freed(), false);
    keys.iter().for_each(|key| buffers.complete(*key));
    right!("may be freed, when all are done", buffers.may_be_freed(), true);
    Ok(())
}
