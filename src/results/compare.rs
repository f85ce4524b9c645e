//! Two results of the same experiment, joined by place and figure.

use super::{Row, Sample};

/// How rarely chance alone may call a figure different, so that it is judged at all.
const RISK: f64 = 0.05;

/// What two results have in common.
#[derive(Clone, Debug, Default)]
pub struct Comparison<'a> {
    /// The figures that both have, in the order of the first.
    pub pairs: Vec<Pair<'a>>,
    /// How many figures only one of them has.
    pub unmatched: usize,
}

/// A figure that both results have.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// The first result's.
    pub a: &'a Row,
    /// The second one's.
    pub b: &'a Row,
    /// Whether they differ.
    pub verdict: Verdict,
}

/// Whether a figure of two results differs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// All rounds of one are above all rounds of the other.
    Differs,
    /// The rounds overlap.
    Overlaps,
    /// There are too few rounds: chance would separate them too often.
    TooFew,
}

/// Joins two results.
pub fn compare<'a>(a: &'a [Row], b: &'a [Row]) -> Comparison<'a> {
    let pair = |of_a: &'a Row| {
        let of_b = b.iter().find(|of_b| of_a.is_of_the_same(of_b))?;
        Some(Pair { a: of_a, b: of_b, verdict: verdict(&of_a.rounds, &of_b.rounds) })
    };
    let alone = |rows: &[Row], others: &[Row]| {
        let is_alone = |row: &&Row| !others.iter().any(|other| row.is_of_the_same(other));
        rows.iter().filter(is_alone).count()
    };
    Comparison { pairs: a.iter().filter_map(pair).collect(), unmatched: alone(a, b) + alone(b, a) }
}

impl Comparison<'_> {
    /// How many figures have rounds enough to be judged.
    pub fn judged(&self) -> usize {
        self.pairs.iter().filter(|it| it.verdict != Verdict::TooFew).count()
    }

    /// How many figures differ.
    pub fn different(&self) -> usize {
        self.pairs.iter().filter(|it| it.verdict == Verdict::Differs).count()
    }

    /// How many would differ by chance alone, on average, if nothing had changed.
    pub fn by_chance(&self) -> f64 {
        let judged = self.pairs.iter().filter(|it| it.verdict != Verdict::TooFew);
        judged.map(|it| risk(it.a.rounds.count(), it.b.rounds.count())).sum()
    }
}

fn verdict(a: &Sample, b: &Sample) -> Verdict {
    match (a.range(), b.range()) {
        _ if risk(a.count(), b.count()) > RISK => Verdict::TooFew,
        (Some((least, most)), Some((other_least, other_most)))
            if least > other_most || other_least > most =>
        {
            Verdict::Differs
        }
        _ => Verdict::Overlaps,
    }
}

/// The probability that chance alone separates `a` and `b` rounds of the same figure. The `a + b` rounds can stand
/// in many orders; in two of them, all rounds of one result come before all rounds of the other.
fn risk(a: usize, b: usize) -> f64 {
    let orders = (1..=b).fold(1.0, |orders, n| orders * (a + n) as f64 / n as f64);
    2.0 / orders
}

#[cfg(test)]
mod tests {
    use super::super::{Place, Results};
    use super::*;

    #[test]
    fn chance_separates_few_rounds_often() {
        assert!((risk(2, 2) - 1.0 / 3.0).abs() < 1e-9);
        assert!((risk(3, 3) - 0.1).abs() < 1e-9);
        assert!((risk(4, 4) - 2.0 / 70.0).abs() < 1e-9);
    }

    #[test]
    fn rounds_that_overlap_do_not_differ_and_few_are_not_judged() {
        let verdict = |a: &[f64], b: &[f64]| verdict(&a.to_vec().into(), &b.to_vec().into());
        let low = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(verdict(&low, &[5.0, 6.0, 7.0, 8.0]), Verdict::Differs);
        assert_eq!(verdict(&[5.0, 6.0, 7.0, 8.0], &low), Verdict::Differs);
        assert_eq!(verdict(&low, &[4.0, 5.0, 6.0, 7.0]), Verdict::Overlaps);
        assert_eq!(verdict(&[1.0, 2.0, 3.0], &[5.0, 6.0, 7.0]), Verdict::TooFew);
        assert_eq!(verdict(&[1.0], &[2.0]), Verdict::TooFew);
    }

    #[test]
    fn figures_are_joined_by_all_their_coordinates() {
        let row = |share: usize, value: f64| {
            let mut results = Results::default();
            let place = Place::of("fork").with("computing_percent", share);
            (0..4).for_each(|_| results.add_round(&place, "rate", "per second", value));
            results.rows.remove(0)
        };
        let (a, b) = ([row(0, 1.0), row(50, 2.0)], [row(50, 2.0), row(100, 3.0)]);
        let both = compare(&a, &b);
        assert_eq!((both.pairs.len(), both.unmatched), (1, 2));
        assert_eq!(both.pairs[0].a, both.pairs[0].b);
        let twice = compare(&[row(0, 1.0), row(0, 1.0)], &a).unmatched;
        assert_eq!(twice, 1, "a file may have a figure twice");
        let itself = compare(&a, &a);
        assert_eq!((itself.judged(), itself.different(), itself.unmatched), (2, 0, 0));
    }
}
