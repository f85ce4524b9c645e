//! `lab memory`.

use clap::builder::RangedU64ValueParser;
use lab::growth::{self, Ballast, CONNECTIONS, Growth};
use serde::Serialize;

use super::{Run, progress};

#[derive(clap::Args)]
pub(crate) struct Command {
    /// How many idle connections, from few to many
    #[arg(long, value_name = "N,N", value_delimiter = ',',
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    connections: Vec<usize>,

    /// The stack of each thread of the thread and the pool server, in bytes
    #[arg(long, value_name = "BYTES",
        value_parser = RangedU64ValueParser::<u64>::new().range(16_384..=1 << 30))]
    stack_size: Option<u64>,

    /// What a forking server holds itself, such as 256MiB, from little to much
    #[arg(long, value_name = "SIZE,SIZE", value_delimiter = ',',
        default_values = ["0MiB", "64MiB", "256MiB"], value_parser = parse_mib)]
    ballast: Vec<u64>,
}

/// What `--json` writes.
#[derive(Serialize)]
pub(crate) struct Figures {
    pub(crate) idle_connections: Vec<Growth>,
    pub(crate) fork_with_ballast: Vec<Ballast>,
}

impl Command {
    pub(crate) fn usual() -> Self {
        Command { connections: Vec::new(), stack_size: None, ballast: vec![0, 64, 256] }
    }
}

pub(crate) fn measure(run: &Run, command: &Command) -> anyhow::Result<Figures> {
    let counts = match (command.connections.as_slice(), run.quick) {
        ([], false) => CONNECTIONS.to_vec(),
        ([], true) => vec![100, 1000],
        (counts, _) => counts.to_vec(),
    };
    let rounds = if run.quick { 1 } else { 3 };
    let fork = run.models.iter().find(|model| model.name == "fork");
    let ballasts = fork.map_or(0, |_| command.ballast.len() * rounds);
    let (bar, mut step) = progress(run.models.len() * counts.len() + ballasts);
    let mut idle_connections = Vec::new();
    for model in &run.models {
        let stack = command.stack_size.filter(|_| model.stack_size.is_some());
        let stack = stack.map(|size| size.to_string());
        let options: Vec<&str> = stack.iter().flat_map(|size| ["--stack-size", size]).collect();
        let growth = growth::measure(&run.bench, model, &options, &counts, &mut step)?;
        idle_connections.push(growth);
    }
    let fork_with_ballast = match fork {
        Some(fork) => {
            growth::measure_ballast(&run.bench, fork, &command.ballast, rounds, &mut step)?
        }
        None => Vec::new(),
    };
    bar.finish_and_clear();
    Ok(Figures { idle_connections, fork_with_ballast })
}

pub(crate) fn run(mut run: Run, command: &Command) -> anyhow::Result<()> {
    let figures = measure(&run, command)?;
    run.write(&figures)?;
    let Figures { idle_connections, fork_with_ballast } = &figures;
    let mut tables = growth::render(idle_connections);
    if !fork_with_ballast.is_empty() {
        tables += &format!("\n{}", growth::render_ballast(fork_with_ballast));
    }
    let conclusion = growth::conclusion(idle_connections, fork_with_ballast);
    run.print(&tables, &conclusion, METHOD)
}

pub(crate) const METHOD: &str = "KiB per connection: user is the proportional set size of the \
    server and its children; kernel is stacks, page tables and slabs, the clients' sockets taken \
    off. Processes, threads and files are the server's in all. Memory was \
    measured once, the ballast in interleaved rounds.";

/// Reads a size such as `256MiB`, in MiB.
fn parse_mib(text: &str) -> Result<u64, String> {
    match text.strip_suffix("MiB").unwrap_or(text).parse() {
        Ok(mib) if mib <= 65_536 => Ok(mib),
        _ => Err("expected a size such as 256MiB, up to 65536MiB".to_owned()),
    }
}
