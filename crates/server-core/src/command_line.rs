//! Reading what a user typed, and answering a mistake with one line.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue};
use clap::{ArgMatches, Command};
use protocol::Framing;

/// The longest duration that an option takes: it stays far from where clocks overflow.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Reads `HOST:PORT`; a host name is looked up (which may block), and its first address taken.
///
/// # Errors
///
/// One line that says what is wrong with the text.
pub fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let mut found = text
        .to_socket_addrs()
        .map_err(|error| format!("expected HOST:PORT, such as 127.0.0.1:5555 ({error})"))?;
    found.next().ok_or_else(|| "this host has no address".to_owned())
}

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
    let help = help_for(&command, &arguments);
    let name = command.get_name().to_owned();
    let parsed = command.try_get_matches_from(arguments);
    parsed.map_err(|error| usage_error(&name, &help, &error))
}

/// The command whose help lists the options that `arguments` may have.
fn help_for(command: &Command, arguments: &[OsString]) -> String {
    let name = command.get_name();
    let words = arguments.iter().skip(1).filter_map(|word| word.to_str());
    let subcommands = command.get_subcommands().filter(|it| !it.is_hide_set());
    let subcommands: Vec<&str> = subcommands.map(Command::get_name).collect();
    match words.into_iter().find(|word| subcommands.contains(word)) {
        Some(subcommand) => format!("{name} {subcommand} --help"),
        None => format!("{name} --help"),
    }
}

/// Prints help or version where they were asked for. Anything else is a user's mistake: one line
/// on standard error, with what may have been meant, and the status 2.
fn usage_error(program: &str, help: &str, error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // A closed standard output is no reason to fail: the reader has seen enough.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let text = error.to_string();
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let line = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.strip_prefix("error: ").unwrap_or(&line);
    let meant = meant(error).map_or(String::new(), |word| format!("; did you mean `{word}`?"));
    eprintln!("{program}: {line}{meant} (`{help}` lists the options)");
    ExitCode::from(2)
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
        let command = || Command::new("lab").subcommand(Command::new("scale"));
        let help = |line: &str| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            help_for(&command(), &words)
        };
        assert_eq!(help("lab scale --clients"), "lab scale --help");
        assert_eq!(help("lab --models"), "lab --help");
        assert_eq!(help("lab scal"), "lab --help");
    }

    #[test]
    fn addresses_are_numbers_or_names_with_a_port() {
        assert_eq!(parse_address("[::1]:80"), Ok("[::1]:80".parse().unwrap()));
        assert!(parse_address("localhost:80").unwrap().ip().is_loopback());
        for wrong in ["", "5555", "127.0.0.1", "127.0.0.1:70000", "127.0.0.1:port"] {
            assert!(parse_address(wrong).is_err(), "{wrong:?}");
        }
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
