//! What the lab makes of its measurements: tables, conclusions, files, and comparisons of these.

use std::collections::BTreeSet;
use std::path::Path;

use lab::results::{Results, Row, SCHEMA, Sample};
use libtest_mimic::Trial;

use crate::command_line::one_line;
use crate::lab_program::lab;

pub(crate) fn trials() -> Vec<Trial> {
    let tests: [(&str, fn()); 4] = [
        ("compares two models and writes what it found", compares_two_models),
        ("each experiment prints 80 columns, a conclusion, and its figures", experiments_run),
        ("two results are compared, and others refused", compares_results),
        ("the files of a class stand side by side, also as CSV", compares_a_class),
    ];
    let trial = |(name, test): (&str, fn())| {
        Trial::test(format!("lab: {name}"), move || {
            test();
            Ok(())
        })
    };
    tests.into_iter().map(trial).collect()
}

fn compares_two_models() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let path = file.path().to_str().expect("a plain path");
    let output = lab(&["--quick", "--models", "thread,pool", "--json", path]).output();
    let output = output.expect("the lab");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("thread") && text.contains("pool") && text.contains("floor"), "{text}");
    // The lab is built as this test is.
    let is_debug = cfg!(debug_assertions);
    assert_eq!(text.lines().next().is_some_and(|it| it.starts_with("Debug build: ")), is_debug);
    let results = results(path);
    let build = if is_debug { "debug" } else { "release" };
    assert_eq!(results.facts["machine"]["build"], build, "{results:?}");
    for server in ["thread", "pool", "floor"] {
        let of_it = |row: &&Row| row.at.get("server") == Some(&server.into());
        // A busy machine may have had too few answers for a p99.
        let figures = results.rows.iter().filter(of_it).count();
        assert!((16..=18).contains(&figures), "{server}: {figures}: {results:?}");
        let place = [("server", server.into()), ("load", "32 clients".into())];
        let rate = results.sample(&place, "connections").map(Sample::median);
        assert!(rate > Some(0.0), "{server}: {rate:?}");
    }
}

/// What `--json` wrote.
fn results(path: &str) -> Results {
    let text = std::fs::read_to_string(path).expect("the file");
    serde_json::from_str(&text).expect("results")
}

fn compares_results() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let measure = |name: &str, arguments: &[&str]| {
        let file = directory.path().join(name).to_str().expect("a plain path").to_owned();
        let output = lab(&[arguments, &["--quick", "--json", &file]].concat()).output();
        assert!(output.expect("the lab").status.success());
        file
    };
    let scale = measure("a.json", &["scale", "--clients", "2", "--models", "thread"]);
    let other = measure("b.json", &["overload", "--rates", "20", "--duration", "1s"]);
    let more = measure("c.json", &["scale", "--clients", "2", "--models", "thread"]);
    let output = lab(&["diff", &scale, &more, &scale]).output().expect("the lab");
    let text = String::from_utf8(output.stdout).expect("text");
    let heading = text.lines().find(|line| line.contains(" A ") || line.contains("  A"));
    assert!(heading.is_some_and(|line| line.trim_end().ends_with('C')), "{text}");
    assert!(text.contains("thread, 2 clients, connections"), "{text}");
    let refused = one_line(lab(&["diff", &scale, &other]), 1);
    assert!(refused.contains("cannot be compared") && refused.contains("overload"), "{refused}");
    let newer = directory.path().join("newer.json");
    let text = std::fs::read_to_string(&scale).expect("a file");
    let schema = format!("\"schema\": {SCHEMA}");
    assert!(text.contains(&schema), "{text}");
    std::fs::write(&newer, text.replace(&schema, "\"schema\": 99")).expect("a file");
    let refused = one_line(lab(&["diff", &scale, newer.to_str().expect("a plain path")]), 1);
    assert!(refused.contains("schema 99") && refused.contains("measure again"), "{refused}");
}

/// Three students' checks, two machines' figures, and both together.
fn compares_a_class() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = |name: &str| directory.path().join(name).to_str().expect("a plain path").to_owned();
    let case = |name: &str, passed: bool| {
        let points = 2 * u8::from(passed);
        format!(
            r#"{{"case":"{name}","points":{points},"of":2,"passed":{passed},"not_asked":null}}"#
        )
    };
    for (student, [first, second]) in
        [("ann", [true, false]), ("ben", [true, true]), ("cem", [false, false])]
    {
        let cases = [case("it echoes", first), case("it ends", second)].join(",");
        std::fs::write(file(&format!("{student}.json")), format!(r#"{{"cases":[{cases}]}}"#))
            .expect("a file");
    }
    let (checks, csv) = (["ann.json", "ben.json", "cem.json"].map(file), file("all.csv"));
    let class = |files: &[&str]| {
        let output = lab(&[&["class"], files].concat()).output().expect("the lab");
        String::from_utf8(output.stdout).expect("text")
    };
    let text = class(&[&checks[0], &checks[1], &checks[2], "--csv", &csv]);
    for line in
        ["ann       1       1       1  2 of 4", "x.x       2  it ends", "..x       1  it echoes"]
    {
        assert!(text.contains(line), "{line:?} is missing in {text}");
    }
    let rows = std::fs::read_to_string(&csv).expect("the file");
    assert!(rows.contains("class,it ends,ben,passed,,1,1\n"), "{rows}");
    let measured = ["m1.json", "m2.json"].map(|name| {
        let output = lab(&["crash", "--quick", "--models", "pool", "--json", &file(name)]).output();
        assert!(output.expect("the lab").status.success());
        file(name)
    });
    let text = class(&[&measured[0], &measured[1]]);
    assert!(text.contains("pool, process killed") && text.contains("least at  most at"), "{text}");
    let mixed = one_line(lab(&["class", &checks[0], &measured[0]]), 1);
    assert!(mixed.contains("is of check") && mixed.contains("of crash"), "{mixed}");
}

/// A result is the same as itself, whatever it is of.
fn differs_nowhere_from_itself(file: &str) {
    let output = lab(&["diff", file, file]).output().expect("the lab");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{text}");
    let unwrapped = text.replace('\n', " ");
    let is_same = unwrapped.contains("0 of ") || unwrapped.contains("None of ");
    assert!(is_same && !text.contains(" differs\n"), "{text}");
    assert!(!unwrapped.contains("in one of them only") && !text.contains("NaN"), "{text}");
    for line in text.lines() {
        let cells: Vec<&str> = line.split_whitespace().collect();
        if let [.., a, b, _, "overlaps"] | [.., a, b, _, "too", "few"] = cells.as_slice() {
            assert_eq!(a, b, "{line}");
        }
    }
}

/// Each round of each figure is a line, and all lines have the same columns.
fn is_table(csv: &Path, results: &Results) {
    let text = std::fs::read_to_string(csv).expect("the file");
    let lines: Vec<&str> = text.lines().collect();
    let rounds: usize = results.rows.iter().map(|row| row.rounds.count()).sum();
    assert_eq!(lines.len(), 1 + rounds, "{text}");
    let heading = lines[0];
    assert!(heading.contains(",server,") && heading.ends_with(",figure,unit,round,value"));
    let plain = lines.iter().filter(|line| !line.contains('"'));
    let columns: BTreeSet<usize> = plain.map(|line| line.split(',').count()).collect();
    assert_eq!(columns.len(), 1, "{text}");
}

/// A small run of each experiment, what its conclusion says (`#` is a number), and a server in its results.
const EXPERIMENTS: &[(&[&str], &str, &str)] = &[
    (
        &["scale", "--clients", "1,4", "--models", "thread,pool"],
        "thread: a connection costs # of CPU and # context switches with 1 client, # and # with 4 \
         clients; its best rate was # connections a second.",
        "thread",
    ),
    (
        &["memory", "--connections", "20,40", "--ballast", "0MiB,4MiB", "--models", "fork,async"],
        "fork: each further connection holds # KiB",
        "fork",
    ),
    (
        &["timeline", "--clients", "3", "--messages", "1", "--models", "iterative,fork"],
        "iterative: 3 clients, who needed # s of service each, were done after # s, and stood in line for # \
         s on average.",
        "iterative",
    ),
    (
        &["overload", "--rates", "20,200", "--duration", "1s", "--models", "iterative"],
        "iterative fell behind at 200 a second: it answered #, and ",
        "iterative",
    ),
    (
        &["timeline", "--compute", "5ms", "--clients", "2", "--messages", "2", "--models", "async"],
        "async --offload: 2 clients, who needed # s of CPU time each, were done after # s, and stood in line \
         for # s on average; on average the server computed for # client",
        "async --offload",
    ),
    (
        &["work", "--shares", "0,100", "--clients", "8", "--models", "iterative,pool"],
        "0 % computing: pool leads with # messages a second",
        "pool",
    ),
    (&["cores", "--models", "event"], "the limit", "event"),
    (&["crash", "--models", "pool"], "noticed each end within #; one that", "pool"),
    (
        &["anatomy", "--models", "prefork"],
        "Page faults of a connection with 32 clients at once: # under prefork",
        "prefork",
    ),
    (
        &["report", "--models", "event", "--only", "scale,work", "--out", "/dev/null"],
        "/dev/null",
        "event",
    ),
    (
        &["siege", "--attackers", "10,20", "--models", "iterative,event"],
        "event: it withstands 20 of them: the last ordinary client waits #",
        "event",
    ),
];

/// Whether a text has this in it, with a number for each `#`.
fn says(text: &str, pattern: &str) -> bool {
    let parts: Vec<&str> = pattern.split('#').collect();
    let goes_on = |text: &str| {
        let begin = Some(text);
        parts[1..]
            .iter()
            .fold(begin, |rest, part| behind_number(rest?)?.strip_prefix(part))
            .is_some()
    };
    text.match_indices(parts[0]).any(|(place, found)| goes_on(&text[place + found.len()..]))
}

/// What stands behind a number and the unit of a time.
fn behind_number(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|it: char| it.is_ascii_digit() || it == '.');
    let is_number = text[..text.len() - rest.len()].parse::<f64>().is_ok();
    let rest = rest.strip_prefix(['k', 'M']).unwrap_or(rest);
    let unit = [" µs", " ms"].into_iter().find_map(|unit| rest.strip_prefix(unit));
    is_number.then(|| unit.unwrap_or(rest))
}

/// The tests' own: a number must be one.
fn reads_numbers() {
    let says = |text: &str| says(text, "holds # and # of CPU");
    assert!(says("it holds 1.5k and 27.4 µs of CPU"));
    for wrong in ["holds NaN and 1 of CPU", "holds - and 1 of CPU", "holds 1 and inf of CPU"] {
        assert!(!says(wrong), "{wrong}");
    }
}

fn experiments_run() {
    reads_numbers();
    for (arguments, conclusion, server) in EXPERIMENTS {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let path = file.path().to_str().expect("a plain path");
        let mut command = lab(arguments);
        let csv = tempfile::NamedTempFile::new().expect("a temporary file");
        command.args(["--quick", "--json", path, "--csv"]).arg(csv.path());
        let output = command.output().expect("the lab");
        let text = String::from_utf8(output.stdout).expect("text");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {text}\n{errors}");
        let unwrapped = text.replace('\n', " ");
        assert!(says(&unwrapped, conclusion), "{conclusion:?} is missing in {text}");
        assert!(!unwrapped.contains("NaN") && !unwrapped.contains(" inf"), "{text}");
        let wide = text.lines().find(|line| line.chars().count() > 80);
        assert_eq!(wide, None, "{arguments:?}");
        let results = results(path);
        let is_of_it = |row: &Row| row.at.get("server") == Some(&(*server).into());
        assert!(results.rows.iter().any(is_of_it), "{arguments:?}: {results:?}");
        is_table(csv.path(), &results);
        differs_nowhere_from_itself(path);
    }
}
