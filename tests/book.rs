//! What the book shows is what there is: its code, its output, its figures and its links.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use lab::models::MODELS;
use lab::recording::{Recording, What};

/// The headings of each model's chapter, in this order.
const HEADINGS: [&str; 10] = [
    "You will be able to",
    "Predict first",
    "Mechanism",
    "The bare server",
    "What kills it",
    "The server",
    "Run it",
    "Cost per connection",
    "When one fails",
    "Shutting down",
];
/// And these, behind them.
const LAST_HEADINGS: [&str; 4] =
    ["When to choose it", "The tempting bug", "Questions", "For the instructor"];

/// The most lines that a bare server has, its head and its imports included.
const LONGEST_PAGE: usize = 29;

/// The same where it does by hand what others leave to threads or to a runtime.
const BY_HAND: [(&str, usize); 2] = [("event-server", 69), ("uring-server", 109)];

/// The most lines that a piece of code may have, to be read on a projector.
const LONGEST_PIECE: usize = 21;

fn book() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("book/src")
}

/// Every chapter: its name and its text.
fn chapters() -> Vec<(String, String)> {
    let files = fs::read_dir(book()).unwrap().map(|entry| entry.unwrap().path());
    let chapters = files.filter(|path| path.extension().is_some_and(|it| it == "md"));
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut chapters: Vec<_> =
        chapters.map(|path| (name(&path), fs::read_to_string(&path).unwrap())).collect();
    chapters.sort();
    assert!(chapters.len() > 3, "{} chapters", chapters.len());
    chapters
}

/// A block of code: where it is, what it is said to be, and its lines.
struct Block {
    place: String,
    language: String,
    lines: Vec<String>,
}

fn blocks() -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for (chapter, text) in chapters() {
        let mut open = false;
        for (number, line) in text.lines().enumerate() {
            if let Some(language) = line.trim_start().strip_prefix("```") {
                open = !open;
                if open {
                    let (place, language) =
                        (format!("{chapter}:{}", number + 1), language.to_owned());
                    blocks.push(Block { place, language, lines: Vec::new() });
                }
            } else if open {
                blocks.last_mut().unwrap().lines.push(line.to_owned());
            }
        }
        assert!(!open, "{chapter}: a block of code does not end");
    }
    blocks
}

/// What a line includes: a file relative to the book, and an anchor in it.
fn include(line: &str) -> Option<(PathBuf, Option<String>)> {
    let inside = line.trim().strip_prefix("{{#include ")?.strip_suffix("}}")?;
    let (file, anchor) = match inside.split_once(':') {
        Some((file, anchor)) => (file, Some(anchor.to_owned())),
        None => (inside, None),
    };
    Some((book().join(file), anchor))
}

/// The lines between an anchor and its end.
fn piece(file: &Path, anchor: &str) -> Vec<String> {
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let lines: Vec<&str> = text.lines().collect();
    let place = |mark: String| {
        let places: Vec<usize> =
            (0..lines.len()).filter(|line| lines[*line].trim() == mark).collect();
        assert_eq!(
            places.len(),
            1,
            "{}: {mark:?} stands there {} times",
            file.display(),
            places.len()
        );
        places[0]
    };
    let (begin, end) =
        (place(format!("// ANCHOR: {anchor}")), place(format!("// ANCHOR_END: {anchor}")));
    let inner = lines[begin + 1..end].iter().filter(|line| !line.contains("// ANCHOR"));
    inner.map(|line| (*line).to_owned()).collect()
}

fn longest_bare(file: &Path) -> usize {
    let by_hand = BY_HAND.iter().find(|(name, _)| file.to_string_lossy().contains(name));
    by_hand.map_or(LONGEST_PAGE, |(_, longest)| *longest)
}

/// How many lines a bare server has. No other kind of file is shown whole.
fn bare(place: &str, file: &Path) -> usize {
    let is_bare = file.ends_with("src/bare.rs") || file.ends_with("src/bare_accept.rs");
    assert!(is_bare, "{place}: a whole file");
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{place}: {error}")).lines().count()
}

#[test]
fn code_comes_from_anchors_in_compiled_files_in_pieces_that_fit_a_projector() {
    let rust = blocks().into_iter().filter(|block| block.language.starts_with("rust"));
    let mut count = 0;
    for Block { place, language, lines } in rust {
        assert_eq!(language, "rust", "{place}: a block that is not compiled as it stands");
        assert_eq!(lines.len(), 1, "{place}: code that was typed by hand");
        let (file, anchor) = include(&lines[0]).unwrap_or_else(|| panic!("{place}: typed by hand"));
        let (length, longest) = match anchor {
            Some(anchor) => {
                let piece = piece(&file, &anchor);
                assert!(is_whole(&piece), "{place}: a block that is cut in its middle");
                (piece.len(), LONGEST_PIECE)
            }
            None => (bare(&place, &file), longest_bare(&file)),
        };
        assert!((1..=longest).contains(&length), "{place}: {length} lines");
        count += 1;
    }
    assert!(count > 0, "the book shows no code");
}

/// Whether each bracket that opens in a piece closes in it, and no line stands left of the first.
fn is_whole(piece: &[String]) -> bool {
    let text = piece.join("\n");
    let count = |bracket: char| text.matches(bracket).count();
    let indentation = |line: &String| line.len() - line.trim_start().len();
    let lines = piece.iter().filter(|line| !line.trim().is_empty());
    [('{', '}'), ('(', ')'), ('[', ']')].iter().all(|(open, close)| count(*open) == count(*close))
        && lines.clone().map(indentation).min() == lines.map(indentation).next()
}

#[test]
fn output_comes_from_files_that_begin_with_the_command_that_made_them() {
    for Block { place, language, lines } in blocks() {
        match language.as_str() {
            // Commands to type, or output that a command made.
            "console" => match include(&lines[0]) {
                Some((file, _)) => {
                    let text = fs::read_to_string(&file).unwrap_or_default();
                    assert!(text.starts_with("$ "), "{place}: {} names no command", file.display());
                }
                None => {
                    let typed = lines.iter().find(|line| !line.starts_with("$ "));
                    assert_eq!(typed, None, "{place}: output that was typed by hand");
                }
            },
            "rust" | "text" | "python" => {}
            language => panic!("{place}: the language {language:?}"),
        }
    }
}

/// Whether this text, table or recording of a chapter's figures says what it was measured on.
fn has_source(file: &Path) -> bool {
    let says = |how| fs::read_to_string(file).is_ok_and(|text| text.contains(how));
    match file.extension().and_then(OsStr::to_str) {
        Some("md") => says("`cargo run --release"),
        Some("jsonl") => says("\"command\":\"cargo run --release"),
        _ => false,
    }
}

#[test]
fn figures_say_what_they_were_measured_on() {
    for (chapter, text) in chapters() {
        let included = text.lines().filter_map(|line| include(line)?.1.is_none().then_some(line));
        let files = included.filter_map(|line| Some(include(line)?.0));
        let figures: Vec<_> = files.filter(|it| it.starts_with(book().join("figures"))).collect();
        for figure in &figures {
            // The pictures, the tables and the words of a part have its name, and one of them tells.
            let name = figure.file_stem().unwrap().to_str().unwrap();
            let part = name.trim_end_matches(|it: char| it.is_ascii_digit()).trim_end_matches('-');
            let is_of_it =
                |file: &&PathBuf| file.file_stem().unwrap().to_str().unwrap().starts_with(part);
            let is_told = figures.iter().filter(is_of_it).any(|file| has_source(file));
            assert!(is_told, "{chapter}: {name} has no source");
        }
        assert!(!text.contains("±"), "{chapter}: a figure that was typed by hand");
    }
}

/// How large the recordings of all pages may be together, and what plays them.
const RECORDINGS: usize = 400_000;
const PLAYER: usize = 60_000;

#[test]
fn recordings_can_be_played_and_are_small() {
    let mut size = 0;
    for (chapter, text) in chapters() {
        let included = text.lines().filter_map(|line| Some(include(line)?.0));
        for file in included.filter(|it| it.extension().is_some_and(|it| it == "jsonl")) {
            let text = fs::read_to_string(&file).unwrap();
            // It stands in an element of the page.
            assert!(!text.contains('<'), "{chapter}: {}", file.display());
            let recording = Recording::parse(&text).unwrap();
            let servers = recording.head.servers;
            assert!(servers.iter().all(|it| recording.events.iter().any(|e| e.server == it.name)));
            // Nothing happens to a client behind its end.
            let mut ended = BTreeSet::new();
            for event in recording.events.iter().filter(|it| it.client.is_some()) {
                let client = (&event.server, event.client);
                assert!(!ended.contains(&client), "{}: {event:?}", file.display());
                if matches!(event.what, What::Ended { .. } | What::Died { .. } | What::Refused) {
                    ended.insert(client);
                }
            }
            size += text.len();
        }
    }
    assert!((1..=RECORDINGS).contains(&size), "{size} bytes");
}

#[test]
fn the_player_is_small_and_loads_nothing_from_elsewhere() {
    let read = |name| fs::read_to_string(book().join("../player").join(name)).unwrap();
    let [script, style] = ["player.js", "player.css"].map(read);
    assert!(script.len() + style.len() <= PLAYER);
    for text in [script, style] {
        for way in ["http", "//www", "import", "fetch", "url(", "innerHTML"] {
            assert!(!text.contains(way), "{way}");
        }
    }
}

#[test]
fn no_figure_is_made_that_no_page_shows() {
    let pages: String = chapters().into_iter().map(|(_, text)| text).collect();
    for entry in fs::read_dir(book().join("figures")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_shown = pages.contains(&format!("figures/{name}}}}}"));
        assert!(is_shown, "figures/{name} is in no page");
    }
}

#[test]
fn every_picture_has_words_for_those_who_cannot_see_it() {
    for directory in ["figures", "drawings"] {
        let files = fs::read_dir(book().join(directory)).unwrap().map(|it| it.unwrap().path());
        for file in files.filter(|it| it.extension().is_some_and(|it| it == "svg")) {
            let svg = fs::read_to_string(&file).unwrap();
            let title = svg.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next());
            assert!(title.is_some_and(|title| title.len() > 3), "{}", file.display());
            // A blank line would end the picture in the middle of a page.
            assert!(!svg.contains("\n\n") && !svg.contains("<style"), "{}", file.display());
        }
    }
}

/// The targets of the links of a text.
fn links(text: &str) -> Vec<&str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect()
}

/// The names by which the headings of a chapter can be linked to.
fn fragments(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter_map(|line| line.strip_prefix('#'));
    let name = |heading: &str| {
        let heading = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        heading.chars().filter(|it| it.is_alphanumeric() || "-_".contains(*it)).collect()
    };
    headings.map(name).collect()
}

#[test]
fn every_link_within_the_book_leads_somewhere() {
    for (chapter, text) in chapters() {
        for link in links(&text).into_iter().filter(|link| !link.contains("://")) {
            let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { chapter.as_str() } else { file };
            let target = fs::read_to_string(book().join(target));
            let target = target.unwrap_or_else(|error| panic!("{chapter}: {link}: {error}"));
            let found = fragment.is_empty() || fragments(&target).contains(fragment);
            assert!(found, "{chapter}: {link}: no such heading");
        }
    }
}

#[test]
fn every_chapter_is_in_the_summary() {
    let summary = fs::read_to_string(book().join("SUMMARY.md")).unwrap();
    let listed: BTreeSet<&str> = links(&summary).into_iter().collect();
    let chapters = chapters();
    let there = chapters.iter().map(|(name, _)| name.as_str()).filter(|name| *name != "SUMMARY.md");
    assert_eq!(listed, there.collect::<BTreeSet<_>>());
}

#[test]
fn each_model_s_chapter_has_the_same_headings() {
    for model in MODELS.iter().map(|entry| entry.model.name) {
        let text = fs::read_to_string(book().join(format!("{model}.md"))).unwrap();
        let headings = text.lines().filter_map(|line| line.strip_prefix("## "));
        let expected: Vec<&str> = HEADINGS.into_iter().chain(LAST_HEADINGS).collect();
        assert_eq!(headings.collect::<Vec<_>>(), expected, "{model}");
        let questions = text.matches("<summary>Answer").count();
        assert!(questions >= 3, "{model}: {questions} questions");
    }
}

#[test]
fn the_readme_shows_the_diff_that_the_book_shows() {
    let diff = fs::read_to_string(book().join("outputs/diff-thread-fork.txt")).unwrap();
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).unwrap();
    assert!(
        readme.contains(&format!("```console\n{diff}```")),
        "renew it: cargo run -p sessions -- --write"
    );
    assert!(diff.lines().count() <= 25, "it fits on a slide");
}

#[test]
fn the_diff_of_two_pages_is_that_of_the_pages() {
    let bare = |model: &str| format!("crates/{model}-server/src/bare.rs");
    let diff = std::process::Command::new("diff").args(["thread", "fork"].map(bare)).output();
    let diff = String::from_utf8(diff.unwrap().stdout).unwrap();
    let shown = fs::read_to_string(book().join("outputs/diff-thread-fork.txt")).unwrap();
    assert_eq!(shown.split_once('\n').map(|(_, shown)| shown), Some(diff.as_str()));
}
