//! What clients do to a server, and what must not come of it.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use nix::unistd::Pid;
use server_process::family::{Family, cpu_time};

use super::Target;
use super::peer::{Difference, Peer};

/// How many clients of each kind come in a storm.
const STORM: usize = 100;

/// How many descriptors a server may have opened for itself meanwhile: each kind of client came more often.
const SPARE: usize = 10;

/// How long it is watched whether a server rests.
const WATCHED: Duration = Duration::from_secs(1);

/// How often, until it is seen to rest: it may still be busy with those who came before.
const WATCHES: usize = 3;

/// How much of that it may use: one that never rests uses far more, also on a busy machine.
const REST: Duration = Duration::from_millis(50);

pub(super) fn storm(target: &Target) -> Result<(), Difference> {
    blow(target)?;
    let mut peer = Peer::connect(target)?;
    peer.exchange("still there?\n").map_err(|it| it.beside("clients that reset and vanished"))
}

/// Clients that come and go, reset before and amid a message and with answers unread, or vanish.
fn blow(target: &Target) -> Result<(), Difference> {
    for _ in 0..STORM {
        drop(Peer::connect(target)?);
        Peer::connect(target)?.reset();
        let mut amid = Peer::connect(target)?;
        amid.send("half a mess");
        amid.reset();
        let mut unread = Peer::connect(target)?;
        unread.send("answers that nobody reads\n".repeat(20));
        unread.reset();
        let mut vanishing = Peer::connect(target)?;
        vanishing.send("a message\nand half a mess");
    }
    Ok(())
}

pub(super) fn descriptors(target: &Target) -> Result<(), Difference> {
    // What it opens for the first client it may keep.
    converse(target)?;
    let before = count_at_rest(target)?;
    blow(target)?;
    converse(target)?;
    let end = Instant::now() + target.patience;
    let after = loop {
        match count(target)? {
            after if after > before + SPARE && Instant::now() < end => thread::sleep(REST),
            after => break after,
        }
    };
    (after <= before + SPARE).then_some(()).ok_or_else(|| Difference {
        sent: format!("{} clients that left, reset or vanished", 5 * STORM),
        expected: format!("{before} open descriptors, as before"),
        received: format!("{after}, and no fewer within {:?}", target.patience),
    })
}

pub(super) fn idle(target: &Target) -> Result<(), Difference> {
    // In this order, so that a server of one client at a time comes to all but the last.
    let mut vanished = Peer::connect(target)?;
    vanished.exchange("a message\n")?;
    drop(vanished);
    let mut half_closed = Peer::connect(target)?;
    half_closed.half_close();
    let mut amid = Peer::connect(target)?;
    amid.send("half a mess");
    let _silent = Peer::connect(target)?;
    let process = process(target)?;
    let mut used = Duration::MAX;
    for _ in 0..WATCHES {
        used = used.min(used_within(WATCHED, process).map_err(|it| Difference::of_a_look(&it))?);
        if used <= REST {
            return Ok(());
        }
    }
    Err(Difference {
        sent: "nothing, by clients that were silent, amid a message, half-closed or gone"
            .to_owned(),
        expected: format!("{REST:?} of CPU time at most within {WATCHED:?}"),
        received: format!("{used:?}, each time of {WATCHES}"),
    })
}

fn used_within(time: Duration, process: Pid) -> io::Result<Duration> {
    let before = cpu_time(process)?;
    thread::sleep(time);
    Ok(cpu_time(process)?.saturating_sub(before))
}

/// One client that comes, is answered, and leaves in good order.
fn converse(target: &Target) -> Result<(), Difference> {
    let mut peer = Peer::connect(target)?;
    peer.exchange("in good order\n")
}

/// How many descriptors it has open once that changes no more.
fn count_at_rest(target: &Target) -> Result<usize, Difference> {
    let end = Instant::now() + target.patience;
    let (mut counted, mut since) = (count(target)?, Instant::now());
    while since.elapsed() < target.settled && Instant::now() < end {
        thread::sleep(REST);
        let again = count(target)?;
        if again != counted {
            (counted, since) = (again, Instant::now());
        }
    }
    Ok(counted)
}

fn count(target: &Target) -> Result<usize, Difference> {
    let family = Family::of(process(target)?).map_err(|error| Difference::of_a_look(&error))?;
    Ok(family.descriptors)
}

fn process(target: &Target) -> Result<Pid, Difference> {
    let missing = io::Error::other("its process is not known");
    target.process.ok_or_else(|| Difference::of_a_look(&missing))
}
