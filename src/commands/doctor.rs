//! `lab doctor`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use client::output_file::OutputFile;
use lab::doctor::{self, Finding};
use lab::kernel::machine::Machine;
use lab::results::terminal;
use serde_json::json;

use super::print;

/// What `lab doctor` is told.
#[derive(Args)]
pub(super) struct Options {
    /// Where the servers of the class will listen
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:5555")]
    addr: SocketAddr,

    /// Write all that it finds to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Prints what it finds. The status is 0 where everything will work.
pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let file = options.json.as_deref().map(OutputFile::create).transpose()?;
    let findings = doctor::examine(options.addr);
    if let Some(file) = file {
        let all = json!({ "machine": Machine::here(), "findings": findings });
        file.write(&(serde_json::to_string_pretty(&all)? + "\n"))?;
    }
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
