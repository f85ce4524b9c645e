//! `{{#section FILE HEADING}}`: the section of another page under that heading, without what is folded
//! up there, such as the answers to its questions. Sheets of paper are made of these.

use std::fs;
use std::io;
use std::path::Path;

const BEGIN: &str = "{{#section ";

/// The text with these lines replaced. Files are looked for in `src`.
///
/// # Errors
///
/// When there is no such file, or no such heading in it.
pub(crate) fn fill_in(text: &str, src: &Path) -> io::Result<String> {
    let line = |line: &str| match line.strip_prefix(BEGIN).and_then(|it| it.strip_suffix("}}")) {
        Some(what) => section(what, src),
        None => Ok(line.to_owned()),
    };
    let lines: Vec<String> = text.lines().map(line).collect::<io::Result<_>>()?;
    Ok(lines.join("\n") + "\n")
}

fn section(what: &str, src: &Path) -> io::Result<String> {
    let missing = || io::Error::other(format!("there is no section {what:?}"));
    let (file, heading) = what.split_once(' ').ok_or_else(missing)?;
    let text = fs::read_to_string(src.join(file))?;
    let (_, from) = text.split_once(&format!("\n## {heading}\n")).ok_or_else(missing)?;
    let section = from.split_once("\n## ").map_or(from, |(section, _)| section);
    Ok(unfolded(section).trim().to_owned())
}

/// The text without what is folded up.
fn unfolded(text: &str) -> String {
    let mut parts = text.split("<details");
    let first = parts.next().unwrap_or_default().to_owned();
    let behind = |part: &str| part.split_once("</details>").map(|(_, text)| text.to_owned());
    first + &parts.filter_map(behind).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_comes_without_its_answers_and_a_missing_one_is_an_error() {
        let folder = std::env::temp_dir().join(format!("sections-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let page = "# Page\n\n## One\n\n1. Why?\n\n<details>\n\nBecause.\n\n</details>\n\n2. How?\n\n## Two\n";
        fs::write(folder.join("page.md"), page).unwrap();
        let filled = fill_in("# Sheet\n{{#section page.md One}}\nend", &folder);
        let missing = fill_in("{{#section page.md Three}}", &folder);
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(filled.unwrap(), "# Sheet\n1. Why?\n\n\n\n2. How?\nend\n");
        assert!(missing.unwrap_err().to_string().contains("Three"));
    }
}
