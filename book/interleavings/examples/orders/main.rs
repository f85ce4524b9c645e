//! A gate that lets in a limited number of threads, in every order that its threads can run in. Loom
//! runs it again and again, each time in another order, until something goes wrong or there is no order
//! left.
//!
//! `cargo run -p interleavings --example orders` lists the gates; with `-- NAME` it tries one.

use std::process::ExitCode;

use clap::Parser;

mod explore;
mod gates;
mod steps;
mod sync;

use explore::Explored;
use gates::CANDIDATES;

/// Runs a gate in every order that its threads can run in. Without a name, lists the gates. With
/// `--features yours` before the `--`, `gate` is the one of your own exercise
#[derive(Parser)]
#[command(name = "orders")]
struct Options {
    /// Which gate
    name: Option<String>,
}

fn main() -> ExitCode {
    let Some(name) = Options::parse().name else {
        CANDIDATES.iter().for_each(|gate| println!("{:<13} {}", gate.name, gate.about));
        return ExitCode::SUCCESS;
    };
    let Some(gate) = CANDIDATES.iter().find(|gate| gate.name == name) else {
        eprintln!("orders: no gate {name:?}; without a name, it lists them");
        return ExitCode::from(2);
    };
    println!("{}: {}\n", gate.name, gate.about);
    match explore::explore(gate.gate) {
        Explored::Holds { runs } => {
            println!("{runs} orders, and in each of them one at a time was in, and all came out.");
            ExitCode::SUCCESS
        }
        Explored::Fails { run, interruptions, why } => {
            let among = match interruptions {
                Some(0) => "without an interruption".to_owned(),
                Some(1) => "with one interruption".to_owned(),
                Some(count) => format!("with up to {count} interruptions"),
                None => "of all".to_owned(),
            };
            println!("{}\norder {run}, {among}: {why}", steps::table());
            ExitCode::FAILURE
        }
    }
}
