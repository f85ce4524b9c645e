//! What a server says on standard error: who serves whom, line by line.

use std::fmt;
use std::time::Instant;

use tracing::{Event, Level, Subscriber, error};
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;

/// Starts logging. `RUST_LOG` chooses what is logged; without it, each connection and message is,
/// or warnings and errors alone where `quiet` is set.
pub(crate) fn start(quiet: bool) {
    let targets = match std::env::var("RUST_LOG") {
        Ok(chosen) if !quiet => chosen.parse::<Targets>().ok(),
        _ => None,
    };
    let usual = if quiet { Level::WARN } else { Level::INFO };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        // A log that cannot be written must not end a connection, let alone the server.
        .log_internal_errors(false)
        .fmt_fields(debug_fn(|writer, _, value| write!(writer, "{value:?}")).delimited("  "))
        .event_format(Line { start: Instant::now() })
        .with_filter(targets.unwrap_or_else(|| Targets::new().with_default(usual)));
    // A second start, in a test's process, leaves the first in place.
    let _ = tracing_subscriber::registry().with(lines).try_init();
    // One line in the place of the standard one and its backtrace.
    std::panic::set_hook(Box::new(|panic| {
        let reason = panic.payload_as_str().unwrap_or("no reason given");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        error!("panicked at {place}: {reason}");
    }));
}

/// One line an event: seconds since the start, the level unless it is usual, who serves, the
/// client's address, and what happened.
struct Line {
    start: Instant,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(writer, "{:9.3}  ", self.start.elapsed().as_secs_f64())?;
        if *event.metadata().level() != Level::INFO {
            write!(writer, "{}  ", event.metadata().level())?;
        }
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                write!(writer, "{fields}  ")?;
            }
        }
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// A message as a log line shows it: escaped, and only its start if it is long.
#[derive(Clone, Copy, Debug)]
pub struct Excerpt<'a>(pub &'a str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 60;
        let line = self.0.trim_end_matches(['\r', '\n']);
        match line.char_indices().nth(LONGEST) {
            None => write!(f, "{line:?}"),
            Some((end, _)) => write!(f, "{:?}... ({} bytes)", &line[..end], line.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_cannot_forge_a_line_or_flood_the_log() {
        assert_eq!(Excerpt("two\nlines\r\n").to_string(), r#""two\nlines""#);
        let long = "第".repeat(1000);
        assert_eq!(Excerpt(&long).to_string(), format!("{:?}... (3000 bytes)", "第".repeat(60)));
    }
}
