//! A preprocessor of mdBook's. A listing that was cut out of an `impl` or a function loses the
//! indentation that it had there, and a picture gets a frame, in which it can be moved where the
//! window is too narrow for its letters.
//!
//! mdBook calls it as `book.toml` says: with `supports RENDERER`, which it affirms by its status, and then
//! with `[context, book]` as JSON on its standard input, for which it prints the book. It is called twice:
//! with `sections`, before files are included, it fills in the sheets of the handouts.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;

mod sections;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "supports") {
        return ExitCode::SUCCESS;
    }
    match run(words.iter().any(|word| word == "sections")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("typeset: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(before_inclusion: bool) -> io::Result<()> {
    let (context, mut book): (Value, Value) = serde_json::from_reader(io::stdin().lock())?;
    match before_inclusion {
        true => {
            let root = context["root"].as_str().unwrap_or(".");
            let src = Path::new(root).join("src");
            each_chapter(&mut book, &|text| sections::fill_in(text, &src))?;
        }
        false => typeset(&mut book)?,
    }
    serde_json::to_writer(io::stdout().lock(), &book)?;
    Ok(())
}

fn typeset(book: &mut Value) -> io::Result<()> {
    each_chapter(book, &|text| Ok(frame_pictures(&dedent_listings(text))))
}

/// Changes the text of every chapter, however deep it stands: it is what has a `content`.
fn each_chapter(value: &mut Value, change: &impl Fn(&str) -> io::Result<String>) -> io::Result<()> {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(text)) = fields.get_mut("content") {
                *text = change(text)?;
            }
            fields.values_mut().try_for_each(|it| each_chapter(it, change))
        }
        Value::Array(items) => items.iter_mut().try_for_each(|it| each_chapter(it, change)),
        _ => Ok(()),
    }
}

/// The text with each of its blocks of Rust code moved to the left.
fn dedent_listings(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = rest.split_once("```rust\n") {
        let (listing, after) = from.split_once("\n```").unwrap_or((from, ""));
        out += &format!("{before}```rust\n{}\n```", dedent(listing));
        rest = after;
    }
    out + rest
}

/// Takes from each line what all lines have in common at their beginning.
fn dedent(listing: &str) -> String {
    let indentation = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let lines = listing.lines().filter(|line| !line.trim().is_empty());
    let common = lines.map(indentation).min().unwrap_or(0);
    let lines = listing.lines().map(|line| line.get(common..).unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// The text with a frame around each picture that stands in it.
fn frame_pictures(text: &str) -> String {
    let framed = text.replace("<svg ", "<div class=\"picture\"><svg ");
    framed.replace("</svg>", "</svg></div>")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn a_listing_moves_to_the_left_and_nothing_else_does() {
        let text = "    text\n\n```rust\n    if so {\n\n        that();\n    }\n```\n\n    more\n";
        let mut book = json!({ "items": [{ "Chapter": { "content": text } }] });
        super::typeset(&mut book).unwrap();
        let content = &book["items"][0]["Chapter"]["content"];
        let expected = "    text\n\n```rust\nif so {\n\n    that();\n}\n```\n\n    more\n";
        assert_eq!(content, expected);
    }

    #[test]
    fn a_picture_gets_a_frame() {
        let framed = super::frame_pictures("<svg role=\"img\">\n</svg>\n");
        assert_eq!(framed, "<div class=\"picture\"><svg role=\"img\">\n</svg></div>\n");
    }
}
