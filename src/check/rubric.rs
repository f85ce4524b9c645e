//! Which cases count how much: a file that an instructor edits.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use protocol::Framing;
use serde::Deserialize;
use server_core::parse_positive_duration;
use toml::Spanned;

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

/// The file, with the place of each name in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    time_limit: Option<Spanned<String>>,
    #[serde(default)]
    points: BTreeMap<Spanned<String>, Spanned<i64>>,
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
        let at = |place: usize, what: String| {
            let line = text[..place.min(text.len())].matches('\n').count() + 1;
            format!("line {line}: {what}")
        };
        let file: File = toml::from_str(text).map_err(|error| {
            at(error.span().map_or(0, |span| span.start), error.message().replace('\n', " "))
        })?;
        let mut cases = Vec::new();
        for (name, points) in &file.points {
            let case = CASES.iter().find(|case| case.name == name.get_ref());
            let case = case.ok_or_else(|| at(name.span().start, no_case(name.get_ref())))?;
            let points = u32::try_from(*points.get_ref()).ok().filter(|it| *it <= MOST);
            let wrong = || at(name.span().start, format!("points are a number from 0 to {MOST}"));
            cases.push((case, points.ok_or_else(wrong)?));
        }
        if cases.is_empty() {
            return Err("it gives no case any points".to_owned());
        }
        let mut framings = cases.iter().filter_map(|(case, _)| case.framing);
        let framing = framings.next().unwrap_or_default();
        if framings.any(|other| other != framing) {
            return Err("it has cases of both framings: a server has one".to_owned());
        }
        cases.sort_by_key(|(case, _)| CASES.iter().position(|it| it.name == case.name));
        let time_limit = file.time_limit.map(|limit| {
            parse_positive_duration(limit.get_ref())
                .map_err(|error| at(limit.span().start, format!("time_limit: {error}")))
        });
        Ok(Rubric { framing, all: cases.clone(), cases, time_limit: time_limit.transpose()? })
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
        let _ = writeln!(text, "time_limit = \"{limit}\"\n\n[points]");
        let mut group = None;
        for (case, points) in &self.cases {
            if group.replace(case.group) != Some(case.group) {
                let _ = writeln!(text, "# {}", case.group.name());
            }
            let _ = writeln!(text, "{:?} = {points}", case.name);
        }
        text
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
        let few = "[points]\n\"lines keep their CRLF\" = 5\n\"an empty line is a message\" = 1\n";
        let few = Rubric::parse(few).unwrap().only(&["CRLF".to_owned()]).unwrap();
        assert_eq!(few.cases.iter().map(|it| it.1).collect::<Vec<_>>(), [5]);
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        let wrong = |text: &str| Rubric::parse(text).unwrap_err();
        let points = "# mine\n[points]\n\"lines keep their CRLF\" = 5\n";
        assert!(Rubric::parse(points).is_ok());
        assert!(
            wrong(&(points.to_owned() + "\"no such\" = 1\n")).starts_with("line 4: there is no")
        );
        assert!(wrong("[points]\n\"lines keep their CRLF\" = -1\n").starts_with("line 2: points"));
        assert!(
            wrong("[points]\n\n\"lines keep their CRLF\" = \"five\"\n").starts_with("line 3: ")
        );
        assert!(wrong("title = 1\n[points]\n").starts_with("line 1: unknown field"));
        assert!(
            wrong("time_limit = \"soon\"\n").contains("no case"),
            "{}",
            wrong("time_limit = \"soon\"\n")
        );
        assert!(
            wrong(&format!("time_limit = \"soon\"\n{points}")).starts_with("line 1: time_limit")
        );
        let both = points.to_owned() + "\"raw: Bye may be typed with a line end\" = 1\n";
        assert!(wrong(&both).contains("both framings"), "{}", wrong(&both));
        assert!(wrong("[points\n").starts_with("line 1: "));
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
