//! What of an output stays the same from run to run, and from machine to machine: its words.

/// Units, which go with the figures: another run may have another one.
const UNITS: [&str; 11] = ["B", "GiB", "KiB", "M", "MiB", "k", "min", "ms", "ns", "s", "µs"];

/// What a page shows where it leaves lines out.
const LEFT_OUT: &str = "...";

/// A word, and the line that it stands in.
type Word<'a> = (&'a str, &'a String);

/// The first line that is shown and did not come, and what came in its place. Where lines are
/// broken makes no difference: that depends on the figures in them.
pub(crate) fn difference(shown: &[String], came: &[String]) -> Option<(String, String)> {
    let (shown, came) = (&without_machine(shown)[..], &without_machine(came)[..]);
    let all = flat(came);
    let mut rest = &all[..];
    let parts: Vec<&[String]> = shown.split(|line| line.trim() == LEFT_OUT).collect();
    for (number, part) in parts.iter().enumerate() {
        let expected = flat(part);
        let begins = |place: &usize| first_other(&expected, &rest[*place..]).is_none();
        let place = match number {
            0 => None,
            // The last one stands at the end, wherever else its words may stand.
            _ if number + 1 == parts.len() => rest.len().checked_sub(expected.len()).filter(begins),
            _ => (0..=rest.len()).find(begins),
        };
        rest = &rest[place.unwrap_or(0)..];
        if let Some(at) = first_other(&expected, rest) {
            return Some((told(expected.get(at)), told(rest.get(at))));
        }
        rest = &rest[expected.len()..];
    }
    let is_open = shown.last().is_some_and(|line| line.trim() == LEFT_OUT);
    (!is_open && !rest.is_empty()).then(|| (told(None), told(rest.first())))
}

/// Whether the same words are shown and came, in whatever order.
pub(crate) fn has_the_same_words(shown: &[String], came: &[String]) -> bool {
    let sorted = |output: &[String]| {
        let mut words: Vec<String> =
            output.iter().flat_map(|line| words(line)).map(str::to_owned).collect();
        words.sort();
        words
    };
    sorted(shown) == sorted(came)
}

/// The output without what it says of the machine: the sentence of its cores, up to the date.
fn without_machine(output: &[String]) -> Vec<String> {
    let mut text = output.join("\n");
    while let Some(cores) = text.find(" cores,").or_else(|| text.find("\ncores,")) {
        let begin = text[..cores].rfind(". ").or_else(|| text[..cores].rfind(".\n"));
        let begin = begin.map_or(0, |begin| begin + 2);
        let end = text[cores..].find('Z').map_or(text.len(), |end| cores + end + 1);
        text.replace_range(begin..end, "");
    }
    text.lines().map(str::to_owned).collect()
}

/// Where the first of the expected words is that is not there.
fn first_other(expected: &[Word<'_>], came: &[Word<'_>]) -> Option<usize> {
    (0..expected.len()).find(|at| came.get(*at).map(|it| it.0) != Some(expected[*at].0))
}

fn told(word: Option<&Word<'_>>) -> String {
    word.map_or_else(|| "(nothing more)".to_owned(), |(_, line)| (*line).clone())
}

/// All words, one after the other.
fn flat(output: &[String]) -> Vec<Word<'_>> {
    output.iter().flat_map(|line| words(line).into_iter().map(move |word| (word, line))).collect()
}

/// The words of a line, without its figures and their units.
fn words(line: &str) -> Vec<&str> {
    let parts = line.split(|it: char| !it.is_alphanumeric());
    let is_word = |part: &&str| !part.is_empty() && !part.contains(|it: char| it.is_numeric());
    parts.filter(is_word).filter(|part| !UNITS.contains(part)).collect()
}
