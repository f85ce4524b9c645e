//! What happened to a client, from all who tell of it: it itself, the server's log, and the kernel.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::recording::{Clock, What};
use crate::servers::log::{Line, Told};

/// What happened to a client, and when.
pub(super) type Happened = Vec<(u64, What)>;

/// What happened to each client, of what it does not know itself.
pub(super) type FromServer = HashMap<SocketAddr, Happened>;

/// What the lines of a log tell of each client.
pub(super) fn told(lines: &[Line], clock: Clock) -> FromServer {
    let mut told = FromServer::new();
    for line in lines {
        let of_client = told.entry(line.client).or_default();
        if let Some((before, what)) = what(line, of_client) {
            of_client.push((clock.at_wall(line.at).saturating_sub(before), what));
        }
    }
    told
}

/// What a line of the log tells beyond what has been told of the same client, and by how many microseconds it began
/// before it was told.
fn what(line: &Line, before: &Happened) -> Option<(u64, What)> {
    let next = |is_it: fn(&What) -> bool| 1 + before.iter().filter(|it| is_it(&it.1)).count();
    let (began, what) = match &line.told {
        Told::Accepted => (0, What::Accepted),
        Told::Connected => (0, What::Served { who: line.who.clone()? }),
        Told::Message => (0, What::Taken { message: next(|it| matches!(it, What::Taken { .. })) }),
        Told::Computed(within) => {
            let message = next(|it| matches!(it, What::Computing { .. }));
            let microseconds = microseconds(*within);
            (microseconds, What::Computing { message, microseconds })
        }
        Told::Closed(why) => (0, What::Ended { why: why.clone() }),
    };
    Some((began, what))
}

/// What a client and the server tell of the same connection, in the order of time. It came before it was accepted, also
/// where a busy machine has told it so late. It has ended when the client knows, for the server's reason, and what the
/// server does later for who has left is not told. Nor is a message that the client has not sent: the rest of one that
/// never became whole.
pub(super) fn merge(client: Happened, server: Option<&Happened>) -> Happened {
    let mut all = client;
    let Some(mut end) = all.pop() else { return all };
    let left = end.0;
    for (at, what) in server.into_iter().flatten() {
        let is_sent = |message| all.iter().any(|it| it.1 == What::Asks { message });
        match (what, &end.1) {
            (What::Ended { .. }, What::Ended { .. }) => end.1 = what.clone(),
            (What::Ended { .. }, _) => {}
            (What::Taken { message } | What::Computing { message, .. }, _)
                if !is_sent(*message) => {}
            _ if *at > left => {}
            _ => all.push((*at, what.clone())),
        }
    }
    all.push(end);
    let first = all.iter().map(|(at, _)| *at).min().unwrap_or_default();
    if let Some((at, What::Comes)) = all.first_mut() {
        *at = first;
    }
    all.sort_by_key(|(at, _)| *at);
    all
}

/// As a recording counts them.
pub(in crate::experiments) fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn address() -> SocketAddr {
        ([127, 0, 0, 1], 7).into()
    }

    fn ended(why: &str) -> What {
        What::Ended { why: why.to_owned() }
    }

    /// What happened to a client with this end, by what the server has told at these moments.
    fn happened(end: What, told: &[(u64, What)]) -> Happened {
        let client = vec![
            (120, What::Comes),
            (130, What::Asks { message: 1 }),
            (400, What::Answered { message: 1 }),
            (450, end),
        ];
        merge(client, Some(&told.to_vec()))
    }

    #[test]
    fn client_and_server_tell_one_story_and_the_server_says_why_it_ended() {
        let who = || "thread 1".to_owned();
        let told = [
            (125, What::Accepted),
            (140, What::Served { who: who() }),
            (150, What::Taken { message: 1 }),
            (440, ended("the client said Bye")),
        ];
        let expected = [
            (120, What::Comes),
            (125, What::Accepted),
            (130, What::Asks { message: 1 }),
            (140, What::Served { who: who() }),
            (150, What::Taken { message: 1 }),
            (400, What::Answered { message: 1 }),
            (450, ended("the client said Bye")),
        ];
        assert_eq!(happened(ended("it has"), &told), expected);
    }

    #[test]
    fn nobody_is_accepted_before_it_comes_also_where_it_learned_of_it_late() {
        let happened = happened(ended("it has"), &[(110, What::Accepted)]);
        assert_eq!(happened[..2], [(110, What::Comes), (110, What::Accepted)]);
        assert_eq!(happened.last(), Some(&(450, ended("it has"))));
    }

    #[test]
    fn who_has_died_has_not_ended_whatever_the_server_calls_it() {
        let died = What::Died { how: "reset".to_owned() };
        let happened = happened(died.clone(), &[(440, ended("the handler panicked"))]);
        assert_eq!(happened.last(), Some(&(450, died)));
        assert_eq!(happened.len(), 4);
    }

    #[test]
    fn nothing_happens_to_a_client_behind_its_end_nor_for_a_message_that_it_has_not_sent() {
        let told = [(500, What::Accepted), (430, What::Taken { message: 2 })];
        assert_eq!(happened(ended("it has"), &told).len(), 4);
    }

    #[test]
    fn messages_are_counted_and_a_computation_began_before_it_was_told() {
        let at = SystemTime::UNIX_EPOCH;
        let line = |told| Line { at, client: address(), who: None, told };
        let taken = |message| What::Taken { message };
        assert_eq!(what(&line(Told::Message), &Vec::new()), Some((0, taken(1))));
        assert_eq!(what(&line(Told::Message), &vec![(0, taken(1))]), Some((0, taken(2))));
        let computed = line(Told::Computed(Duration::from_micros(9)));
        let computing = What::Computing { message: 1, microseconds: 9 };
        assert_eq!(what(&computed, &Vec::new()), Some((9, computing)));
    }
}
