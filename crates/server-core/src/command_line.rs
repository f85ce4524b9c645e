//! Reading what a user typed, and answering a mistake with one line.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::net::Ipv6Addr;
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgMatches, Command};
use protocol::Framing;

use crate::address::looks_like_address;

/// The longest duration that an option takes: it stays far from where clocks overflow.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Reads a duration with its unit: `1s`, `50ms`, `1m 30s`, `0s`; at most a year.
///
/// # Errors
///
/// One line that says what is wrong with the text.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        Ok(_) => Err("longer than a year".to_owned()),
        Err(error) => Err(format!("expected a duration, such as 1s or 50ms ({error})")),
    }
}

/// Reads a duration like [`parse_duration`], but not less than a millisecond: a time-out of zero
/// means none to a socket, and a socket counts in microseconds.
///
/// # Errors
///
/// One line that says what is wrong with the text.
pub fn parse_positive_duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        duration if duration < Duration::from_millis(1) => Err("at least 1ms".to_owned()),
        duration => Ok(duration),
    }
}

/// Reads the name of a framing, and lists the names in the help and in the answer to a mistake.
pub fn framing_parser() -> impl TypedValueParser<Value = Framing> {
    PossibleValuesParser::new(Framing::NAMES).try_map(|name| name.parse::<Framing>())
}

/// Takes a reader that has gone for one that has read enough: `client | head -1` is no mistake.
///
/// # Errors
///
/// Any other failure to print.
pub fn unless_read_enough(printed: io::Result<()>) -> io::Result<()> {
    match printed {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

/// Parses `arguments`, the first of which is the program's name.
///
/// # Errors
///
/// The status to end with, after `--help` or `--version` was printed or a mistake was answered with
/// one line on standard error.
pub fn parse(
    command: Command,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<ArgMatches, ExitCode> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let used = in_use(&command, &arguments).clone();
    let name = command.get_name().to_owned();
    let parsed = command.try_get_matches_from(&arguments);
    parsed.map_err(|error| match error.use_stderr() {
        true => {
            let meant = meant(&error).or_else(|| misplaced(&error, &used, &arguments));
            answer_mistake(&name, &used, &error, meant)
        }
        false => {
            // A closed standard output is no reason to fail: the reader has seen enough.
            let _ = error.print();
            ExitCode::SUCCESS
        }
    })
}

/// The subcommand that `arguments` use, or else the command: its help lists the options that they may have.
fn in_use<'a>(command: &'a Command, arguments: &[OsString]) -> &'a Command {
    let words = arguments.iter().skip(1).filter_map(|word| word.to_str());
    let subcommand = |word| command.find_subcommand(word).filter(|found| !found.is_hide_set());
    words.into_iter().find_map(subcommand).unwrap_or(command)
}

/// Answers a user's mistake with one line on standard error, with what may have been meant, and the status 2.
fn answer_mistake(
    program: &str,
    used: &Command,
    error: &clap::Error,
    meant: Option<String>,
) -> ExitCode {
    let line = in_a_line(error);
    let meant = meant.map_or(String::new(), |word| format!("; did you mean `{word}`?"));
    let help = help_for(program, used);
    eprintln!("{program}: {line}{meant} (`{help}` lists the options)");
    ExitCode::from(2)
}

/// What is wrong, without how the command is used.
pub(crate) fn in_a_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let line = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

fn help_for(program: &str, used: &Command) -> String {
    match used.get_name() {
        name if name == program => format!("{program} --help"),
        subcommand => format!("{program} {subcommand} --help"),
    }
}

/// The option that a word without one may belong to: `--addr` for an address, or the option that takes this
/// word.
fn misplaced(error: &clap::Error, used: &Command, arguments: &[OsString]) -> Option<String> {
    let word = error.context().find_map(|(kind, value)| match (kind, value) {
        (ContextKind::InvalidSubcommand | ContextKind::InvalidArg, ContextValue::String(word))
            if !word.starts_with('-') =>
        {
            Some(word.as_str())
        }
        _ => None,
    })?;
    let takes =
        |arg: &&Arg| arg.get_possible_values().iter().any(|value| value.matches(word, false));
    let has_addr = used.get_arguments().any(|arg| arg.get_long() == Some("addr"));
    if has_addr && looks_like_address(word) {
        return Some(format!("--addr {}", with_port(word, arguments)));
    }
    let option = used.get_arguments().find(takes)?.get_long()?;
    Some(format!("--{option} {word}"))
}

/// The host, and the port that was typed behind it, as in `localhost 5555`.
fn with_port(host: &str, arguments: &[OsString]) -> String {
    let port = arguments.iter().skip_while(|word| *word != host).nth(1).and_then(|it| it.to_str());
    if let Ok(host) = host.parse::<Ipv6Addr>() {
        let port = port.filter(|port| port.parse::<u16>().is_ok()).unwrap_or("5555");
        return format!("[{host}]:{port}");
    }
    match port.filter(|port| port.parse::<u16>().is_ok() && !host.contains(':')) {
        Some(port) => format!("{host}:{port}"),
        None if host.contains(':') => host.to_owned(),
        None => format!("{host}:5555"),
    }
}

/// What a mistyped word may have meant.
fn meant(error: &clap::Error) -> Option<String> {
    let suggestions = error.context().filter_map(|(kind, value)| match (kind, value) {
        (
            ContextKind::SuggestedSubcommand
            | ContextKind::SuggestedArg
            | ContextKind::SuggestedValue,
            value,
        ) => Some(value),
        _ => None,
    });
    suggestions.into_iter().find_map(|value| match value {
        ContextValue::String(word) => Some(word.clone()),
        ContextValue::Strings(words) => words.first().cloned(),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_is_that_of_the_subcommand() {
        let command = Command::new("lab").subcommand(Command::new("scale"));
        let help = |line: &str| help_for("lab", in_use(&command, &words(line)));
        assert_eq!(help("lab scale --clients"), "lab scale --help");
        assert_eq!(help("lab --models"), "lab --help");
        assert_eq!(help("lab scal"), "lab --help");
    }

    #[test]
    fn a_word_in_the_wrong_place_is_shown_behind_its_option() {
        let models = Arg::new("models").long("models").value_parser(["fork", "thread"]);
        let command = Command::new("lab")
            .arg(models)
            .arg(Arg::new("addr").long("addr"))
            .subcommand(Command::new("scale"));
        let cases = [
            ("lab thread", Some("--models thread")),
            ("lab localhost 5556", Some("--addr localhost:5556")),
            ("lab localhost", Some("--addr localhost:5555")),
            ("lab 127.0.0.1:80", Some("--addr 127.0.0.1:80")),
            ("lab ::1", Some("--addr [::1]:5555")),
            ("lab nothing", None),
            ("lab --thread", None),
        ];
        for (line, expected) in cases {
            let error = command.clone().try_get_matches_from(words(line)).unwrap_err();
            assert_eq!(misplaced(&error, &command, &words(line)).as_deref(), expected, "{line}");
        }
    }

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn durations_have_a_unit_and_an_end() {
        assert_eq!(parse_duration("1m 30s"), Ok(Duration::from_secs(90)));
        for wrong in ["", "5", "-1s", "1parsec", "2years"] {
            assert!(parse_duration(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(parse_positive_duration("1ms"), Ok(Duration::from_millis(1)));
        assert!(parse_positive_duration("0s").is_err());
        assert!(parse_positive_duration("500ns").is_err());
    }
}
