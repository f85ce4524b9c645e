//! A preprocessor of mdBook's. A listing that was cut out of an `impl` or a function loses the
//! indentation that it had there, and a picture gets a frame, in which it can be moved where the
//! window is too narrow for its letters.
//!
//! mdBook calls it as `book.toml` says: with `supports RENDERER`, which it affirms by its status, and then
//! with `[context, book]` as JSON on its standard input, for which it prints the book.

use std::io;
use std::process::ExitCode;

use serde_json::Value;

fn main() -> ExitCode {
    if std::env::args().nth(1).is_some_and(|word| word == "supports") {
        return ExitCode::SUCCESS;
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("typeset: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> serde_json::Result<()> {
    let (_context, mut book): (Value, Value) = serde_json::from_reader(io::stdin().lock())?;
    typeset(&mut book);
    serde_json::to_writer(io::stdout().lock(), &book)
}

/// Every chapter, however deep it stands: it is what has a `content`.
fn typeset(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(text)) = fields.get_mut("content") {
                *text = frame_pictures(&dedent_listings(text));
            }
            fields.values_mut().for_each(typeset);
        }
        Value::Array(items) => items.iter_mut().for_each(typeset),
        _ => {}
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
        super::typeset(&mut book);
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
