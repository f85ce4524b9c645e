//! What this workspace is made of may be used and passed on by anybody.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::process::Command;

use serde_json::Value;

/// Licences that ask for no more than their text to be kept. `deny.toml` lists the same.
const ALLOWED: [&str; 5] = ["MIT", "Apache-2.0", "BSD-2-Clause", "Unicode-3.0", "Zlib"];

/// Whether an SPDX expression, without nesting, leaves a choice among the allowed licences.
fn is_allowed(expression: &str) -> bool {
    expression.replace('/', " OR ").split(" AND ").all(|part| {
        let choices = part.trim_matches(['(', ')']).split(" OR ");
        choices.map(str::trim).any(|choice| ALLOWED.contains(&choice))
    })
}

#[test]
fn expressions_are_read_as_spdx_means_them() {
    for allowed in ["MIT", "MIT OR GPL-3.0", "GPL-3.0/MIT", "(MIT OR X) AND Unicode-3.0"] {
        assert!(is_allowed(allowed), "{allowed}");
    }
    for refused in ["", "GPL-3.0", "MIT AND GPL-3.0", "GPL-2.0 OR LGPL-2.1"] {
        assert!(!is_allowed(refused), "{refused}");
    }
}

#[test]
fn every_dependency_has_an_allowed_licence_and_comes_from_the_registry() {
    let mut command = Command::new(env!("CARGO"));
    command.args(["metadata", "--format-version", "1", "--locked"]);
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 50, "{} packages", packages.len());
    for package in packages {
        let name = &package["name"];
        let licence = package["license"].as_str().unwrap_or_default();
        assert!(is_allowed(licence), "{name} has the licence {licence:?}");
        let source = package["source"].as_str().unwrap_or("registry: this workspace");
        assert!(source.starts_with("registry"), "{name} comes from {source}");
    }
}
