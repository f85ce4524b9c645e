//! What a server says on standard error: who serves whom, line by line, for people or for programs.

use std::fmt;
use std::io::Write;
use std::str::FromStr;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber, error};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Context;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;

/// How each line of the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people: seconds since the start, the level unless it is usual, who serves, the client's
    /// address, and what happened.
    #[default]
    Text,
    /// For programs: one JSON object, with the time in microseconds since 1970.
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
pub(crate) fn start(quiet: bool, format: LogFormat) {
    let targets = match std::env::var("RUST_LOG") {
        Ok(chosen) if !quiet => chosen.parse::<Targets>().ok(),
        _ => None,
    };
    let usual = if quiet { Level::WARN } else { Level::INFO };
    let log = Log { format, start: Instant::now() };
    let log = log.with_filter(targets.unwrap_or_else(|| Targets::new().with_default(usual)));
    // A second start, in a test's process, leaves the first in place.
    let _ = tracing_subscriber::registry().with(log).try_init();
    // One line in the place of the standard one and its backtrace.
    std::panic::set_hook(Box::new(|panic| {
        let reason = panic.payload_as_str().unwrap_or("no reason given");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        error!(event = "panicked", "panicked at {place}: {reason}");
    }));
}

/// Writes a line for each event.
struct Log {
    format: LogFormat,
    start: Instant,
}

/// The fields of a span or an event. What a person reads is the field `message`.
#[derive(Debug, Default)]
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Log {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(Fields(of_span)) = span.extensions().get::<Fields>() {
                fields.0.extend(of_span.clone());
            }
        }
        event.record(&mut fields);
        let level = *event.metadata().level();
        let line = match self.format {
            LogFormat::Text => self.text(level, &fields),
            LogFormat::Json => json(level, fields),
        };
        // In one write, lest lines of several processes mix. A log that cannot be written must not
        // end a connection, let alone the server.
        let _ = std::io::stderr().write_all((line + "\n").as_bytes());
    }
}

impl Log {
    fn text(&self, level: Level, Fields(fields): &Fields) -> String {
        let mut line = format!("{:9.3}", self.start.elapsed().as_secs_f64());
        if level != Level::INFO {
            line += &format!("  {level}");
        }
        for key in ["who", "peer", "message"] {
            if let Some(text) = fields.get(key).and_then(Value::as_str) {
                line += &format!("  {text}");
            }
        }
        line
    }
}

/// One object: `time`, `level`, `who`, `peer`, `event`, what belongs to it, and `text`, the line that
/// a person would read.
fn json(level: Level, Fields(mut fields): Fields) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let time = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
    let text = fields.remove("message").unwrap_or_default();
    let event = fields.remove("event").unwrap_or_else(|| "warning".into());
    let first = [("time", time.into()), ("level", level.as_str().into()), ("event", event)];
    let all = first.into_iter().map(|(key, value)| (key.to_owned(), value)).chain(fields);
    let all: Map<String, Value> = all.chain([("text".to_owned(), text)]).collect();
    Value::Object(all).to_string()
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

    #[test]
    fn an_object_is_one_line_whatever_was_said() {
        let fields = [("event", "message"), ("message", "two\nlines"), ("who", "thread 1")];
        let fields = fields.map(|(key, value)| (key.to_owned(), value.into()));
        let line = json(Level::INFO, Fields(fields.into_iter().collect()));
        let object: Value = serde_json::from_str(&line).unwrap();
        assert!(!line.contains('\n') && object["time"].is_u64(), "{line}");
        assert_eq!((&object["event"], &object["text"]), (&"message".into(), &"two\nlines".into()));
    }
}
