//! What a connection or a message costs a model, counted while nobody tells its story.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use client::conversation::Conversation;
use client::hold::Held;
use protocol::Framing;
use server_core::AtOnce;
use server_process::ServerProcess;
use server_process::family::{Family, Mappings};

use crate::experiments::exercise::{Exercise, MANY_CLIENTS, ONE_CLIENT, WARM_CONNECTIONS};
use crate::kernel::call_counter::{CallCounter, Calls, NAMED, Witness};
use crate::kernel::interrupts::Interrupts;
use crate::measure::cost::Used;
use crate::measure::lab::{Lab, Window};
use crate::models::Contestant;
use crate::results::sample::{Figure, Samples, figure};
use crate::results::{self, Place, Row};

/// The loads under which is counted.
pub(super) const EXERCISES: [Exercise; 3] = [ONE_CLIENT, MANY_CLIENTS, WARM_CONNECTIONS];

/// How often a server is looked at until it can be seen as it stands.
const LOOKS: usize = 10;

/// How long a first answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// All figures of one model.
pub(super) struct Counts {
    pub(super) model: String,
    /// One for each of [`EXERCISES`].
    pub(super) loads: Vec<Counted>,
    /// The server without clients, and with many, where this system shows that.
    pub(super) idle: Option<Standing>,
    pub(super) busy: Option<Standing>,
    /// Who counted the calls, where that was allowed.
    pub(super) calls_counted_by: Option<Witness>,
}

/// What was counted under one load.
pub(super) struct Counted {
    load: &'static str,
    /// What it was divided by.
    per: &'static str,
    pub(super) samples: Samples,
    /// The system calls that are counted by name.
    pub(super) calls: Samples,
}

/// A server as it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) family: Family,
    pub(super) mappings: Mappings,
}

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

/// What is counted under each load.
pub(super) const COUNTS: [Figure<Run>; 6] = [
    figure("system calls", "", "system\ncalls", 1.0, |it| it.calls),
    figure("page faults", "", "page\nfaults", 1.0, |it| it.each(it.used.page_faults as f64)),
    figure("voluntary switches", "", "switches:\nwaits", 1.0, |it| {
        it.each(it.used.voluntary_switches as f64)
    }),
    figure("involuntary switches", "", "switches:\npreempted", 1.0, |it| {
        it.each(it.used.involuntary_switches as f64)
    }),
    figure("TLB shootdowns", "", "TLB shoot-\ndowns †", 1.0, |it| {
        it.each(it.used.interrupts.tlb_shootdowns)
    }),
    figure("function calls", "", "function\ncalls †", 1.0, |it| {
        it.each(it.used.interrupts.function_calls)
    }),
];

impl Counts {
    /// Nothing counted yet.
    pub(super) fn new(contestant: &Contestant) -> Self {
        let load = |exercise: &Exercise| Counted {
            load: exercise.name,
            per: if exercise.is_of_messages() { "message" } else { "connection" },
            samples: Samples::default(),
            calls: Samples::default(),
        };
        Counts {
            model: contestant.name.clone(),
            loads: EXERCISES.iter().map(load).collect(),
            idle: None,
            busy: None,
            calls_counted_by: None,
        }
    }

    /// Counts under one load.
    pub(super) fn count(
        &mut self,
        lab: &Lab,
        contestant: &Contestant,
        load: usize,
        Conditions { window, still, counter }: &Conditions,
    ) -> anyhow::Result<()> {
        let exercise = &EXERCISES[load];
        let mut cost = exercise.put(lab, contestant, *window)?;
        let time = (window.warm_up + window.duration).as_secs_f64();
        cost.used.interrupts = cost.used.interrupts.less(*still, time);
        let units = if exercise.is_of_messages() { cost.messages } else { cost.connections };
        let calls = calls(lab, contestant, exercise, *window, counter)?;
        let counted = &mut self.loads[load];
        if let Some((witness, calls, units)) = &calls {
            self.calls_counted_by = Some(*witness);
            for name in NAMED {
                counted.calls.push(name, calls.of(name) as f64 / units);
            }
        }
        let calls = calls.map(|(_, calls, units)| calls.all as f64 / units);
        counted.samples.add(&COUNTS, &Run { units: units as f64, used: cost.used, calls });
        Ok(())
    }

    /// Everything that was counted, each of a connection or a message.
    pub(super) fn add_to(&self, rows: &mut Vec<Row>) {
        for it in &self.loads {
            let place = Place::of(&self.model).with("load", it.load).with("per", it.per);
            results::add(rows, &place, &COUNTS, &it.samples);
            for name in NAMED {
                let place = place.clone().with("call", name);
                results::push(rows, &place, "calls by name", "", it.calls.get(name).clone());
            }
        }
        for (clients, standing) in [(0, self.idle), (MANY_CLIENTS.connections, self.busy)] {
            let Some(Standing { family, mappings }) = standing else { continue };
            let place = Place::of(&self.model).with("clients", clients);
            for (figure, unit, value) in [
                ("processes", "", family.processes as f64),
                ("threads", "", family.threads as f64),
                ("descriptors", "", family.descriptors as f64),
                ("mappings", "", mappings.mappings as f64),
                ("page tables", "bytes", mappings.page_table_bytes as f64),
            ] {
                results::add_one(rows, &place, figure, unit, value);
            }
        }
    }

    /// Looks at the server with and without clients.
    pub(super) fn look(&mut self, lab: &Lab, contestant: &Contestant) -> anyhow::Result<()> {
        let clients = MANY_CLIENTS.connections;
        let server = start(lab, contestant)?;
        self.idle = Standing::of(&server);
        let expected = contestant.model.served_at_once(clients);
        let held = Held::open(server.address(), clients, expected)
            .with_context(|| contestant.name.clone())?;
        self.busy = Standing::of(&server);
        lab.stop(contestant, server)?;
        drop(held);
        Ok(())
    }
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
    // A process has one thread at least.
    let units = || Family::of(server.process()).map_or(0, |family| family.threads);
    let before = units();
    let converse = || {
        let mut conversation = Conversation::open(server.address(), Framing::Line, PATIENCE)?;
        conversation.exchange("are you there")?;
        anyhow::Ok(conversation.say_bye()?)
    };
    converse().with_context(|| contestant.name.clone())?;
    let model = &contestant.model;
    let is_settled = || match model.at_once {
        AtOnce::Workers => units() > model.served_at_once(usize::MAX),
        _ => !model.makes_a_unit_for_each() || units() <= before,
    };
    let end = Instant::now() + PATIENCE;
    while !is_settled() && Instant::now() < end {
        thread::sleep(Duration::from_millis(1));
    }
    Ok(server)
}

/// The calls of a load without those of an idle run, who counted them, and how many connections or
/// messages they are those of; nothing where that is forbidden.
fn calls(
    lab: &Lab,
    contestant: &Contestant,
    exercise: &Exercise,
    window: Window,
    counter: &CallCounter,
) -> anyhow::Result<Option<(Witness, Calls, f64)>> {
    let run = |window: Window| -> anyhow::Result<Option<(Witness, Calls, u64)>> {
        let server = start(lab, contestant)?;
        let Ok(count) = counter.attach(server.process()) else {
            return lab.stop(contestant, server).map(|()| None);
        };
        let witness = count.witness;
        let outcome = exercise.load(server.address(), window.extent()).run();
        let outcome = outcome.with_context(|| contestant.name.clone())?;
        let calls = count.finish()?;
        lab.stop(contestant, server)?;
        let of_messages = exercise.is_of_messages();
        let units = if of_messages { outcome.all_messages } else { outcome.all_connections };
        Ok(Some((witness, calls, units)))
    };
    let (idle, loaded) = (run(Window::milliseconds(0, 0))?, run(window)?);
    Ok(idle.zip(loaded).and_then(|((_, idle, before), (witness, calls, units))| {
        // On a very busy machine none may have come to its end.
        let units = units.checked_sub(before).filter(|units| *units > 0)?;
        Some((witness, calls.less(&idle), units as f64))
    }))
}
