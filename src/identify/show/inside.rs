//! What the server's processes show, in words.

use super::Line;
use crate::identify::inside::Inside;
use crate::kernel::waits::Waits;

/// A line for what it was before, what a connection adds, and what its threads wait in.
pub(super) fn lines(inside: &Inside) -> Vec<Line> {
    let family = inside.before.family;
    let forked = format!(
        "{} with {} before the first client came (process {})",
        counted(family.processes, "process", "processes"),
        counted(family.threads, "thread", "threads"),
        inside.process
    );
    let mut adds = format!(
        "{}, seen with {}",
        added(inside),
        counted(inside.held, "connection", "connections")
    );
    if inside.adds_processes() || inside.adds_threads() {
        adds += if inside.gives_back() {
            "; given back when they leave"
        } else {
            "; kept when they leave"
        };
    }
    vec![
        ("processes", forked),
        ("adds", adds),
        (
            "waits in",
            format!(
                "{}; with connections {}",
                waits(&inside.before.waits),
                waits(&inside.during.waits)
            ),
        ),
    ]
}

/// What a connection adds.
pub(super) fn added(inside: &Inside) -> String {
    let number = |each: f64, one: &str, many: &str| match each.round() as i64 {
        ..=0 => format!("no {one}"),
        1 => format!("a {one}"),
        count => format!("{count} {many}"),
    };
    let mut parts = vec![
        number(inside.processes_each(), "process", "processes"),
        number(inside.threads_each(), "thread", "threads"),
        number(inside.descriptors_each(), "descriptor", "descriptors"),
    ];
    parts.extend(inside.memory.map(|(user, kernel)| {
        format!("{:.0} KiB", (user + kernel).max(0.0) / 1024.0 / inside.held as f64)
    }));
    parts.join(", ")
}

/// Where a loop runs.
pub(super) fn sharing(inside: Option<&Inside>) -> String {
    match inside.map(|it| it.during.family) {
        Some(family) if family.processes > 1 => " in each of several processes".to_owned(),
        Some(family) if family.threads > 1 => {
            format!(" in a process of {} threads", family.threads)
        }
        Some(_) => " in one thread".to_owned(),
        None => String::new(),
    }
}

fn waits(waits: &Waits) -> String {
    let parts: Vec<String> =
        waits.iter().map(|(wait, count)| format!("{count} in {}", wait.call())).collect();
    parts.join(", ")
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
