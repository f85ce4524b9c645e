//! How well the evidence fits each kind.

use super::kinds::Kind;
use super::turns::Turns;
use super::{Evidence, signs};

/// How well the evidence fits a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// As it usually is.
    Well,
    /// Only if something makes it look like another kind: a limit, a fixed number of workers, a lock.
    Unusual,
    /// Not: because of this.
    Not(String),
}

use Fit::{Not, Unusual, Well};

impl Kind {
    /// How well the evidence fits it.
    pub(super) fn fit(self, evidence: &Evidence) -> Fit {
        let inside = evidence.inside.as_ref();
        match self.objection(evidence).or_else(|| signs::against(self, inside?)) {
            Some(objection) => Not(objection),
            None if inside.is_some() || self.is_usual(evidence) => Well,
            None => Unusual,
        }
    }

    /// Whether it shows itself so to clients where it was given no limit but the number of its workers.
    fn is_usual(self, evidence: &Evidence) -> bool {
        let places = &evidence.places;
        match self {
            Kind::Iterative => true,
            Kind::Prefork | Kind::Pool => {
                let takes_turns = evidence.accepts_whom_it_does_not_serve() || places.served > 1;
                places.is_limit && places.frees_places() && takes_turns && !evidence.is_one_by_one()
            }
            Kind::Fork | Kind::Thread => !places.is_limit && !evidence.is_one_by_one(),
            // Many turns at once take as many threads.
            Kind::Loop | Kind::Completions => {
                !places.is_limit && !evidence.turns.as_ref().is_some_and(Turns::is_by_turns)
            }
        }
    }

    /// What clients see that speaks against it.
    fn objection(self, evidence: &Evidence) -> Option<String> {
        let places = &evidence.places;
        match self {
            Kind::Iterative if places.served > 1 => {
                Some(format!("{} were served at once", places.served))
            }
            Kind::Iterative | Kind::Prefork if evidence.accepts_whom_it_does_not_serve() => {
                Some("it accepts clients whom it does not serve yet".to_owned())
            }
            Kind::Iterative if evidence.queues > Some(1) => {
                Some("several sockets listen at its address".to_owned())
            }
            Kind::Pool
                if places.is_one_at_a_time() && !evidence.accepts_whom_it_does_not_serve() =>
            {
                Some("one thread that accepts for itself is an iterative server".to_owned())
            }
            _ => None,
        }
    }
}

impl Evidence {
    /// Whether clients that computed were served one after the other, though connected at once.
    pub(super) fn is_one_by_one(&self) -> bool {
        let is_so = |it: &Turns| it.is_work() && it.one_by_one && it.clients >= 4;
        self.turns.as_ref().is_some_and(is_so)
    }

    /// Whether those who were frozen had been accepted.
    pub(super) fn accepts_whom_it_does_not_serve(&self) -> bool {
        let beyond = self.places.beyond.as_ref();
        beyond.and_then(|it| it.accepted).is_some_and(|(accepted, of)| 2 * accepted > of)
    }
}
