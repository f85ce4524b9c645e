//! Completions: a buffer is the kernel's until its operation is done, and not until we have had enough.

use exercises::lending::Buffers;
use exercises::right;

#[test]
fn still_each_operation_has_a_buffer_of_its_own() {
    let mut buffers = Buffers::new(2);
    let (first, second) = (buffers.begin(), buffers.begin());
    right!(first.is_some() && second.is_some(), true, "there are two");
    right!(first.map(|it| it.1) == second.map(|it| it.1), false, "whether they are the same");
    right!(buffers.begin(), None, "both are the kernel's");
}

#[test]
fn still_a_buffer_is_free_when_its_operation_is_done() {
    let mut buffers = Buffers::new(1);
    let (key, buffer) = buffers.begin().unwrap_or_default();
    buffers.complete(key);
    right!(buffers.begin().map(|it| it.1), Some(buffer));
}

#[test]
fn task_1_a_cancelled_operation_keeps_its_buffer_until_it_is_done() {
    let mut buffers = Buffers::new(1);
    let (key, buffer) = buffers.begin().unwrap_or_default();
    buffers.cancel(key);
    right!(buffers.begin(), None, "the kernel may still write to it");
    buffers.complete(key);
    right!(buffers.begin().map(|it| it.1), Some(buffer), "it is done");
}

#[test]
fn task_2_nothing_is_freed_while_the_kernel_has_a_buffer() {
    let mut buffers = Buffers::new(3);
    right!(buffers.may_be_freed(), true, "nothing was begun");
    let keys: Vec<u64> = (0..2).filter_map(|_| buffers.begin()).map(|(key, _)| key).collect();
    right!(buffers.may_be_freed(), false, "two are under way");
    keys.iter().for_each(|key| buffers.cancel(*key));
    right!(buffers.may_be_freed(), false, "two were cancelled, and are not done");
    keys.iter().for_each(|key| buffers.complete(*key));
    right!(buffers.may_be_freed(), true, "all are done");
}
