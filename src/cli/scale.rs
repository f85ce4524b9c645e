//! `lab scale`.

use clap::builder::RangedU64ValueParser;
use lab::scale::{self, CLIENTS, Curve, Plan};

use super::{Run, progress};

#[derive(clap::Args)]
pub(crate) struct Command {
    /// How many clients at a time, from few to many
    #[arg(long, value_name = "N,N", value_delimiter = ',',
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    clients: Vec<usize>,
}

pub(crate) fn plan(run: &Run, clients: &[usize]) -> Plan {
    let clients = match (clients, run.quick) {
        ([], false) => CLIENTS.to_vec(),
        ([], true) => vec![1, 16, 256],
        (clients, _) => clients.to_vec(),
    };
    if run.quick { Plan::quick(clients) } else { Plan::thorough(clients) }
}

pub(crate) fn measure(run: &Run, plan: &Plan) -> anyhow::Result<Vec<Curve>> {
    let (bar, step) = progress(plan.steps(&run.models));
    let curves = plan.run(&run.bench, &run.models, step);
    bar.finish_and_clear();
    curves
}

pub(crate) fn run(mut run: Run, command: &Command) -> anyhow::Result<()> {
    let plan = plan(&run, &command.clients);
    let curves = measure(&run, &plan)?;
    run.write(&curves)?;
    run.print(&scale::render(&curves), &scale::conclusion(&curves), &method(&plan))
}

pub(crate) fn method(plan: &Plan) -> String {
    format!("Medians of {} interleaved rounds ± half their range.", plan.rounds)
}
