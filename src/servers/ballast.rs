//! Memory that a server holds for nothing, to show what it costs a fork.

use std::ffi::OsString;
use std::hint::black_box;

/// The hidden option of the hidden subcommand `serve`.
pub const OPTION: &str = "--ballast-mib";

/// Takes `--ballast-mib N` out of a server's arguments and returns as much memory, each page of it
/// touched, and the other arguments. What is no number is left for the server to complain about.
pub fn take(arguments: &[OsString]) -> (Vec<u8>, Vec<OsString>) {
    let place = arguments.iter().position(|argument| argument == OPTION);
    let size = place.and_then(|place| arguments.get(place + 1)?.to_str()?.parse::<usize>().ok());
    match (place, size) {
        (Some(place), Some(mib)) => {
            let others = [&arguments[..place], &arguments[place + 2..]].concat();
            (black_box(vec![1; mib << 20]), others)
        }
        _ => (Vec::new(), arguments.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_is_taken_out_and_the_others_stay() {
        let line = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        let (ballast, others) = take(&line("--quiet --ballast-mib 2 --delay 1s"));
        assert_eq!((ballast.len(), others), (2 << 20, line("--quiet --delay 1s")));
        let wrong = line("--ballast-mib much");
        assert_eq!(take(&wrong), (Vec::new(), wrong));
    }
}
