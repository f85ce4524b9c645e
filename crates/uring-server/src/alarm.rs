//! The moment at which the loop is to look around, though nothing is done.

use std::time::{Duration, Instant};

use io_uring::types::Timespec;

use crate::ring::{Completion, Lent, Owner, Ring};

/// What the alarm's operation is called. Those of connections have smaller keys.
pub(crate) const ALARM: u64 = 1 << 33;

/// A time-out, which is an operation like any other. One is under way at most.
#[derive(Default)]
pub(crate) struct Alarm {
    under_way: Option<(Lent<Timespec>, Instant)>,
    is_cancelled: bool,
}

impl Alarm {
    /// Sees to it that the loop wakes up by the first of these moments.
    pub(crate) fn set(&mut self, ring: &mut Ring, moments: [Option<Instant>; 2]) {
        let Some(moment) = moments.into_iter().flatten().min() else { return };
        match &self.under_way {
            Some((_, earlier)) if *earlier <= moment => {}
            // The next one is set when it has gone.
            Some(_) if !self.is_cancelled => {
                ring.cancel(ALARM);
                self.is_cancelled = true;
            }
            Some(_) => {}
            None => {
                let rest = moment.saturating_duration_since(Instant::now());
                // A time-out of nothing at all is refused.
                let time = Timespec::from(rest.max(Duration::from_nanos(1)));
                self.under_way = Some((ring.sleep(ALARM, Box::new(time), |time| time), moment));
            }
        }
    }

    /// Takes note that it has gone, or was cancelled.
    pub(crate) fn complete(&mut self, completion: Completion) {
        self.is_cancelled = false;
        if let Some((time, _)) = self.under_way.take() {
            drop(time.take_back(completion));
        }
    }
}

// SAFETY: it shows itself, in the box that is lent.
#[allow(unsafe_code)]
unsafe impl Owner for Timespec {}
