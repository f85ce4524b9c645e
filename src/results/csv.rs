//! Rows as comma-separated values (RFC 4180), a line for each round: pandas, R and spreadsheets read them.

use super::Row;

/// The rows, below a line with the names of the columns. Each axis is a column, empty in rows that do not
/// have it.
pub fn csv(experiment: &str, rows: &[Row]) -> String {
    let mut axes: Vec<&str> = Vec::new();
    for (axis, _) in rows.iter().flat_map(|row| row.at.coordinates()) {
        if !axes.contains(&axis) {
            axes.push(axis);
        }
    }
    let heading = ["experiment"].into_iter().chain(axes.iter().copied());
    let mut lines = vec![line(heading.chain(["figure", "unit", "round", "value"]))];
    for row in rows {
        let place = |axis: &&str| row.at.get(axis).map(ToString::to_string).unwrap_or_default();
        let place: Vec<String> = axes.iter().map(place).collect();
        for (round, value) in (1..).zip(row.rounds.rounds()) {
            let (round, value) = (u32::to_string(&round), value.to_string());
            let place = place.iter().map(String::as_str);
            let figure = [row.figure.as_str(), &row.unit, &round, &value];
            lines.push(line([experiment].into_iter().chain(place).chain(figure)));
        }
    }
    lines.concat()
}

fn line<'a>(fields: impl Iterator<Item = &'a str>) -> String {
    fields.map(field).collect::<Vec<_>>().join(",") + "\n"
}

/// A field, in quotes where it would be taken for several.
fn field(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Place, Results};
    use super::*;

    #[test]
    fn each_round_is_a_line_and_each_axis_a_column() {
        let mut results = Results::default();
        let place = Place::of("pool, at most 12").with("clients", 4_usize);
        results.add_round(&place, "rate", "per second", 3.0);
        results.add_round(&place, "rate", "per second", 1.5);
        results.add_once(&Place::of("a\"b"), "size", "bytes", 7.0);
        let expected = "experiment,server,clients,figure,unit,round,value\n\
            scale,\"pool, at most 12\",4,rate,per second,1,3\n\
            scale,\"pool, at most 12\",4,rate,per second,2,1.5\n\
            scale,\"a\"\"b\",,size,bytes,1,7\n";
        assert_eq!(csv("scale", &results.rows), expected);
    }
}
