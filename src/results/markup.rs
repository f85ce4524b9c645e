//! Text in HTML, SVG and XML.

/// The text as it may stand in an element or in a quoted attribute. What XML cannot contain at all (most
/// control characters: section 2.2 of XML 1.0) becomes U+FFFD.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\t' | '\n' | '\r' => out.push(character),
            '\0'..' ' | '\u{fffe}' | '\u{ffff}' => out.push(char::REPLACEMENT_CHARACTER),
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_end_its_element_or_its_attribute() {
        assert_eq!(escaped(r#"<a href="x">&</a>"#), "&lt;a href=&quot;x&quot;&gt;&amp;&lt;/a&gt;");
        assert_eq!(escaped("第\n\0\u{1b}[1m"), "第\n\u{fffd}\u{fffd}[1m");
    }
}
