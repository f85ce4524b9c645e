//! What a server logs on standard error: who serves which client, line by line, for people or for programs.

use std::fmt::{Debug, Display};
use std::io;
use std::str::FromStr;
use std::time::{Instant, SystemTime};

use tracing::field::Field;
use tracing::{Event, Level, Subscriber, error};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{self, FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{self, FmtContext, FormattedFields};
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;

use crate::log_output::LogOutput;

/// How each line of the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people: seconds since the start, the level unless it is usual, who serves, the client's
    /// address, and what happened.
    #[default]
    Text,
    /// For programs: one JSON object a line, in the form of `tracing_subscriber::fmt`: `timestamp` (RFC 3339,
    /// with microseconds), `level`, `event` and what belongs to it, `message`, which is the text that a person
    /// would read, and in `span` who serves (`who`) and the client's address (`peer`).
    Json,
}

impl LogFormat {
    /// The names that `--log-format` takes.
    pub const NAMES: [&'static str; 2] = ["text", "json"];
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            _ => Err("it is `text` or `json`".to_owned()),
        }
    }
}

/// Starts logging. `RUST_LOG` chooses what is logged; without it, each connection and message is,
/// or warnings and errors alone where `quiet` is set.
///
/// # Errors
///
/// When `RUST_LOG` cannot be understood, or the kernel lacks memory for the count of lines that are lost.
pub(crate) fn start(quiet: bool, format: LogFormat) -> io::Result<()> {
    let output = LogOutput::new(match format {
        LogFormat::Text => lost_as_text,
        LogFormat::Json => lost_as_json,
    })?;
    let targets = match std::env::var("RUST_LOG") {
        Ok(chosen) if !quiet => Some(parse_targets(&chosen)?),
        _ => None,
    };
    let usual = if quiet { Level::WARN } else { Level::INFO };
    let targets = targets.unwrap_or_else(|| Targets::new().with_default(usual));
    // A second start, in a test's process, leaves the first in place.
    let layer = layer(format, output).with_filter(targets);
    let _ = tracing_subscriber::registry().with(layer).try_init();
    // One line in the place of the standard one and its backtrace.
    std::panic::set_hook(Box::new(|panic| {
        let reason = panic.payload_as_str().unwrap_or("no reason given");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        error!(event = "panicked", "panicked at {place}: {reason}");
    }));
    Ok(())
}

fn parse_targets(chosen: &str) -> io::Result<Targets> {
    chosen.parse().map_err(|error| io::Error::other(format!("RUST_LOG={chosen}: {error}")))
}

fn lost_as_text(lines: u64) -> String {
    format!("           WARN  {lines} lines of this log were lost: nothing has read it in time\n")
}

fn lost_as_json(lines: u64) -> String {
    let timestamp = humantime::format_rfc3339_micros(SystemTime::now());
    format!(
        "{{\"timestamp\":\"{timestamp}\",\"level\":\"WARN\",\"event\":\"lost\",\"lines\":{lines},\
         \"message\":\"lines of this log were lost: nothing has read it in time\"}}\n"
    )
}

/// Writes each event as a line.
fn layer<S>(format: LogFormat, output: LogOutput) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let layer = fmt::layer().with_writer(move || output).log_internal_errors(false);
    match format {
        LogFormat::Text => {
            layer.fmt_fields(format::debug_fn(field)).event_format(Text::new()).boxed()
        }
        LogFormat::Json => {
            layer.json().flatten_event(true).with_span_list(false).with_target(false).boxed()
        }
    }
}

/// What a person reads of a span or an event: who serves, the client's address, and what happened.
fn field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> std::fmt::Result {
    match field.name() {
        "who" | "peer" | "message" => write!(writer, "  {value:?}"),
        _ => Ok(()),
    }
}

/// The format of lines for people.
struct Text {
    start: Instant,
}

impl Text {
    fn new() -> Self {
        Text { start: Instant::now() }
    }
}

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        write!(writer, "{:9.3}", self.start.elapsed().as_secs_f64())?;
        let level = *event.metadata().level();
        if level != Level::INFO {
            write!(writer, "  {level}")?;
        }
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                write!(writer, "{fields}")?;
            }
        }
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// A message as a log line shows it: escaped, and only its start if it is long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Excerpt<'a>(pub(crate) &'a str);

impl Display for Excerpt<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
