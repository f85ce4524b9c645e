//! Which cases count how much: a file that an instructor edits.
//!
//! Each line gives points to a case, by its name, and one line may limit the time of all of them. A line
//! that begins with `#` is a comment:
//!
//! ```text
//! time limit: 3m
//! 2  a message comes back as it was sent
//! ```

use std::fmt::Write;
use std::time::Duration;

use protocol::Framing;
use server_core::parse_positive_duration;

use super::{CASES, Case, Group};

/// The cases that are asked, each with its points.
#[derive(Clone, Debug)]
pub struct Rubric {
    /// The framing of all of them.
    pub framing: Framing,
    /// The cases and their points, in the order of the table.
    pub cases: Vec<(&'static Case, u32)>,
    /// Those that can be chosen by name: these, and in the usual one those that it leaves out.
    all: Vec<(&'static Case, u32)>,
    /// How long all of them may take, where it says so.
    pub time_limit: Option<Duration>,
}

/// How long all cases may take unless it is said.
pub const TIME_LIMIT: Duration = Duration::from_secs(180);

/// The most that one case may count.
const MOST: u32 = 1000;

/// What stands before the time limit.
const LIMIT: &str = "time limit:";

/// What a line of the file says.
enum Line {
    Nothing,
    Limit(Duration),
    Points(&'static Case, u32),
}

impl Rubric {
    /// The usual one of a framing: every case but those that wait for a message's time.
    pub fn usual(framing: Framing) -> Self {
        let all = CASES.iter().filter(|it| it.is_of(framing)).map(|case| (case, case.points));
        let all: Vec<(&'static Case, u32)> = all.collect();
        let cases = all.iter().copied().filter(|(case, _)| case.group != Group::Slow).collect();
        Rubric { framing, cases, all, time_limit: None }
    }

    /// Reads one.
    ///
    /// # Errors
    ///
    /// One line that says in which line of the text a mistake is.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut cases, mut time_limit) = (Vec::<(&'static Case, u32)>::new(), None);
        for (number, line) in (1..).zip(text.lines()) {
            let at = |what: String| format!("line {number}: {what}");
            match parse_line(line.trim()).map_err(at)? {
                Line::Points(case, _) if cases.iter().any(|(it, _)| it.name == case.name) => {
                    return Err(at(format!("{:?} has its points already", case.name)));
                }
                Line::Limit(_) if time_limit.is_some() => {
                    return Err(at("the time limit is given twice".to_owned()));
                }
                Line::Points(case, points) => cases.push((case, points)),
                Line::Limit(limit) => time_limit = Some(limit),
                Line::Nothing => {}
            }
        }
        if cases.is_empty() {
            return Err("it gives no case any points".to_owned());
        }
        let framing = framing_of(&cases)?;
        cases.sort_by_key(|(case, _)| CASES.iter().position(|it| it.name == case.name));
        Ok(Rubric { framing, all: cases.clone(), cases, time_limit })
    }

    /// Leaves those cases only that these words choose: names of groups, or parts of names of cases.
    ///
    /// # Errors
    ///
    /// One line, when a word chooses none.
    pub fn only(self, words: &[String]) -> Result<Self, String> {
        let mut cases: Vec<(&'static Case, u32)> = Vec::new();
        for word in words {
            let chosen =
                |case: &Case| case.group.name() == word || case.name.contains(word.as_str());
            let found: Vec<_> = self.all.iter().copied().filter(|(case, _)| chosen(case)).collect();
            if found.is_empty() || word.is_empty() {
                return Err(no_group_or_case(word));
            }
            cases.extend(found);
        }
        cases.sort_by_key(|(case, _)| CASES.iter().position(|it| it.name == case.name));
        cases.dedup_by_key(|(case, _)| case.name);
        Ok(Rubric { cases, ..self })
    }

    /// The text of a rubric, for an instructor to edit.
    pub fn text(&self) -> String {
        let mut text = String::from(
            "# Points for `lab check --rubric`. Take out a line, and its case is not asked.\n\n\
             # How long all cases may take together.\n",
        );
        let limit = humantime::format_duration(self.time_limit.unwrap_or(TIME_LIMIT));
        let _ = writeln!(text, "{LIMIT} {limit}");
        let mut group = None;
        for (case, points) in &self.cases {
            if group.replace(case.group) != Some(case.group) {
                let _ = writeln!(text, "\n# {}", case.group.name());
            }
            let _ = writeln!(text, "{points:<2} {}", case.name);
        }
        text
    }
}

fn parse_line(line: &str) -> Result<Line, String> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(Line::Nothing);
    }
    if let Some(limit) = line.strip_prefix(LIMIT) {
        let limit = parse_positive_duration(limit.trim());
        return limit.map(Line::Limit).map_err(|error| format!("{LIMIT} {error}"));
    }
    let (points, name) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let points = points.parse().ok().filter(|points| *points <= MOST).ok_or_else(|| {
        format!("expected points from 0 to {MOST} and then the name of a case, not {line:?}")
    })?;
    let name = name.trim();
    let case = CASES.iter().find(|case| case.name == name);
    case.map(|case| Line::Points(case, points)).ok_or_else(|| no_case(name))
}

/// The framing of which all these cases are rules.
fn framing_of(cases: &[(&Case, u32)]) -> Result<Framing, String> {
    let mut framings = cases.iter().filter_map(|(case, _)| case.framing);
    let framing = framings.next().unwrap_or_default();
    match framings.any(|other| other != framing) {
        true => Err("it has cases of both framings: a server has one".to_owned()),
        false => Ok(framing),
    }
}

fn no_case(name: &str) -> String {
    format!("there is no case {name:?} (`lab check --list` lists them)")
}

fn no_group_or_case(word: &str) -> String {
    let groups = Group::ALL.map(Group::name).join(", ");
    format!(
        "{word:?} is no group ({groups}) and in the name of no case that is asked here (`lab check --list` lists them)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_rubric_is_a_hundred_points_and_is_read_as_it_is_written() {
        let usual = Rubric::usual(Framing::Line);
        assert_eq!(usual.cases.iter().map(|(_, points)| points).sum::<u32>(), 100);
        let read = Rubric::parse(&usual.text()).unwrap();
        assert_eq!(read.text(), usual.text());
        assert_eq!(read.time_limit, Some(TIME_LIMIT));
        let longer = usual.text().replace("3m", "9m");
        assert_eq!(Rubric::parse(&longer).unwrap().text(), longer);
        let few = "5 lines keep their CRLF\n# no more\n1\tan empty line is a message\n";
        let few = Rubric::parse(few).unwrap().only(&["CRLF".to_owned()]).unwrap();
        assert_eq!(few.cases.iter().map(|it| it.1).collect::<Vec<_>>(), [5]);
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        let points = "# mine\n\n5 lines keep their CRLF\n";
        assert!(Rubric::parse(points).is_ok());
        for (added, expected) in [
            ("1 no such\n", "line 4: there is no case \"no such\""),
            ("-1 an empty line is a message\n", "line 4: expected points from 0 to 1000"),
            ("1001 an empty line is a message\n", "line 4: expected points from 0 to 1000"),
            ("five an empty line is a message\n", "line 4: expected points"),
            ("\"an empty line is a message\" = 5\n", "line 4: expected points"),
            ("5\n", "line 4: there is no case \"\""),
            ("1 lines keep their CRLF\n", "line 4: \"lines keep their CRLF\" has its points"),
            ("time limit: soon\n", "line 4: time limit: "),
            ("time limit: 1m\ntime limit: 2m\n", "line 5: the time limit is given twice"),
            ("1 raw: Bye may be typed with a line end\n", "it has cases of both framings"),
        ] {
            let error = Rubric::parse(&format!("{points}{added}")).unwrap_err();
            assert!(error.starts_with(expected), "{added:?}: {error}");
        }
        assert!(Rubric::parse("time limit: 1m\n").unwrap_err().contains("no case"));
    }

    #[test]
    fn cases_are_chosen_by_their_group_or_a_part_of_their_name() {
        let only = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let rubric = Rubric::usual(Framing::Line).only(&words);
            rubric.map(|it| it.cases.iter().map(|(case, _)| case.name).collect::<Vec<_>>())
        };
        assert_eq!(only(&["CRLF"]).unwrap(), ["lines keep their CRLF", "Bye may have a CRLF"]);
        assert_eq!(only(&["slow"]).unwrap().len(), 1);
        assert_eq!(only(&["bye", "Bye may"]).unwrap().len(), 5);
        assert!(only(&["everything"]).unwrap_err().contains("is no group"));
    }
}
