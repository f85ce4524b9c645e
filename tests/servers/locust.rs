//! A load from several processes, as from several machines: the project's file for Locust.

use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;

use crate::support::{Server, any};

/// Locust, where `.ci/locust` has installed it.
const LOCUST: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../locust/bin/locust");

/// How many clients there are.
const USERS: u64 = 8;

pub(crate) fn trials() -> Vec<Trial> {
    let trial = Trial::test("Locust: two workers count what the server has served", || {
        counts();
        Ok(())
    });
    vec![match Path::new(LOCUST).exists() {
        true => trial,
        false => trial.with_kind("there is no Locust: see .ci/locust").with_ignored_flag(true),
    }]
}

fn counts() {
    let server = any().start(&["--quiet"]);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let figures = directory.path().join("figures");
    locust(&server, &figures);
    let figures = directory.path().join("figures_stats.csv");
    let table = std::fs::read_to_string(figures).expect("its figures");
    let count = |name: &str| {
        let row = table.lines().find(|line| line.starts_with(&format!("TCP,{name},")));
        let cells: Vec<&str> = row.unwrap_or_else(|| panic!("{table}")).split(',').collect();
        assert_eq!(cells[3], "0", "failures: {table}");
        cells[2].parse::<u64>().expect("a count")
    };
    let (connections, messages) = (count("connection"), count("message"));
    let summary = server.process.stop().expect("a good end").output;
    let served = |what: &str| {
        let line = summary.lines().find(|line| line.starts_with(what)).expect("a line");
        let number = line.split_whitespace().nth(1).expect("a number");
        number.trim_end_matches(',').parse::<u64>().expect("a number")
    };
    // At the end a user is stopped where it is: it may not have seen its last answer, nor the server its last connection.
    let is_near = |what: &str, count: u64| served(what).abs_diff(count) <= USERS;
    assert!(connections >= USERS && messages > USERS, "{table}");
    assert!(
        is_near("connections", connections) && is_near("messages", messages),
        "{table}{summary}"
    );
}

/// Two workers, and one more process that they report to.
fn locust(server: &Server, figures: &Path) {
    let mut command = Command::new(LOCUST);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/locust/locustfile.py");
    command.args(["--headless", "--processes", "2", "--users", &USERS.to_string()]);
    command.args(["--spawn-rate", "100", "--run-time", "3s", "--locustfile", file, "--csv"]);
    command.arg(figures).args(["--host", &server.address().to_string()]);
    let output = command.output().expect("Locust");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
