//! Numbers as people read them.

use super::Sample;

/// What stands where nothing was measured, or too little.
pub const NOTHING: &str = "-";

/// A number in three significant digits: `1.25`, `12.5`, `125`, `12.5k`.
pub fn short(value: f64) -> String {
    let (value, unit) = match value.abs() {
        size if size >= 999_500.0 => (value / 1e6, "M"),
        size if size >= 999.5 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let digits = match value.abs() {
        size if value == value.trunc() && unit.is_empty() || size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.digits$}{unit}")
}

/// A number, if there is one.
pub fn short_or_nothing(value: Option<f64>) -> String {
    value.map_or(NOTHING.to_owned(), short)
}

/// A median with its spread, such as `12.5k ±3%`; one round has none.
pub fn with_spread(sample: &Sample, unit: f64) -> String {
    match sample.count() {
        0 => return NOTHING.to_owned(),
        1 => return short(sample.median() / unit),
        _ => {}
    }
    let spread = match sample.spread_percent() {
        spread if spread > 99.0 => ">99".to_owned(),
        spread => format!("{spread:.0}"),
    };
    format!("{} ±{spread}%", short(sample.median() / unit))
}

/// What was counted: one number if all rounds agree, else the least and the most.
pub fn counted(sample: &Sample) -> String {
    match sample.range() {
        None => NOTHING.to_owned(),
        Some((least, most)) if least == most => format!("{least:.0}"),
        Some((least, most)) => format!("{least:.0}-{most:.0}"),
    }
}

/// Names as a sentence lists them: `one`, `one and two`, `one, two and three`.
pub fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// The medians of several, as a sentence gives them: `12.5k`, or `12.5k to 13.1k`.
pub fn range_of(medians: &[(&str, f64)], shown: impl Fn(f64) -> String) -> String {
    let values = medians.iter().map(|(_, median)| *median);
    let least = values.clone().reduce(f64::min).map(&shown).unwrap_or_default();
    let most = values.reduce(f64::max).map(&shown).unwrap_or_default();
    if least == most { least } else { format!("{least} to {most}") }
}

/// A time that is given in microseconds, in the unit that suits it: `27.4 µs`, `8.75 ms`, `1.2 s`.
pub fn time(microseconds: f64) -> String {
    let (value, unit) = match microseconds.abs() {
        ..999.5 => (microseconds, "µs"),
        999.5..999.5e3 => (microseconds / 1e3, "ms"),
        _ => (microseconds / 1e6, "s"),
    };
    format!("{} {unit}", short(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits_and_no_more() {
        let written =
            [0.0, 0.512, -1.234, 9.999, 12.34, 99.97, 123.4, 999.7, 12_345.0, 1_234_567.0];
        let expected =
            ["0", "0.51", "-1.23", "10.0", "12.3", "100", "123", "1.00k", "12.3k", "1.23M"];
        assert_eq!(written.map(short), expected);
    }

    #[test]
    fn times_have_the_unit_that_suits_them() {
        let written = [27.4, 999.7, 8750.0, 999_700.0, 1.2e6].map(time);
        assert_eq!(written, ["27.4 µs", "1.00 ms", "8.75 ms", "1.00 s", "1.20 s"]);
    }

    #[test]
    fn names_and_medians_are_listed_as_in_a_sentence() {
        assert_eq!(
            [&["a"][..], &["a", "b"], &["a", "b", "c"]].map(listed),
            ["a", "a and b", "a, b and c"]
        );
        assert_eq!(range_of(&[("a", 2.0)], short), "2");
        assert_eq!(range_of(&[("a", 1500.0), ("b", 2.5)], short), "2.50 to 1.50k");
    }

    #[test]
    fn what_is_counted_is_not_rounded() {
        let counted = |rounds: &[f64]| counted(&rounds.to_vec().into());
        assert_eq!(counted(&[1024.0, 1024.0]), "1024");
        assert_eq!(counted(&[811.0, 1024.0]), "811-1024");
        assert_eq!(counted(&[]), "-");
    }
}
