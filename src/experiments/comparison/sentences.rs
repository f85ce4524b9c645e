//! What the figures say, in the order of the tables.

use super::{
    AMONG, CONNECTIONS, Figures, IDLE, IDLE_CONNECTIONS, KIB, MANY, MEMORY, MESSAGES,
    OF_ONE_CLIENT, ONE, Server, WARM,
};
use crate::experiments::exercise::WARM_CONNECTIONS;
use crate::results::number::{short, time};
use crate::results::sample::Sample;

/// A figure of a server: under which load, and its name.
type Spoken = (usize, &'static str);

const RATE_ALONE: Spoken = (ONE, OF_ONE_CLIENT[0].name);
const COST_ALONE: Spoken = (ONE, OF_ONE_CLIENT[1].name);
const RATE: Spoken = (AMONG, CONNECTIONS[0].name);
const COST: Spoken = (AMONG, CONNECTIONS[3].name);
const MESSAGE_RATE: Spoken = (WARM, MESSAGES[0].name);
const ANSWERED: Spoken = (WARM, MESSAGES[6].name);
const USER: Spoken = (IDLE, MEMORY[0].name);
const KERNEL: Spoken = (IDLE, MEMORY[1].name);
const SERVED: Spoken = (IDLE, MEMORY[2].name);

impl Server {
    fn get(&self, (load, name): Spoken) -> &Sample {
        self.samples[load].get(name)
    }

    fn median(&self, (load, name): Spoken) -> Option<f64> {
        self.samples[load].median(name)
    }
}

/// All of them.
pub(super) fn all(figures: &Figures) -> Vec<String> {
    let mut all = vec![connections(figures), messages(figures), idle(figures)];
    all.extend(out_of_line(figures));
    all.extend(figures.left_out.iter().cloned());
    all
}

/// On a connection's cost.
fn connections(figures: &Figures) -> String {
    let cost = ranked(figures, COST);
    let (Some(cheap), Some(dear)) = (cost.first(), cost.last()) else {
        return "No connections were measured.".to_owned();
    };
    let fastest = ranked(figures, RATE).pop().unwrap_or_default();
    let floor = figures.servers.last().and_then(|it| it.median(RATE));
    let reached = format!(
        "{} served the most, {} connections a second, where the floor served {}.",
        fastest.0,
        short(fastest.1),
        short(floor.unwrap_or(f64::NAN))
    );
    match cost.len() {
        1 => format!("A connection cost {} {} of CPU; {reached}", cheap.0, time(cheap.1)),
        _ => format!(
            "A connection cost {} {} of CPU and {} {}, {:.1} times as much; {reached}",
            cheap.0,
            time(cheap.1),
            dear.0,
            time(dear.1),
            dear.1 / cheap.1
        ),
    }
}

/// On messages, and on who was not answered.
fn messages(figures: &Figures) -> String {
    let rate = ranked(figures, MESSAGE_RATE);
    let (Some(slow), Some(fast)) = (rate.first(), rate.last()) else {
        return "No messages were measured.".to_owned();
    };
    let served = medians(figures, ANSWERED);
    let clients = WARM_CONNECTIONS.connections;
    let few = served.iter().filter(|(_, count)| *count < clients as f64);
    let few: Vec<String> = few.map(|(name, count)| format!("{count:.0} under {name}")).collect();
    let all = match few.is_empty() {
        true => format!("each answered all {clients} clients"),
        false => format!(
            "of {clients} clients only a few were answered at a time, {}, and the others waited",
            few.join(", ")
        ),
    };
    let other = match rate.len() {
        1 => String::new(),
        _ => format!(", {} {}", slow.0, short(slow.1)),
    };
    format!(
        "Once connected, {} answered {} messages a second{other}; {all}.",
        fast.0,
        short(fast.1)
    )
}

/// A connection that seems to hold less than this is lost in what comes and goes by itself: in bytes.
const NOISE: f64 = 256.0;

/// On idle connections. What a server has not taken up costs it nothing, so only those that served
/// all compare.
fn idle(figures: &Figures) -> String {
    let served = medians(figures, SERVED);
    let (user, kernel) = (medians(figures, USER), medians(figures, KERNEL));
    let totals = user.iter().zip(&kernel).zip(&served);
    let totals = totals.filter(|(_, (_, count))| *count == IDLE_CONNECTIONS as f64);
    let totals = totals.map(|(((name, user), (_, kernel)), _)| (*name, user + kernel));
    let totals = sorted(totals.collect());
    if totals.is_empty() {
        return format!("None of these served {IDLE_CONNECTIONS} idle connections at once.");
    }
    // What is less than the kernel's own noise is not known.
    let mut known = totals.iter().filter(|(_, total)| *total > NOISE);
    let (Some((small, least)), (large, most)) = (known.next(), totals[totals.len() - 1]) else {
        return "What an idle connection held is lost in the kernel's own coming and going."
            .to_owned();
    };
    let kib = |bytes: f64| short(bytes / KIB);
    let fit = |bytes: f64| short(f64::from(1 << 30) / bytes);
    let (first, first_fit) = (kib(*least), fit(*least));
    match totals.len() {
        1 => format!(
            "An idle connection held {first} KiB under {small}, so a GiB holds {first_fit} of them."
        ),
        _ => format!(
            "An idle connection held {first} KiB under {small} and {} KiB under {large}: a GiB holds \
             {first_fit} or {} of them.",
            kib(most),
            fit(most)
        ),
    }
}

/// How many times as much CPU a connection may take among many as alone.
const IN_LINE: f64 = 2.0;

/// On models that many clients cost more than they ought to.
fn out_of_line(figures: &Figures) -> Vec<String> {
    let (_floor, models) = figures.servers.split_last().unzip();
    let sentence = |server: &Server| {
        let name = &server.name;
        let findings: Vec<String> =
            [slower(server), dearer(server)].into_iter().flatten().collect();
        (!findings.is_empty()).then(|| {
            format!(
                "{name} is out of line: with {MANY} clients {}. `cargo run --release -- anatomy \
                 --models {name}` shows what they make the kernel do.",
                findings.join(", and ")
            )
        })
    };
    models.unwrap_or_default().iter().filter_map(sentence).collect()
}

/// Where every round with many clients served fewer than every round with one.
fn slower(server: &Server) -> Option<String> {
    let (alone, among) = (server.get(RATE_ALONE), server.get(RATE));
    let ((slowest, _), (_, fastest)) = alone.range().zip(among.range())?;
    (fastest < slowest).then(|| {
        let (alone, among) = (short(alone.median()), short(among.median()));
        format!("it served {among} connections a second, and {alone} with one")
    })
}

/// Where a connection costs far more CPU among many.
fn dearer(server: &Server) -> Option<String> {
    let alone = server.median(COST_ALONE)?;
    let among = server.median(COST)?;
    (among > IN_LINE * alone)
        .then(|| format!("a connection cost {} of CPU, and {} with one", time(among), time(alone)))
}

/// A figure's medians over the contestants, without the floor.
fn medians(figures: &Figures, figure: Spoken) -> Vec<(&str, f64)> {
    let (_floor, models) = figures.servers.split_last().unzip();
    let all = models.unwrap_or_default().iter();
    all.filter_map(|it| Some((it.name.as_str(), it.median(figure)?))).collect()
}

/// The same, from the least to the most.
fn ranked(figures: &Figures, figure: Spoken) -> Vec<(&str, f64)> {
    sorted(medians(figures, figure))
}

fn sorted(mut medians: Vec<(&str, f64)>) -> Vec<(&str, f64)> {
    medians.sort_by(|one, other| one.1.total_cmp(&other.1));
    medians
}

#[cfg(test)]
mod tests {
    use super::super::Comparison;
    use super::*;
    use crate::experiments::Experiment;

    /// A server's rates and costs in each round: with one client, and with many.
    fn server(name: &str, rates: [[f64; 2]; 2], costs: [f64; 2]) -> Server {
        let mut server = Server { name: name.to_owned(), samples: Default::default() };
        let mut push = |(load, name): Spoken, value| server.samples[load].push(name, value);
        for (figure, rounds) in [RATE_ALONE, RATE].into_iter().zip(rates) {
            rounds.into_iter().for_each(|rate| push(figure, rate));
        }
        push(COST_ALONE, costs[0]);
        push(COST, costs[1]);
        server
    }

    fn sentences(server: Server) -> String {
        let floor = Server { name: "floor".to_owned(), samples: Default::default() };
        let servers = vec![server, floor];
        let figures = Figures { rounds: 2, memory_rounds: 1, servers, left_out: Vec::new() };
        let section = Comparison::show(&figures);
        section.sentences.into_iter().filter(|it| it.contains("out of line")).collect()
    }

    #[test]
    fn a_model_that_many_clients_slow_down_is_out_of_line() {
        let slower = sentences(server("thread", [[9e3, 8e3], [2e3, 3e3]], [90.0, 100.0]));
        assert!(
            slower.contains("thread is out of line: with 32 clients it served 2.50k"),
            "{slower}"
        );
        assert!(slower.contains("8.50k with one. `cargo run --release -- anatomy"), "{slower}");
        assert!(!slower.contains("cost"), "{slower}");
        let dearer = sentences(server("fork", [[3e3, 3e3], [6e3, 6e3]], [100.0, 210.0]));
        assert!(
            dearer.contains("a connection cost 210 µs of CPU, and 100 µs with one"),
            "{dearer}"
        );
        let both = sentences(server("both", [[9e3, 9e3], [2e3, 2e3]], [90.0, 300.0]));
        assert!(both.contains("9.00k with one, and a connection cost 300 µs"), "{both}");
    }

    #[test]
    fn a_model_within_its_noise_is_in_line() {
        let noisy = server("pool", [[9e3, 7e3], [6e3, 8e3]], [100.0, 190.0]);
        assert_eq!(sentences(noisy), "");
    }
}
