//! The table of cases: what each is called, what it counts, which rule it holds a server against, and
//! where that is explained. `lab check --list`, the specification and the book show this table.

use protocol::Framing;

use super::Group::{self, Bye, Concurrency, Echo, Ending, Error, Faults, Slow};
use super::Needs::{self, Nothing, Process, Start};
use super::peer::Difference;
use super::{Case, Target, concurrency, ending, faults, messages};

const LINE: Option<Framing> = Some(Framing::Line);
const RAW: Option<Framing> = Some(Framing::Raw);
const BOTH: Option<Framing> = None;

type Check = fn(&Target) -> Result<(), Difference>;

/// A case, from what it is about to how it is checked.
const fn case(
    group: Group,
    framing: Option<Framing>,
    (name, points): (&'static str, u32),
    (rule, page): (&'static str, &'static str),
    (needs, check): (Needs, Check),
) -> Case {
    Case { group, framing, name, points, rule, page, needs, check }
}

const EACH_BACK: &str = "Each message comes back, byte for byte and in order.";
const NO_BOUNDARIES: &str =
    "TCP keeps no boundaries: a message may come in many reads, and many in one.";
const HALF_CLOSE: &str = "The end of what a client sends is no end of the conversation: all of it is \
    answered, and then the server closes.";
const ONLY_ITS_OWN: &str = "A connection's error ends that connection and no other.";
const BYE_ENDS: &str = "`Bye` ends the conversation: what came before it is answered, nothing after it is, and the server closes so \
    that the answers arrive.";
const ERROR_ARRIVES: &str = "What is no message is answered with one line, `ERROR` and the reason, and then the \
    server closes so that this line arrives.";
const NOBODY_WAITS: &str = "While a server waits for one client, it goes on serving the others.";
const NOTHING_LEFT: &str = "What a client took is given back when it has gone, however it went.";
const DRAIN: &str = "A server that is told to end (SIGTERM) takes nobody on, answers what it has \
    received, closes, and ends with status 0.";

/// Every case, of both framings.
pub const CASES: &[Case] = &[
    case(
        Echo,
        LINE,
        ("a message comes back as it was sent", 2),
        (EACH_BACK, "job"),
        (Nothing, messages::one_message),
    ),
    case(
        Echo,
        LINE,
        ("a message sent byte by byte comes back whole", 2),
        (NO_BOUNDARIES, "job"),
        (Nothing, messages::byte_by_byte),
    ),
    case(
        Echo,
        LINE,
        ("a thousand messages in one write come back in order", 2),
        (NO_BOUNDARIES, "job"),
        (Nothing, messages::a_thousand_at_once),
    ),
    case(Echo, LINE, ("lines keep their CRLF", 2), (EACH_BACK, "job"), (Nothing, messages::crlf)),
    case(
        Echo,
        LINE,
        ("an empty line is a message", 2),
        (EACH_BACK, "job"),
        (Nothing, messages::empty_lines),
    ),
    case(
        Echo,
        LINE,
        ("control characters and other scripts come back as they were", 2),
        (EACH_BACK, "job"),
        (Nothing, messages::characters),
    ),
    case(
        Echo,
        LINE,
        ("a message of the greatest length comes back whole", 2),
        (
            "The limit counts a message without its line feed: one of just that length is taken.",
            "job",
        ),
        (Nothing, messages::exactly_the_limit),
    ),
    case(
        Echo,
        LINE,
        ("a half-closed client is answered for all that it sent", 2),
        (HALF_CLOSE, "ends"),
        (Nothing, messages::half_close),
    ),
    case(
        Echo,
        LINE,
        ("a client that sends nothing and half-closes finds the end", 2),
        (HALF_CLOSE, "ends"),
        (Nothing, messages::nothing_sent),
    ),
    case(
        Echo,
        LINE,
        ("clients that leave, or reset, harm nobody", 2),
        (ONLY_ITS_OWN, "guarantees"),
        (Nothing, messages::leave_and_reset),
    ),
    case(
        Echo,
        LINE,
        ("two clients get their own answers", 2),
        (EACH_BACK, "iterative"),
        (Nothing, messages::two_clients),
    ),
    case(
        Echo,
        RAW,
        ("raw: a message comes back as it was sent", 2),
        (EACH_BACK, "job"),
        (Nothing, messages::raw_message),
    ),
    case(
        Echo,
        RAW,
        ("raw: a character that is split comes back whole", 2),
        ("A character that a read splits is held back until the rest of it arrives.", "job"),
        (Nothing, messages::raw_characters),
    ),
    case(
        Echo,
        RAW,
        ("raw: a half-closed client is answered for all that it sent", 2),
        (HALF_CLOSE, "ends"),
        (Nothing, messages::half_close),
    ),
    case(
        Echo,
        RAW,
        ("raw: clients that leave, or reset, harm nobody", 2),
        (ONLY_ITS_OWN, "guarantees"),
        (Nothing, messages::leave_and_reset),
    ),
    case(
        Bye,
        LINE,
        ("Bye closes the connection without an answer", 2),
        (BYE_ENDS, "job"),
        (Nothing, messages::bye),
    ),
    case(
        Bye,
        LINE,
        ("what came before Bye is answered, and nothing after it", 2),
        (BYE_ENDS, "ends"),
        (Nothing, messages::bye_amid_a_batch),
    ),
    case(
        Bye,
        LINE,
        ("Bye may have a CRLF", 2),
        ("A line end behind `Bye` is ignored: `telnet` sends a CRLF.", "job"),
        (Nothing, messages::bye_crlf),
    ),
    case(
        Bye,
        LINE,
        ("Bye may be the last line without an end", 2),
        (
            "What was sent behind the last line feed is a message of its own, also where it is `Bye`.",
            "job",
        ),
        (Nothing, messages::bye_unended),
    ),
    case(
        Bye,
        LINE,
        ("what only looks like Bye is a message", 2),
        ("`Bye` is this word alone, in this case; anything else is text.", "job"),
        (Nothing, messages::not_bye),
    ),
    case(
        Bye,
        RAW,
        ("raw: Bye closes the connection without an answer", 2),
        (BYE_ENDS, "job"),
        (Nothing, messages::raw_bye),
    ),
    case(
        Bye,
        RAW,
        ("raw: Bye may be typed with a line end", 2),
        (BYE_ENDS, "job"),
        (Nothing, messages::bye),
    ),
    case(
        Error,
        LINE,
        ("an over-long message gets an ERROR line, then the end", 2),
        (ERROR_ARRIVES, "job"),
        (Nothing, messages::over_long),
    ),
    case(
        Error,
        LINE,
        ("the ERROR line arrives however much more was sent", 2),
        (ERROR_ARRIVES, "ends"),
        (Nothing, messages::much_too_long),
    ),
    case(
        Error,
        LINE,
        ("a message that is not UTF-8 gets an ERROR line, then the end", 2),
        (ERROR_ARRIVES, "job"),
        (Nothing, messages::not_utf8),
    ),
    case(
        Error,
        LINE,
        ("what came before the mistake is answered", 2),
        (ERROR_ARRIVES, "job"),
        (Nothing, messages::answers_before_the_error),
    ),
    case(
        Error,
        RAW,
        ("raw: an over-long message gets an ERROR line, then the end", 2),
        (ERROR_ARRIVES, "job"),
        (Nothing, messages::much_too_long),
    ),
    case(
        Error,
        RAW,
        ("raw: a message that is not UTF-8 gets an ERROR line", 2),
        (ERROR_ARRIVES, "job"),
        (Nothing, messages::not_utf8),
    ),
    case(
        Slow,
        LINE,
        ("a message that is late gets an ERROR line, and a silent client does not", 4),
        (
            "A message is refused that is not complete within the message timeout, counted from when the server waits for its rest; a client that has begun no message may be silent.",
            "guarantees",
        ),
        (Nothing, messages::trickle),
    ),
    case(
        Concurrency,
        BOTH,
        ("a hundred clients are served at once beside one that is silent", 8),
        (NOBODY_WAITS, "iterative"),
        (Nothing, concurrency::a_hundred),
    ),
    case(
        Concurrency,
        BOTH,
        ("a newcomer is answered beside a thousand idle clients", 8),
        (NOBODY_WAITS, "limits"),
        (Nothing, concurrency::a_thousand_idle),
    ),
    case(
        Concurrency,
        LINE,
        ("a client that stops amid a message holds up nobody", 6),
        (NOBODY_WAITS, "event"),
        (Nothing, concurrency::half_a_message),
    ),
    case(
        Concurrency,
        BOTH,
        ("a client that does not read holds up nobody", 6),
        (NOBODY_WAITS, "event"),
        (Nothing, concurrency::unread),
    ),
    case(
        Faults,
        BOTH,
        ("hundreds of clients that reset or vanish leave it serving", 4),
        (ONLY_ITS_OWN, "guarantees"),
        (Nothing, faults::storm),
    ),
    case(
        Faults,
        BOTH,
        ("clients that have gone leave no descriptor behind", 4),
        (NOTHING_LEFT, "guarantees"),
        (Process, faults::descriptors),
    ),
    case(
        Faults,
        BOTH,
        ("clients that are silent or half-closed cost no CPU time", 4),
        (
            "A server that waits must sleep. At the end of input a read returns at once, each time: who ignores that runs in a loop for ever.",
            "ends",
        ),
        (Process, faults::idle),
    ),
    case(
        Ending,
        BOTH,
        ("SIGTERM answers what was sent, then closes", 8),
        (DRAIN, "guarantees"),
        (Start, ending::answers_what_was_sent),
    ),
    case(
        Ending,
        BOTH,
        ("SIGTERM ends it with status 0, also beside idle clients", 6),
        (DRAIN, "guarantees"),
        (Start, ending::status),
    ),
    case(
        Ending,
        BOTH,
        ("it starts again on the same port at once", 6),
        (
            "The connections of the last server linger in TIME_WAIT: SO_REUSEADDR lets the next one listen nevertheless.",
            "python",
        ),
        (Start, ending::restart),
    ),
];
