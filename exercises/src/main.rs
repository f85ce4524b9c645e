//! The guide through the exercises: where you stand, what is next, and again when you save a file.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use exercises::{EXERCISES, Exercise, find};

mod guide;
mod records;

/// Says which exercise is next, and tries it again whenever you save a file
#[derive(Parser)]
#[command(name = "exercises", max_term_width = 80, args_conflicts_with_subcommands = true)]
struct Options {
    /// The exercise to begin with, such as thread/limit; without it, the first that is not done
    #[arg(value_parser = exercise)]
    name: Option<&'static Exercise>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Lists all exercises, and which are done
    List,
    /// Tries exercises once, all of them without a name; the status is 0 where all are done
    Once {
        /// The exercises, such as thread/limit
        #[arg(value_parser = exercise)]
        names: Vec<&'static Exercise>,
    },
    /// Prints a hint to an exercise: the first of two
    Hint {
        /// The exercise, such as thread/limit
        #[arg(value_parser = exercise)]
        name: &'static Exercise,
        /// The second hint, which says more
        #[arg(long)]
        second: bool,
    },
    /// Tries exercises with what this program was built with, and prints records
    #[command(hide = true)]
    Run {
        #[arg(value_parser = exercise)]
        names: Vec<&'static Exercise>,
        /// Ends an exercise at the first task that is not done
        #[arg(long)]
        until_red: bool,
    },
}

fn exercise(name: &str) -> Result<&'static Exercise, String> {
    find(name).ok_or_else(|| {
        let is_like = |it: &&Exercise| {
            !name.is_empty() && it.name.contains(name) || is_mistyped(name, it.name)
        };
        let like: Vec<&str> = EXERCISES.iter().filter(is_like).map(|it| it.name).collect();
        match like.is_empty() {
            true => "`list` shows which there are".to_owned(),
            false => format!("did you mean {}?", like.join(" or ")),
        }
    })
}

/// Whether each part of a name begins as that of the exercise: `threads/bear` may mean `thread/bare`.
fn is_mistyped(typed: &str, name: &str) -> bool {
    const SAME: usize = 2;
    let begins =
        |(typed, part): (&str, &str)| typed.get(..SAME).is_some_and(|it| part.starts_with(it));
    let same_parts = typed.split('/').count() == name.split('/').count();
    same_parts && typed.split('/').zip(name.split('/')).all(begins)
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match options.command {
        None => guide::guide(options.name),
        Some(Command::List) => guide::list(),
        Some(Command::Once { names }) => guide::once(&all_or(names)),
        Some(Command::Hint { name, second }) => {
            guide::show::hint(name, usize::from(second));
            Ok(true)
        }
        Some(Command::Run { names, until_red }) => records::write(&all_or(names), until_red),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("exercises: {error}");
            ExitCode::FAILURE
        }
    }
}

fn all_or(names: Vec<&'static Exercise>) -> Vec<&'static Exercise> {
    if names.is_empty() { EXERCISES.iter().collect() } else { names }
}
