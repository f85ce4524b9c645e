//! The table of servers that break a rule, each with the cases that it fails.

use check::Group::{self, Bye, Concurrency, Echo, Ending, Error, Faults, Slow};
use protocol::Framing::{self, Line, Raw};

use super::Broken;
use super::server::Defect;

/// It breaks a rule of messages.
const fn in_messages(defect: Defect, framing: Framing, fails: &'static [&'static str]) -> Broken {
    Broken { defect, framing, groups: &[Echo, Bye, Error], fails }
}

/// It breaks a rule of messages that shows where a message is late, too.
const fn in_time(defect: Defect, fails: &'static [&'static str]) -> Broken {
    Broken { defect, framing: Line, groups: &[Echo, Bye, Error, Slow], fails }
}

/// It breaks a rule of service: how many, how long, to which end. It is asked for these groups, and for an
/// echo.
const fn in_service(
    defect: Defect,
    groups: &'static [Group],
    fails: &'static [&'static str],
) -> Broken {
    Broken { defect, framing: Line, groups, fails }
}

pub(super) const BROKEN: &[Broken] = &[
    in_service(Defect::None, &Group::ALL, &[]),
    in_messages(Defect::None, Raw, &[]),
    in_time(
        Defect::HoldsAnswersBack,
        &[
            "a message comes back as it was sent",
            "a message sent byte by byte comes back whole",
            "a thousand messages in one write come back in order",
            "clients that leave, or reset, harm nobody",
            "two clients get their own answers",
            "a message that is late gets an ERROR line, and a silent client does not",
        ],
    ),
    in_time(
        Defect::EndsEachReadWithALineFeed,
        &[
            "a message sent byte by byte comes back whole",
            "a thousand messages in one write come back in order",
            "a message of the greatest length comes back whole",
            "a half-closed client is answered for all that it sent",
            "a message that is late gets an ERROR line, and a silent client does not",
        ],
    ),
    in_messages(
        Defect::AnswersTheFirstLineOfARead,
        Line,
        &[
            "a message sent byte by byte comes back whole",
            "a thousand messages in one write come back in order",
            "lines keep their CRLF",
            "an empty line is a message",
            "control characters and other scripts come back as they were",
            "a message of the greatest length comes back whole",
            "a half-closed client is answered for all that it sent",
            "what came before Bye is answered, and nothing after it",
            "Bye may have a CRLF",
            "what only looks like Bye is a message",
            "what came before the mistake is answered",
        ],
    ),
    in_messages(
        Defect::AnswersTheFirstLineOfARead,
        Raw,
        &[
            "raw: a message comes back as it was sent",
            "raw: a half-closed client is answered for all that it sent",
        ],
    ),
    in_messages(
        Defect::StripsCarriageReturns,
        Line,
        &[
            "lines keep their CRLF",
            "an empty line is a message",
            "control characters and other scripts come back as they were",
            "a message of the greatest length comes back whole",
            "Bye may have a CRLF",
            "what only looks like Bye is a message",
        ],
    ),
    in_messages(Defect::SkipsEmptyLines, Line, &["an empty line is a message"]),
    in_messages(
        Defect::StripsControlCharacters,
        Line,
        &["control characters and other scripts come back as they were"],
    ),
    in_messages(
        Defect::CountsTheLineFeed,
        Line,
        &["a message of the greatest length comes back whole"],
    ),
    in_messages(
        Defect::DropsAnUnendedLine,
        Line,
        &[
            "a message of the greatest length comes back whole",
            "a half-closed client is answered for all that it sent",
        ],
    ),
    in_messages(
        Defect::KeepsWhoSaysNothing,
        Line,
        &["a client that sends nothing and half-closes finds the end"],
    ),
    in_service(
        Defect::DiesOfAReset,
        &[Echo, Faults],
        &[
            "clients that leave, or reset, harm nobody",
            "hundreds of clients that reset or vanish leave it serving",
            "clients that have gone leave no descriptor behind",
        ],
    ),
    in_messages(Defect::DiesOfAReset, Raw, &["raw: clients that leave, or reset, harm nobody"]),
    in_messages(Defect::SendsToWhoCameLast, Line, &["two clients get their own answers"]),
    in_messages(
        Defect::AnswersBye,
        Line,
        &[
            "Bye closes the connection without an answer",
            "what came before Bye is answered, and nothing after it",
            "Bye may have a CRLF",
            "Bye may be the last line without an end",
        ],
    ),
    in_messages(
        Defect::AnswersBye,
        Raw,
        &[
            "raw: Bye closes the connection without an answer",
            "raw: Bye may be typed with a line end",
        ],
    ),
    in_messages(
        Defect::DropsWhatCameBeforeBye,
        Line,
        &["what came before Bye is answered, and nothing after it", "Bye may have a CRLF"],
    ),
    in_messages(
        Defect::GoesOnAfterBye,
        Line,
        &[
            "Bye closes the connection without an answer",
            "what came before Bye is answered, and nothing after it",
            "Bye may have a CRLF",
        ],
    ),
    in_messages(Defect::WantsByeWithoutReturn, Line, &["Bye may have a CRLF"]),
    in_messages(Defect::WantsByeEnded, Line, &["Bye may be the last line without an end"]),
    in_messages(Defect::TakesByeInAnyCase, Line, &["what only looks like Bye is a message"]),
    in_messages(
        Defect::EchoesWhatIsTooLong,
        Line,
        &[
            "an over-long message gets an ERROR line, then the end",
            "the ERROR line arrives however much more was sent",
        ],
    ),
    in_messages(
        Defect::EchoesWhatIsTooLong,
        Raw,
        &["raw: an over-long message gets an ERROR line, then the end"],
    ),
    in_messages(
        Defect::ClosesOverInput,
        Line,
        &[
            "what came before Bye is answered, and nothing after it",
            "the ERROR line arrives however much more was sent",
        ],
    ),
    in_messages(
        Defect::ClosesOverInput,
        Raw,
        &["raw: an over-long message gets an ERROR line, then the end"],
    ),
    in_messages(
        Defect::EchoesAnyBytes,
        Line,
        &[
            "a message that is not UTF-8 gets an ERROR line, then the end",
            "what came before the mistake is answered",
        ],
    ),
    in_messages(
        Defect::EchoesAnyBytes,
        Raw,
        &["raw: a message that is not UTF-8 gets an ERROR line"],
    ),
    in_messages(
        Defect::DropsWhatCameBeforeAMistake,
        Line,
        &["what came before the mistake is answered"],
    ),
    in_time(
        Defect::WaitsForTheRestForever,
        &["a message that is late gets an ERROR line, and a silent client does not"],
    ),
    in_time(
        Defect::TakesSilenceForSlowness,
        &["a message that is late gets an ERROR line, and a silent client does not"],
    ),
    in_messages(Defect::DecodesEachRead, Raw, &["raw: a character that is split comes back whole"]),
    in_messages(
        Defect::TrimsEachRead,
        Raw,
        &[
            "raw: a message comes back as it was sent",
            "raw: a half-closed client is answered for all that it sent",
            "raw: clients that leave, or reset, harm nobody",
        ],
    ),
    in_messages(Defect::WantsByeAlone, Raw, &["raw: Bye may be typed with a line end"]),
    in_service(
        Defect::ServesOneAtATime,
        &[Echo, Concurrency],
        &[
            "a hundred clients are served at once beside one that is silent",
            "a newcomer is answered beside a thousand idle clients",
            "a client that stops amid a message holds up nobody",
            "a client that does not read holds up nobody",
        ],
    ),
    in_service(
        Defect::TakesFiveHundred,
        &[Echo, Concurrency],
        &["a newcomer is answered beside a thousand idle clients"],
    ),
    in_service(
        Defect::WritesUnderALock,
        &[Echo, Concurrency],
        &["a client that does not read holds up nobody"],
    ),
    in_service(
        Defect::ReadsLinesUnderALock,
        &[Echo, Concurrency],
        &[
            "a client that stops amid a message holds up nobody",
            "a client that does not read holds up nobody",
        ],
    ),
    in_service(
        Defect::DiesOfManyResets,
        &[Echo, Faults],
        &[
            "hundreds of clients that reset or vanish leave it serving",
            "clients that have gone leave no descriptor behind",
        ],
    ),
    in_service(
        Defect::LeaksAtAReset,
        &[Echo, Faults],
        &["clients that have gone leave no descriptor behind"],
    ),
    in_service(
        Defect::NeverRests,
        &[Echo, Faults],
        &["clients that are silent or half-closed cost no CPU time"],
    ),
    in_service(
        Defect::DiesAtSigterm,
        &[Echo, Ending],
        &[
            "SIGTERM answers what was sent, then closes",
            "SIGTERM ends it with status 0, also beside idle clients",
        ],
    ),
    in_service(
        Defect::StaysAtSigterm,
        &[Echo, Ending],
        &[
            "SIGTERM answers what was sent, then closes",
            "SIGTERM ends it with status 0, also beside idle clients",
        ],
    ),
    in_service(
        Defect::EndsWithStatusOne,
        &[Echo, Ending],
        &["SIGTERM ends it with status 0, also beside idle clients"],
    ),
    in_service(
        Defect::DoesNotReuseItsAddress,
        &[Echo, Ending],
        &["it starts again on the same port at once"],
    ),
];
