//! The report of a load, in 80 columns.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use super::summary::{classes, columns, short};
use crate::failure::FailureKind;
use crate::load::{BUSY, Extent, Histogram, Load, Outcome, Pace};

const HEADING: Style = Style::new().bold();
const ALARM: Style = AnsiColor::Red.on_default().bold();

/// Prints the report, in colour where standard output is a terminal and `NO_COLOR` is not set.
pub(super) fn print(load: &Load, outcome: &Outcome) -> io::Result<()> {
    let mut output = anstream::stdout().lock();
    output.write_all(render(load, outcome).as_bytes())?;
    output.flush()
}

fn render(load: &Load, outcome: &Outcome) -> String {
    let parts = [
        intent(load),
        totals(load, outcome),
        served(load, outcome),
        failures(outcome),
        latencies(load, outcome),
        bars(&outcome.message_latency),
        bottleneck(outcome),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

fn intent(load: &Load) -> String {
    let Load { server, connections, message_size, messages_per_connection, .. } = load;
    let pace = match load.pace {
        Pace::Closed => {
            "closed loop: each connection waits for an answer before it sends again".to_owned()
        }
        Pace::Open { messages_per_second } => {
            format!(
                "open loop: {messages_per_second} messages are due each second, answered or not"
            )
        }
    };
    let mut text = format!("{HEADING}{pace}{HEADING:#}\n");
    let _ = write!(text, "{connections} connections, {message_size} B a message");
    if let Some(messages) = messages_per_connection {
        let _ = write!(text, ", {messages} messages a connection");
    }
    let _ = write!(text, "\nto {server}");
    if let Extent::Time { warm_up, .. } = load.extent {
        let _ = write!(text, ", after {} of warm-up", humantime::format_duration(warm_up));
    }
    text + "\n"
}

fn totals(load: &Load, outcome: &Outcome) -> String {
    let mut text = String::new();
    let mut line = |what: &str, count: u64, more: String| {
        let _ = writeln!(text, "{what:<14}{count:>12}  {more}");
    };
    let seconds = outcome.elapsed.as_secs_f64();
    let rate = outcome.messages_per_second();
    let megabytes = rate * load.message_size as f64 / 1e6;
    line(
        "messages",
        outcome.message_latency.len(),
        format!("in {seconds:.2} s: {rate:.0}/s, {megabytes:.2} MB/s each way"),
    );
    if load.messages_per_connection.is_some() {
        let rate = format!("{:.0}/s", outcome.connections_per_second());
        line("connections", outcome.connection_latency.len(), rate);
    }
    line("in flight", outcome.in_flight, "sent and not answered when the time was up".to_owned());
    if load.pace != Pace::Closed {
        line("not sent", outcome.unsent, "due, and no connection was free for them".to_owned());
        line("lost", outcome.lost, "with connections that failed".to_owned());
        line("due", outcome.due, "the sum of these; some may be from the warm-up".to_owned());
    }
    if outcome.standstills > 0 {
        let time = outcome.stood_still.as_secs_f64();
        line(
            "standstills",
            outcome.standstills,
            format!("of this client: {time:.2} s, not measured"),
        );
    }
    text
}

/// How many connections the server has answered at all. The rate and the latencies say nothing about the
/// others. In an open loop some may have had nothing to send.
fn served(load: &Load, outcome: &Outcome) -> String {
    let (answered, all) = (outcome.answered_connections, load.connections);
    match all - answered.min(all) {
        _ if load.pace != Pace::Closed => String::new(),
        0 => String::new(),
        waiting => format!(
            "{ALARM}answered {answered} of {all} connections{ALARM:#}: the other {waiting} had no \
             answer in all this time\n"
        ),
    }
}

fn failures(outcome: &Outcome) -> String {
    let mut text = String::new();
    for kind in FailureKind::ALL {
        let count = outcome.failures.count(kind);
        if count > 0 {
            let first = outcome.failures.first(kind).unwrap_or_default();
            let first: String = first.chars().take(52).collect();
            let _ = writeln!(text, "{ALARM}{kind:<14}{count:>12}{ALARM:#}  {first}");
        }
    }
    if text.is_empty() {
        text += "no errors\n";
    }
    if outcome.warm_up_failures > 0 {
        let _ = writeln!(text, "{:<14}{:>12}  errors", "in the warm-up", outcome.warm_up_failures);
    }
    text
}

fn latencies(load: &Load, outcome: &Outcome) -> String {
    let what = match load.pace {
        Pace::Closed => "latency: from sending a message to its whole echo",
        Pace::Open { .. } => "latency: from when a message was due to its whole echo",
    };
    let mut text = format!("{HEADING}{what}{HEADING:#}\n{}", row(&outcome.message_latency));
    if load.messages_per_connection.is_some() {
        let what = "a connection: from its start to its end";
        let _ = write!(text, "{HEADING}{what}{HEADING:#}\n{}", row(&outcome.connection_latency));
    }
    text
}

fn row(latency: &Histogram<u64>) -> String {
    let columns = columns(latency);
    let names: String = columns.iter().map(|(name, _)| format!("{name:>10}")).collect();
    let value = |value: &Option<Duration>| value.map_or("n/a".to_owned(), short);
    let values: String = columns.iter().map(|(_, it)| format!("{:>10}", value(it))).collect();
    format!("{names}\n{values}\n")
}

/// The histogram. A class that is not empty has a bar, however short.
fn bars(latency: &Histogram<u64>) -> String {
    const WIDTH: f64 = 36.0;
    let classes = classes(latency);
    let most = classes.iter().map(|class| class.count).max().unwrap_or(1);
    let bar = |count: u64| "#".repeat((count as f64 / most as f64 * WIDTH).ceil() as usize);
    let limit = |limit: Duration| short(limit).replace(".00", "").replace(".0 ", " ");
    let line = |class: &super::summary::Class| {
        let (from, to) = (limit(class.from), limit(class.to));
        let share = 100.0 * class.count as f64 / latency.len() as f64;
        let bar = bar(class.count);
        format!("{from:>7} to {to:>7} {:>10} {share:>6.2} %  {bar}\n", class.count)
    };
    classes.iter().map(line).collect()
}

fn bottleneck(outcome: &Outcome) -> String {
    let share = outcome.client_share();
    let of = match outcome.threads {
        1 => "one CPU".to_owned(),
        threads => format!("the CPUs that its {threads} threads can use"),
    };
    let used = format!("the client used {:.0} % of {of}", share * 100.0);
    if share < BUSY {
        return used + "\n";
    }
    format!("{ALARM}{used}: it may be the bottleneck{ALARM:#}\n")
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::load::OnFailure;

    /// The report of a real run against a server that echoes, and one that is not there.
    fn reports() -> [String; 2] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
            }
        });
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        [server, free].map(|server: SocketAddr| {
            let (warm_up, duration) = (Duration::ZERO, Duration::from_millis(200));
            let load = Load {
                pace: Pace::Open { messages_per_second: 1000.0 },
                messages_per_connection: Some(5),
                farewell: server_core::Ending::EndOfInput,
                on_failure: OnFailure::Count,
                ..Load::strict(server, 3, Extent::Time { warm_up, duration })
            };
            render(&load, &load.run().unwrap())
        })
    }

    #[test]
    fn a_report_names_its_loop_and_fits_80_columns() {
        let [good, bad] = reports().map(|report| anstream::adapter::strip_str(&report).to_string());
        for line in good.lines().chain(bad.lines()) {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert!(good.starts_with("open loop"), "{good}");
        assert!(good.contains("no errors") && good.contains('#'), "{good}");
        assert!(bad.contains("refused") && bad.contains("n/a"), "{bad}");
    }
}
