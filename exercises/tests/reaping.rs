//! A process per connection: no child is left behind. One test, since children belong to the whole
//! process. macOS has no call here that waits for a child's end and leaves it unreaped, so this test
//! is for the other systems.

#![cfg(not(target_os = "macos"))]
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::process::{Child, Command, Stdio};

use exercises::reaping::reap;
use exercises::right;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

/// A child that ends when its input does.
fn child() -> Child {
    Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
}

/// Ends a child, and waits until it has ended without reaping it.
fn end(child: &mut Child) {
    drop(child.stdin.take());
    let pid = Pid::from_raw(child.id().cast_signed());
    waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).unwrap();
}

#[test]
fn task_1_all_that_have_ended_are_reaped_and_the_living_are_left_alone() {
    right!(reap(), 0, "there are no children yet");
    let mut children: Vec<Child> = (0..4).map(|_| child()).collect();
    children[..3].iter_mut().for_each(end);
    right!(reap(), 3, "three have ended");
    right!(reap(), 0, "one is alive");
    end(&mut children[3]);
    right!(reap(), 1, "the last has ended");
}
