//! What the evidence comes to, in a line.

use serde::Serialize;

use super::Evidence;
use super::fit::Fit;
use super::kinds::Kind;
use super::show;

/// What kind of server it is.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// The verdict, in a sentence.
    pub sentence: String,
    /// The kind that the evidence fits; several where it fits several, and none where it fits none.
    pub kinds: Vec<Kind>,
    /// Those that would look the same if a limit, a fixed number of workers or a lock made them.
    pub unusual: Vec<Kind>,
    /// What would decide between them.
    pub would_decide: Option<String>,
}

impl Verdict {
    /// The verdict on this evidence.
    pub fn of(evidence: &Evidence) -> Self {
        let of_fit = |wanted: &Fit| -> Vec<Kind> {
            Kind::ALL.into_iter().filter(|kind| kind.fit(evidence) == *wanted).collect()
        };
        let (mut kinds, mut unusual) = (of_fit(&Fit::Well), of_fit(&Fit::Unusual));
        if kinds.is_empty() {
            kinds = std::mem::take(&mut unusual);
        }
        let sentence = show::sentence(&kinds, evidence);
        let would_decide = (kinds.len() > 1).then(|| would_decide(evidence));
        Verdict { sentence, kinds, unusual, would_decide }
    }
}

fn would_decide(evidence: &Evidence) -> String {
    let more = match (&evidence.inside, &evidence.turns) {
        (None, None) => {
            "what a connection adds to the server's processes, which were not seen, or answers that are \
             computed (--compute 50ms, where the server knows it)"
        }
        (None, Some(_)) => "what a connection adds to the server's processes, which were not seen",
        (Some(_), _) if evidence.places.is_limit => "what its source says",
        (Some(_), _) => "a greater --at-most, or else what its source says",
    };
    more.to_owned()
}
