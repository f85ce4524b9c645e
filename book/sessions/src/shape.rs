//! What of an output stays the same from run to run, and from machine to machine: its words.

/// The shortest word that counts: shorter ones are units, which go with the figures.
const SHORTEST: usize = 4;

/// What a page shows where it leaves lines out.
const LEFT_OUT: &str = "...";

/// The first line that is shown and did not come, and what came in its place.
pub(crate) fn difference(shown: &[String], came: &[String]) -> Option<(String, String)> {
    let mut rest = came.iter().filter(|line| !words(line).is_empty());
    let mut may_skip = false;
    for line in shown {
        if line.trim() == LEFT_OUT {
            may_skip = true;
            continue;
        }
        let expected = words(line);
        if expected.is_empty() {
            continue;
        }
        let next = match may_skip {
            true => rest.find(|other| words(other) == expected),
            false => rest.next(),
        };
        match next {
            Some(other) if words(other) == expected => may_skip = false,
            other => return Some((line.clone(), told(other))),
        }
    }
    let more = rest.next().filter(|_| !may_skip)?;
    Some(("(nothing more)".to_owned(), more.clone()))
}

fn told(line: Option<&String>) -> String {
    line.map_or_else(|| "(nothing more)".to_owned(), Clone::clone)
}

fn words(line: &str) -> Vec<&str> {
    let parts = line.split(|it: char| !it.is_alphabetic());
    parts.filter(|part| part.chars().count() >= SHORTEST).collect()
}
