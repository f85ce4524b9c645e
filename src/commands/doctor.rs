//! `lab doctor`.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;
use lab::doctor::{self, Finding};
use lab::results::terminal;

use super::print;

/// What `lab doctor` is told.
#[derive(Args)]
pub(super) struct Options {
    /// Where the servers of the class will listen
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:5555")]
    addr: SocketAddr,
}

/// Prints what it finds. The status is 0 where everything will work.
pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let findings = doctor::examine(options.addr);
    let width = terminal::width();
    let bad = findings.iter().filter(|it| it.trouble.is_some()).count();
    let lines: String = findings.iter().map(|it| it.lines(width)).collect();
    print(&format!("{lines}\n{}\n", conclusion(bad, &findings)))?;
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn conclusion(bad: usize, findings: &[Finding]) -> String {
    match bad {
        0 => "Everything will work.".to_owned(),
        _ => format!("{bad} of {} are not as they should be; the rest will work.", findings.len()),
    }
}
