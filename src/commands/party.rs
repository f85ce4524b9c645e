//! `lab party`: how the lab starts the clients of a siege.

use std::process::ExitCode;

use clap::builder::RangedU64ValueParser;
use lab::experiments::siege::party::{self, MOST, Role};

/// Who, and how many. Where to is not an option: see `party`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Who they are
    role: Role,
    /// How many there are
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..=MOST as u64))]
    count: usize,
    /// How many of them the server serves at once
    served: usize,
}

/// Takes part until its time is up.
pub(crate) fn run(Options { role, count, served }: &Options) -> anyhow::Result<ExitCode> {
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL);
    party::take_part(*role, *count, *served)?;
    Ok(ExitCode::SUCCESS)
}
