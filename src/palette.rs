//! One colour a model, in every plot: those of M. Okabe and K. Ito, which most of the colour-blind
//! can tell apart, on light and on dark ground.

/// The colours of the text, the lines and the ground are the page's own: these variables of its
/// style sheet.
pub const INK: &str = "var(--ink, #222)";

/// Lines that shall not stand out.
pub const FAINT: &str = "var(--faint, #bbb)";

/// A model's colour, as red, green and blue.
pub fn colour(model: &str) -> (u8, u8, u8) {
    match model {
        "iterative" => (0x8c, 0x8c, 0x8c),
        "fork" => (0xd5, 0x5e, 0x00),
        "thread" => (0x2a, 0x88, 0xd8),
        "pool" => (0x00, 0x9e, 0x73),
        "async" => (0xe0, 0x9a, 0x00),
        _ => (0xcc, 0x79, 0xa7),
    }
}

/// The same as SVG spells it.
pub fn hex(model: &str) -> String {
    let (red, green, blue) = colour(model);
    format!("#{red:02x}{green:02x}{blue:02x}")
}
