//! What a connection or a message costs a model, counted while nobody tells its story.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use client::conversation::Conversation;
use client::hold::Held;
use client::load::Load;
use protocol::Framing;
use server_core::AtOnce;
use server_process::ServerProcess;
use server_process::family::{Family, Mappings};

use crate::experiments::loads::{LOAD, MANY_CLIENTS, NamedLoad, ONE_CLIENT, WARM_CONNECTIONS};
use crate::kernel::call_counter::{CallCounter, Calls, NAMED, Witness};
use crate::kernel::interrupts::Interrupts;
use crate::measure::cost::Used;
use crate::measure::lab::{Lab, Window, least_of};
use crate::models::Contestant;
use crate::results::{Figure, Place, Results, figure};

/// The loads under which is counted.
pub(super) const LOADS: [NamedLoad; 3] = [ONE_CLIENT, MANY_CLIENTS, WARM_CONNECTIONS];

/// How often a server is looked at until it can be seen as it stands.
const LOOKS: usize = 10;

/// How long a first answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The axes of what is counted: what it was divided by, the call of a count by name, and how many clients a server
/// had that was looked at.
const PER: &str = "per";
pub(super) const CALL: &str = "call";
pub(super) const CLIENTS: &str = "clients";

/// How often a call was made: the figure of the rows that name one.
pub(super) const CALLS_BY_NAME: &str = "calls by name";

/// Under which name it is noted who counted the calls of each server, where that was allowed.
pub(super) const CALLS_COUNTED_BY: &str = "calls_counted_by";

/// A server as it stands.
struct Standing {
    family: Family,
    mappings: Mappings,
}

const PROCESSES: Figure<Standing> = figure("processes", "", |it| Some(it.family.processes as f64));
const THREADS: Figure<Standing> = figure("threads", "", |it| Some(it.family.threads as f64));
const DESCRIPTORS: Figure<Standing> =
    figure("descriptors", "", |it| Some(it.family.descriptors as f64));
const MAPPINGS: Figure<Standing> = figure("mappings", "", |it| Some(it.mappings.mappings as f64));
const PAGE_TABLES: Figure<Standing> =
    figure("page tables", "bytes", |it| Some(it.mappings.page_table_bytes as f64));

/// What is shown of a server as it stands: a figure, what it is called, and how many of it are one of the table's.
pub(super) const FACTS: [(&str, &str, f64); 4] = [
    (PROCESSES.name, "processes", 1.0),
    (THREADS.name, "threads", 1.0),
    (MAPPINGS.name, "mappings", 1.0),
    (PAGE_TABLES.name, "page tables, KiB", 1024.0),
];

/// How is counted.
pub(super) struct Conditions {
    /// For how long.
    pub(super) window: Window,
    /// What the processors ask of each other in a second when nobody loads anything.
    pub(super) still: Interrupts,
    pub(super) counter: CallCounter,
}

/// What one run has cost.
pub(super) struct Run {
    /// How many connections or messages the costs are those of.
    units: f64,
    used: Used,
    /// The system calls of each.
    calls: Option<f64>,
}

impl Run {
    fn each(&self, all: f64) -> Option<f64> {
        (self.units > 0.0).then(|| all / self.units)
    }
}

const SYSTEM_CALLS: Figure<Run> = figure("system calls", "", |it| it.calls);
const PAGE_FAULTS: Figure<Run> =
    figure("page faults", "", |it| it.each(it.used.page_faults as f64));
const WAITS: Figure<Run> =
    figure("voluntary switches", "", |it| it.each(it.used.voluntary_switches as f64));
const PREEMPTIONS: Figure<Run> =
    figure("involuntary switches", "", |it| it.each(it.used.involuntary_switches as f64));
const SHOOTDOWNS: Figure<Run> =
    figure("TLB shootdowns", "", |it| it.each(it.used.interrupts.tlb_shootdowns));
const FUNCTION_CALLS: Figure<Run> =
    figure("function calls", "", |it| it.each(it.used.interrupts.function_calls));

/// What is shown of a load: a figure, and its heading.
pub(super) const COUNTS: [(&str, &str); 6] = [
    (SYSTEM_CALLS.name, "system\ncalls"),
    (PAGE_FAULTS.name, "page\nfaults"),
    (WAITS.name, "switches:\nwaits"),
    (PREEMPTIONS.name, "switches:\npreempted"),
    (SHOOTDOWNS.name, "TLB shoot-\ndowns †"),
    (FUNCTION_CALLS.name, "function\ncalls †"),
];

/// What is said of a load: a figure, and what it is called.
pub(super) const SPOKEN: [(&str, &str); 3] = [
    (SYSTEM_CALLS.name, "System calls"),
    (PAGE_FAULTS.name, "Page faults"),
    (SHOOTDOWNS.name, "TLB shootdowns"),
];

/// Counts under one load, once more.
pub(super) fn count(
    results: &mut Results,
    lab: &Lab,
    contestant: &Contestant,
    load: &NamedLoad,
    Conditions { window, still, counter }: &Conditions,
) -> anyhow::Result<()> {
    let mut cost = load.put(lab, contestant, *window)?;
    let time = (window.warm_up + window.duration).as_secs_f64();
    cost.used.interrupts = cost.used.interrupts.less(*still, time);
    let (per, units) = match load.is_of_messages() {
        true => ("message", cost.messages),
        false => ("connection", cost.connections),
    };
    let place = Place::of(&contestant.name).with(LOAD, load.name).with(PER, per);
    let calls = calls(lab, contestant, load, *window, counter)?;
    let all = calls.as_ref().map(|(_, calls, units)| calls.all as f64 / units);
    let run = Run { units: units as f64, used: cost.used, calls: all };
    let figures = [SYSTEM_CALLS, PAGE_FAULTS, WAITS, PREEMPTIONS, SHOOTDOWNS, FUNCTION_CALLS];
    results.add(&place, &figures, &run);
    if let Some((witness, calls, units)) = calls {
        note_witness(results, contestant, witness)?;
        for name in NAMED {
            let place = place.clone().with(CALL, name);
            results.add_round(&place, CALLS_BY_NAME, "", calls.of(name) as f64 / units);
        }
    }
    Ok(())
}

/// Who has counted the calls of each server.
pub(super) type Witnesses = BTreeMap<String, Witness>;

/// Notes who has counted. Where not all its runs had the same witness, a tracer disturbed one of them.
fn note_witness(
    results: &mut Results,
    contestant: &Contestant,
    witness: Witness,
) -> anyhow::Result<()> {
    let mut all: Witnesses = results.noted(CALLS_COUNTED_BY).unwrap_or_default();
    let noted = all.entry(contestant.name.clone()).or_insert(witness);
    *noted = witness.max(*noted);
    results.note(CALLS_COUNTED_BY, serde_json::to_value(all)?);
    Ok(())
}

/// Looks at the server without clients and with many, where this system shows that.
pub(super) fn look(
    results: &mut Results,
    lab: &Lab,
    contestant: &Contestant,
) -> anyhow::Result<()> {
    let clients = MANY_CLIENTS.connections;
    let server = start(lab, contestant)?;
    let mut add = |clients: usize| {
        let place = Place::of(&contestant.name).with(CLIENTS, clients);
        let figures = [PROCESSES, THREADS, DESCRIPTORS, MAPPINGS, PAGE_TABLES];
        Standing::of(&server).iter().for_each(|it| results.add(&place, &figures, it));
    };
    add(0);
    let expected = contestant.served_at_once(clients);
    let held =
        Held::open(server.address(), clients, expected).with_context(|| contestant.name.clone())?;
    add(clients);
    lab.stop(contestant, server)?;
    drop(held);
    Ok(())
}

impl Standing {
    fn of(server: &ServerProcess) -> Option<Self> {
        let look = || {
            let family = Family::of(server.process()).ok()?;
            let mappings = Mappings::of(server.process()).ok()?;
            Some(Standing { family, mappings })
        };
        // A process that is just ending may spoil a look.
        (0..LOOKS).find_map(|_| {
            look().or_else(|| {
                thread::sleep(Duration::from_millis(10));
                None
            })
        })
    }
}

/// Starts a server, and has it serve a client: it has all its threads then. Whoever was made for that
/// client is gone.
pub(super) fn start(lab: &Lab, contestant: &Contestant) -> anyhow::Result<ServerProcess> {
    let server = lab.start(contestant)?;
    // Where this system does not show its threads, there is nothing to wait for.
    let units = || Family::of(server.process()).ok().map(|family| family.threads);
    let before = units();
    let converse = || {
        let mut conversation = Conversation::open(server.address(), Framing::Line, PATIENCE)?;
        conversation.exchange("are you there")?;
        anyhow::Ok(conversation.say_bye()?)
    };
    converse().with_context(|| contestant.name.clone())?;
    let model = &contestant.model;
    let is_settled = || match model.at_once {
        _ if before.is_none() => true,
        AtOnce::Workers => units() > Some(contestant.served_at_once(usize::MAX)),
        _ => !model.makes_a_unit_for_each() || units() <= before,
    };
    let end = Instant::now() + PATIENCE;
    while !is_settled() && Instant::now() < end {
        thread::sleep(Duration::from_millis(1));
    }
    Ok(server)
}

/// The calls of a load without those of the least of it, who counted them, and how many connections or
/// messages they are those of; nothing where that is forbidden.
fn calls(
    lab: &Lab,
    contestant: &Contestant,
    load: &NamedLoad,
    window: Window,
    counter: &CallCounter,
) -> anyhow::Result<Option<(Witness, Calls, f64)>> {
    let run = |fit: fn(Load) -> Load| -> anyhow::Result<Option<(Witness, Calls, u64)>> {
        let server = start(lab, contestant)?;
        let Ok(count) = counter.attach(server.process()) else {
            return lab.stop(contestant, server).map(|()| None);
        };
        let witness = count.witness;
        let outcome = fit(load.load(server.address(), window.extent())).run();
        let outcome = outcome.with_context(|| contestant.name.clone())?;
        let calls = count.finish()?;
        lab.stop(contestant, server)?;
        let of_messages = load.is_of_messages();
        let units = if of_messages { outcome.all_messages } else { outcome.all_connections };
        Ok(Some((witness, calls, units)))
    };
    let (least, loaded) = (run(least_of)?, run(|load| load)?);
    Ok(least.zip(loaded).and_then(|((_, least, before), (witness, calls, units))| {
        // On a very busy machine none may have come to its end.
        let units = units.checked_sub(before).filter(|units| *units > 0)?;
        Some((witness, calls.less(&least), units as f64))
    }))
}
