//! What the figures say, in the order of the tables.

use server_core::Unit;

use super::{IDLE, IDLE_CLIENTS, KERNEL, KIB, SERVED, USER};
use crate::experiments::loads::{LOAD, MANY_CLIENTS, ONE_CLIENT, WARM_CONNECTIONS};
use crate::measure::cost::{ANSWERED, CONNECTIONS, CPU_PER_CONNECTION, MESSAGES};
use crate::models::{self, Contestant};
use crate::results::number::{listed, range_of, short, time};
use crate::results::table::is_held_down;
use crate::results::{Results, SERVER, View};

/// All of them.
pub(super) fn all(results: &Results) -> Vec<String> {
    let floor = Contestant::floor().name;
    let models = results.view().only(|place| place.get(SERVER) != Some(&floor.as_str().into()));
    let floor = results.view().at(SERVER, floor.as_str());
    let mut all = vec![connections(&models, &floor), messages(&models)];
    all.extend(models.servers().iter().filter_map(|(name, view)| out_of_line(name, view)));
    all.extend(choice(&models));
    all
}

/// Names of servers that the rounds do not tell apart.
fn names(servers: &[(&str, f64)]) -> String {
    listed(&servers.iter().map(|(name, _)| *name).collect::<Vec<_>>())
}

/// On a connection's cost.
fn connections(models: &View<'_>, floor: &View<'_>) -> String {
    let [models, floor] = [models, floor].map(|view| view.at(LOAD, MANY_CLIENTS.name));
    let least = models.least(CPU_PER_CONNECTION.name);
    let (Some((_, cheap)), Some((dear, most))) =
        (least.first(), models.ranked(CPU_PER_CONNECTION.name).pop())
    else {
        return "No connections were measured.".to_owned();
    };
    let cost = format!("A connection cost {} {} of CPU", names(&least), range_of(&least, time));
    let (rate, _) = rates(&models, CONNECTIONS.name, "served", "connections");
    let floor = floor.median(CONNECTIONS.name).map_or("-".to_owned(), short);
    match least.iter().any(|(name, _)| *name == dear) {
        true => format!("{cost}; {rate} (the floor: {floor})."),
        false => format!(
            "{cost} and {dear} {}, {:.1} times as much; {rate} (the floor: {floor}).",
            time(most),
            most / cheap
        ),
    }
}

/// Who served or answered the most, and their names. Where the load itself was at its limit, the order says nothing.
fn rates<'a>(
    models: &View<'a>,
    figure: &str,
    did: &str,
    what: &str,
) -> (String, Vec<(&'a str, f64)>) {
    let most = models.most(figure);
    let is_held = |name: &str| is_held_down(&models.at(SERVER, name));
    let held: Vec<(&str, f64)> =
        models.ranked(figure).into_iter().filter(|(name, _)| is_held(name)).collect();
    let (those, so) = match most.iter().any(|(name, _)| is_held(name)) {
        true if held.len() > 1 => {
            (held, " as many as the load can ask for (*), so that their order says nothing")
        }
        true => (held, " as many as the load can ask for (*)"),
        false if most.len() > 1 => (most, " the most, and the rounds do not tell them apart"),
        false => (most, " the most"),
    };
    (format!("{} {did}{so}: {} {what} a second", names(&those), range_of(&those, short)), those)
}

/// On messages, and on who was not answered.
fn messages(models: &View<'_>) -> String {
    let models = models.at(LOAD, WARM_CONNECTIONS.name);
    let rate = models.ranked(MESSAGES.name);
    let Some(slow) = rate.first() else { return "No messages were measured.".to_owned() };
    let clients = WARM_CONNECTIONS.connections;
    let few = models.servers().into_iter().filter_map(|(name, view)| {
        let count = view.median(ANSWERED.name).filter(|count| *count < clients as f64)?;
        Some(format!("{count:.0} under {name}"))
    });
    let few: Vec<String> = few.collect();
    let all = match few.is_empty() {
        true => format!("each answered all {clients} clients"),
        false => format!(
            "of {clients} clients only a few were answered at a time, {}, and the others waited: their \
             latencies, in brackets, are those of the few",
            few.join(", ")
        ),
    };
    let (most, those) = rates(&models, MESSAGES.name, "answered", "messages");
    let other = match those.iter().any(|(name, _)| *name == slow.0) {
        true => String::new(),
        false => format!(", {} {}", slow.0, short(slow.1)),
    };
    format!("Once connected, {most}{other}; {all}.")
}

/// A connection that seems to hold less than this is lost in what comes and goes by itself: in bytes.
const NOISE: f64 = 256.0;

/// Servers that hold their clients in the same kind of thing, and what an idle one holds, in bytes.
struct Holders<'a> {
    servers: Vec<(&'a str, f64)>,
    what: &'static str,
}

/// Which model to choose for clients that mostly wait, by what these hold. What a server has not taken up costs
/// it nothing, so only those that served all compare.
fn choice(models: &View<'_>) -> Vec<String> {
    let kinds: [(&[Unit], &str); 3] = [
        (&[Unit::None, Unit::Task], "records or tasks"),
        (&[Unit::Thread], "threads"),
        (&[Unit::Process], "processes"),
    ];
    let holders = kinds.map(|(units, what)| Holders { servers: idle(models, units), what });
    let holders: Vec<Holders<'_>> =
        holders.into_iter().filter(|it| !it.servers.is_empty()).collect();
    // Where all are of one kind there is nothing to choose.
    if holders.len() < 2 {
        return holders.iter().map(|it| format!("A waiting client takes {}.", it.each())).collect();
    }
    let all: Vec<String> = holders.iter().map(Holders::each).collect();
    let mut sentences = vec![format!(
        "A waiting client takes {}. A server with a fixed number of places lets the others wait.",
        listed(&all.iter().map(String::as_str).collect::<Vec<_>>())
    )];
    for (clients, count, advice) in [
        ("10", 1e1, "any of them will do, and a thread for each is the plainest code"),
        ("1,000", 1e3, "threads still do, and processes where a crash must take nobody along"),
        ("100,000", 1e5, "records or tasks, because by default no system allows that many threads"),
    ] {
        let memory: Vec<String> = holders.iter().map(|it| it.memory_of(count)).collect();
        let memory = memory.join(", ");
        sentences.push(format!("{clients} clients that mostly wait take {memory}: {advice}."));
    }
    sentences
}

/// What an idle client holds under those that hold it in such a unit, in bytes. What is less than the kernel's
/// own noise is not known.
fn idle<'a>(models: &View<'a>, units: &[Unit]) -> Vec<(&'a str, f64)> {
    let total = |(name, view): (&'a str, View<'a>)| {
        let model = models::model_of(name).filter(|model| units.contains(&model.unit))?;
        let all_served = view.median(SERVED.name)? == IDLE as f64;
        let total = view.median(USER.name)? + view.median(KERNEL.name)?;
        (all_served && total > NOISE && model.served_at_once(IDLE) == IDLE).then_some((name, total))
    };
    models.at(IDLE_CLIENTS, IDLE).servers().into_iter().filter_map(total).collect()
}

impl Holders<'_> {
    /// Such as `37.2 KiB as threads (thread)`.
    fn each(&self) -> String {
        let kib = range_of(&self.servers, |bytes| short(bytes / KIB));
        format!("{kib} KiB as {} ({})", self.what, names(&self.servers))
    }

    /// Such as `363 MiB as threads`.
    fn memory_of(&self, clients: f64) -> String {
        const MIB: f64 = KIB * KIB;
        let most = self.servers.iter().map(|(_, bytes)| *bytes).fold(0.0, f64::max) * clients;
        let (unit, name) = if most < 1024.0 * MIB { (MIB, "MiB") } else { (1024.0 * MIB, "GiB") };
        let memory = range_of(&self.servers, |bytes| short(bytes * clients / unit));
        format!("{memory} {name} as {}", self.what)
    }
}

/// How many times as much CPU a connection may take among many as alone.
const IN_LINE: f64 = 2.0;

/// On a model that many clients cost more than they ought to.
fn out_of_line(name: &str, server: &View<'_>) -> Option<String> {
    let alone = server.at(LOAD, ONE_CLIENT.name);
    let among = server.at(LOAD, MANY_CLIENTS.name);
    let findings: Vec<String> =
        [slower(&alone, &among), dearer(&alone, &among)].into_iter().flatten().collect();
    (!findings.is_empty()).then(|| {
        let shown = match models::model_of(name) {
            Some(_) => format!(
                " `cargo run --release -- anatomy --models {name}` shows what they make the kernel do."
            ),
            None => String::new(),
        };
        format!(
            "{name} is out of line: with {} clients {}.{shown}",
            MANY_CLIENTS.connections,
            findings.join(", and ")
        )
    })
}

/// Where every round with many clients served fewer than every round with one.
fn slower(alone: &View<'_>, among: &View<'_>) -> Option<String> {
    let [alone, among] = [alone, among].map(|view| view.sample(CONNECTIONS.name));
    let (alone, among) = alone.zip(among)?;
    let ((slowest, _), (_, fastest)) = alone.range().zip(among.range())?;
    (fastest < slowest).then(|| {
        let (alone, among) = (short(alone.median()), short(among.median()));
        format!("it served {among} connections a second, and {alone} with one")
    })
}

/// Where a connection costs far more CPU among many.
fn dearer(alone: &View<'_>, among: &View<'_>) -> Option<String> {
    let alone = alone.median(CPU_PER_CONNECTION.name)?;
    let among = among.median(CPU_PER_CONNECTION.name)?;
    (among > IN_LINE * alone)
        .then(|| format!("a connection cost {} of CPU, and {} with one", time(among), time(alone)))
}

#[cfg(test)]
mod tests {
    use super::super::Comparison;
    use super::*;
    use crate::experiments::Experiment;
    use crate::results::table::CLIENT_CPU;
    use crate::results::{Place, Server};

    /// What is said of a server with these rates and costs in each round: with one client, and with many.
    fn sentences(name: &str, rates: [[f64; 2]; 2], costs: [f64; 2]) -> String {
        let server = Server { name: name.to_owned(), colour: String::new() };
        let mut results = Results::new("comparison", vec![server]);
        for (load, (rates, cost)) in [ONE_CLIENT, MANY_CLIENTS].iter().zip(rates.iter().zip(costs))
        {
            let place = Place::of(name).with(LOAD, load.name);
            for rate in rates {
                results.add_round(&place, CONNECTIONS.name, CONNECTIONS.unit, *rate);
            }
            results.add_once(&place, CPU_PER_CONNECTION.name, CPU_PER_CONNECTION.unit, cost);
        }
        let section = Comparison {}.show(&results);
        section.sentences.into_iter().filter(|it| it.contains("out of line")).collect()
    }

    #[test]
    fn a_model_that_many_clients_slow_down_is_out_of_line() {
        let slower = sentences("thread", [[9e3, 8e3], [2e3, 3e3]], [90.0, 100.0]);
        assert!(
            slower.contains("thread is out of line: with 32 clients it served 2.50k"),
            "{slower}"
        );
        assert!(slower.contains("8.50k with one. `cargo run --release -- anatomy"), "{slower}");
        assert!(!slower.contains("cost"), "{slower}");
        let dearer = sentences("fork", [[3e3, 3e3], [6e3, 6e3]], [100.0, 210.0]);
        assert!(
            dearer.contains("a connection cost 210 µs of CPU, and 100 µs with one"),
            "{dearer}"
        );
        let both = sentences("both", [[9e3, 9e3], [2e3, 2e3]], [90.0, 300.0]);
        assert!(both.contains("9.00k with one, and a connection cost 300 µs"), "{both}");
    }

    #[test]
    fn a_model_within_its_noise_is_in_line() {
        assert_eq!(sentences("pool", [[9e3, 7e3], [6e3, 8e3]], [100.0, 190.0]), "");
    }

    /// What is said of servers that answered this many messages a second, where the load used so much of its CPU,
    /// and whose idle clients hold so many KiB.
    fn of_messages_and_memory(servers: &[(&str, f64, f64, f64)]) -> String {
        let named = |(name, ..): &(&str, f64, f64, f64)| Server {
            name: (*name).to_owned(),
            colour: String::new(),
        };
        let mut results = Results::new("comparison", servers.iter().map(named).collect());
        for (name, rate, load, kib) in servers {
            let place = Place::of(name).with(LOAD, WARM_CONNECTIONS.name);
            results.add_round(&place, MESSAGES.name, MESSAGES.unit, *rate);
            results.add_once(&place, CLIENT_CPU, "%", *load);
            let place = Place::of(name).with(IDLE_CLIENTS, IDLE);
            results.add_once(&place, USER.name, USER.unit, kib * KIB);
            results.add_once(&place, KERNEL.name, KERNEL.unit, 0.0);
            results.add_once(&place, SERVED.name, SERVED.unit, IDLE as f64);
        }
        Comparison {}.show(&results).sentences.join("\n")
    }

    #[test]
    fn rates_that_the_load_held_down_are_not_ranked() {
        let held = of_messages_and_memory(&[
            ("thread", 9e3, 99.0, 40.0),
            ("event", 8e3, 99.0, 6.0),
            ("fork", 5e3, 50.0, 150.0),
        ]);
        assert!(
            held.contains("event and thread answered as many as the load can ask for"),
            "{held}"
        );
        assert!(held.contains("8.00k to 9.00k messages a second, fork 5.00k;"), "{held}");
        let free =
            of_messages_and_memory(&[("thread", 9e3, 50.0, 40.0), ("fork", 5e3, 50.0, 150.0)]);
        assert!(free.contains("thread answered the most: 9.00k messages a second"), "{free}");
    }

    #[test]
    fn the_choice_compares_what_holds_the_waiting_clients() {
        let all = of_messages_and_memory(&[
            ("thread", 9e3, 50.0, 40.0),
            ("event", 8e3, 50.0, 6.0),
            ("fork", 5e3, 50.0, 150.0),
        ]);
        assert!(
            all.contains(
                "A waiting client takes 6 KiB as records or tasks (event), 40 KiB as threads (thread) and \
                 150 KiB as processes (fork)."
            ),
            "{all}"
        );
        assert!(all.contains("1,000 clients that mostly wait take 5.86 MiB as records"), "{all}");
        let alone = of_messages_and_memory(&[("thread", 9e3, 50.0, 40.0)]);
        assert!(alone.contains("A waiting client takes 40 KiB as threads (thread)."), "{alone}");
        assert!(!alone.contains("mostly wait"), "{alone}");
    }
}
