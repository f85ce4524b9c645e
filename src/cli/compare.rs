//! The comparison: what the lab does if it is told nothing.

use lab::comparison::{self, Plan};
use lab::machine::Machine;
use lab::results::Results;
use lab::{conclusion, floor, table};
use serde::Serialize;

use super::{Run, progress};

/// What `--json` writes. Units stand in the names of the figures.
#[derive(Serialize)]
struct Record<'a> {
    machine: &'a Machine,
    rounds: usize,
    memory_rounds: usize,
    seconds_per_round: f64,
    many_clients: usize,
    warm_connections: usize,
    idle_connections: usize,
    message_bytes: usize,
    listen_overflows: u64,
    servers: &'a Results,
}

pub(crate) fn plan(run: &Run) -> Plan {
    match run.quick {
        true => Plan::quick(run.bench.clone(), &run.models),
        false => Plan::thorough(run.bench.clone(), &run.models),
    }
}

pub(crate) fn measure(plan: &Plan) -> anyhow::Result<Results> {
    let (bar, step) = progress(plan.steps());
    let results = plan.run(step);
    bar.finish_and_clear();
    results
}

pub(crate) fn run(mut run: Run) -> anyhow::Result<()> {
    let plan = plan(&run);
    let results = measure(&plan)?;
    let record = Record {
        machine: &run.machine.clone(),
        rounds: plan.rounds,
        memory_rounds: plan.memory_rounds,
        seconds_per_round: plan.duration.as_secs_f64(),
        many_clients: comparison::MANY_CLIENTS,
        warm_connections: comparison::WARM_CONNECTIONS,
        idle_connections: comparison::IDLE_CONNECTIONS,
        message_bytes: floor::MESSAGE_SIZE,
        listen_overflows: run.overflows(),
        servers: &results,
    };
    run.write(&record)?;
    run.print(&table::render(&results), &conclusion::sentences(&results), &method(&plan))
}

pub(crate) fn method(plan: &Plan) -> String {
    let Plan { rounds, memory_rounds, .. } = plan;
    format!("Medians of {rounds} rounds ({memory_rounds} for memory) ± half their range.")
}
