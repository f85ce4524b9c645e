//! Who is connected: the places of a load's simultaneous connections, filled, to be filled, at rest.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::connection::Connection;

/// How many handshakes of a load are under way at a time: well below the backlog of any server that has one.
pub(super) const MOST_OPENING: usize = 100;

/// How long the place of a failed connection stays empty, so that a server that refuses every
/// connection is not asked as fast as it can refuse.
const PAUSE: Duration = Duration::from_millis(100);

/// One place for each of the simultaneous connections.
pub(super) struct Places {
    connections: Vec<Option<Connection>>,
    /// Whether a connection is opened only when there is a message for it.
    on_demand: bool,
    /// The places to fill now.
    to_open: VecDeque<usize>,
    /// The places that are to be filled later, such as those of connections that failed, the soonest first.
    to_open_later: VecDeque<(Instant, usize)>,
    /// In an open loop: places that wait for a message to be due, each in its turn.
    idle: VecDeque<usize>,
    opening: usize,
    /// How many handshakes may be under way here at a time.
    most_opening: usize,
    /// How many places are in use, filled or to be filled.
    in_use: usize,
    /// How many connections were begun, or are to be.
    begun: u64,
    /// How many connections there are to be in all.
    all: u64,
}

impl Places {
    /// `count` places, all to be filled, by `all` connections in turn: at once, or one after the other
    /// during `ramp`.
    pub(super) fn new(
        count: usize,
        all: u64,
        on_demand: bool,
        most_opening: usize,
        (start, ramp): (Instant, Duration),
    ) -> Self {
        let mut places = Places {
            connections: (0..count).map(|_| None).collect(),
            on_demand,
            to_open: VecDeque::new(),
            to_open_later: VecDeque::new(),
            idle: VecDeque::new(),
            opening: 0,
            most_opening,
            in_use: count,
            begun: 0,
            all,
        };
        for number in 0..count {
            places.begun += 1;
            places.fill_at(start + ramp.mul_f64(number as f64 / count as f64), number);
        }
        places
    }

    /// Puts an empty place to use, then.
    fn fill_at(&mut self, time: Instant, number: usize) {
        let place = self.to_open_later.partition_point(|(earlier, _)| *earlier <= time);
        self.to_open_later.insert(place, (time, number));
    }

    pub(super) fn count(&self) -> usize {
        self.connections.len()
    }

    pub(super) fn in_use(&self) -> bool {
        self.in_use > 0
    }

    pub(super) fn get(&mut self, number: usize) -> Option<&mut Connection> {
        self.connections[number].as_mut()
    }

    pub(super) fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.connections.iter().flatten()
    }

    /// Puts an empty place to use: a connection is opened now, or, where an open loop gives each
    /// connection a few messages only, when a message is due, so that its latency has the
    /// connection's start in it.
    fn fill(&mut self, number: usize) {
        self.begun += 1;
        self.refill(number);
    }

    fn refill(&mut self, number: usize) {
        let queue = if self.on_demand { &mut self.idle } else { &mut self.to_open };
        queue.push_back(number);
    }

    /// The next place to open a connection in now, if there is one.
    pub(super) fn next_to_open(&mut self, now: Instant) -> Option<usize> {
        while self.to_open_later.front().is_some_and(|(time, _)| *time <= now) {
            if let Some((_, number)) = self.to_open_later.pop_front() {
                self.refill(number);
            }
        }
        if self.opening < self.most_opening { self.to_open.pop_front() } else { None }
    }

    /// When the next place is to be opened that waits for that.
    pub(super) fn next_opening(&self) -> Option<Instant> {
        self.to_open_later.front().map(|(time, _)| *time)
    }

    /// Takes a connection in, whose handshake is under way.
    pub(super) fn enter(&mut self, number: usize, connection: Connection) {
        self.connections[number] = Some(connection);
        self.opening += 1;
    }

    /// The handshake of a connection is over.
    pub(super) fn established(&mut self) {
        self.opening -= 1;
    }

    /// Takes `time` out of all that its connections wait for.
    pub(super) fn put_off(&mut self, time: Duration) {
        self.connections.iter_mut().flatten().for_each(|connection| connection.put_off(time));
        self.to_open_later.iter_mut().for_each(|(moment, _)| *moment += time);
    }

    /// A connection has nothing to do until a message is due.
    pub(super) fn rest(&mut self, number: usize) {
        self.idle.push_back(number);
    }

    /// Whether a message that is due can be sent.
    pub(super) fn has_idle(&self) -> bool {
        match self.idle.front() {
            Some(number) => self.connections[*number].is_some() || self.opening < self.most_opening,
            None => false,
        }
    }

    /// The place whose turn it is.
    pub(super) fn take_idle(&mut self) -> Option<usize> {
        self.idle.pop_front()
    }

    /// A connection has come to its end, and makes room for the next.
    pub(super) fn ended(&mut self, number: usize, goes_on: bool) -> Option<Connection> {
        let connection = self.connections[number].take();
        if self.may_begin(goes_on) {
            self.fill(number);
        }
        connection
    }

    /// A connection has failed, and makes room for the next, after a pause.
    pub(super) fn failed(&mut self, number: usize, now: Instant, goes_on: bool) {
        let connection = self.connections[number].take();
        if connection.is_some_and(|connection| connection.is_opening()) {
            self.opening -= 1;
        }
        self.idle.retain(|idle| *idle != number);
        if self.may_begin(goes_on) {
            self.begun += 1;
            self.fill_at(now + PAUSE, number);
        }
    }

    /// Whether one more connection is to come; if not, its place is not in use any more.
    fn may_begin(&mut self, goes_on: bool) -> bool {
        let may = goes_on && self.begun < self.all;
        self.in_use -= usize::from(!may);
        may
    }

    /// Leaves the places empty that are still to be opened.
    pub(super) fn open_no_more(&mut self) {
        self.in_use -= self.to_open.len() + self.to_open_later.len();
        self.to_open.clear();
        self.to_open_later.clear();
    }

    /// All connections at rest. Places without one are not in use any more.
    pub(super) fn take_all_idle(&mut self) -> Vec<usize> {
        let (filled, empty): (Vec<_>, Vec<_>) = std::mem::take(&mut self.idle)
            .into_iter()
            .partition(|number| self.connections[*number].is_some());
        self.in_use -= empty.len();
        filled
    }
}
