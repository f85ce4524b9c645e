//! A load's latencies in the log format of HdrHistogram, which other tools merge and draw.

use std::time::SystemTime;

use anyhow::Context;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::IntervalLogWriterBuilder;

use crate::load::Outcome;

/// How many units of the histogram, nanoseconds, are one of the log's, milliseconds.
const MILLISECOND: f64 = 1e6;

/// The log of a measurement that has just ended: one interval, with the latencies of all messages in nanoseconds.
///
/// # Errors
///
/// When the histogram cannot be written in this format.
pub(super) fn log(outcome: &Outcome) -> anyhow::Result<String> {
    let begin = SystemTime::now().checked_sub(outcome.elapsed);
    let begin = begin.and_then(|it| it.duration_since(SystemTime::UNIX_EPOCH).ok());
    let (mut text, mut serializer) = (Vec::new(), V2DeflateSerializer::new());
    IntervalLogWriterBuilder::new()
        .add_comment("latencies of messages; values in nanoseconds, Interval_Max in milliseconds")
        .with_max_value_divisor(MILLISECOND)
        .begin_log_with(&mut text, &mut serializer)?
        .write_histogram(&outcome.message_latency, begin.unwrap_or_default(), outcome.elapsed, None)
        .map_err(|error| anyhow::anyhow!("{error}"))
        .context("cannot write the histogram")?;
    Ok(String::from_utf8(text)?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;
    use crate::load::{Extent, Histogram, Load, nanoseconds};

    /// The histogram in a log, as a reader finds it.
    fn read(log: &str) -> Histogram<u64> {
        let mut merged = nanoseconds();
        for entry in IntervalLogIterator::new(log.as_bytes()) {
            if let LogEntry::Interval(interval) = entry.unwrap() {
                let base64 = interval.encoded_histogram();
                let bytes = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, base64);
                let bytes = bytes.unwrap();
                merged += Deserializer::new().deserialize::<u64, _>(&mut &bytes[..]).unwrap();
            }
        }
        merged
    }

    #[test]
    fn the_logs_of_two_loads_are_merged_to_their_sum() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
            }
        });
        let duration = Duration::from_millis(50);
        let extent = Extent::Time { warm_up: Duration::ZERO, duration };
        let farewell = server_core::Ending::EndOfInput;
        let outcomes = [1, 4].map(|connections| {
            Load { farewell, ..Load::strict(server, connections, extent) }.run().unwrap()
        });
        let logs = outcomes.each_ref().map(|outcome| log(outcome).unwrap());
        let mut sum = outcomes[0].message_latency.clone();
        sum += &outcomes[1].message_latency;
        assert!(!sum.is_empty());
        assert_eq!(read(&logs.concat()), sum);
    }
}
