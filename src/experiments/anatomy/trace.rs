//! How a story is found: a client lives through a connection while the server is traced. It takes
//! each step when nobody in the server has anything left to do, so that the story has the same
//! order each time.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use nix::unistd::Pid;
use server_core::{AtOnce, Model, Unit};

use super::counts::start;
use super::story::{Made, Phase, Step, Story};
use super::words::{Descriptors, Kind, is_to_be_begun_anew};
use crate::kernel::tracer::{Call, Happening, Tracer, named_threads_of};
use crate::measure::lab::Lab;
use crate::models::Contestant;
use crate::recording::Clock;

/// How many clients come first: what a server does only once is no part of the story.
const REHEARSALS: usize = 2;

/// How long a step may take: far longer than any does.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often in a row all must be found waiting, and how long after one another.
const QUIET: (usize, Duration) = (3, Duration::from_micros(300));

const MESSAGE: &[u8] = b"hi\n";

/// Starts a server, lives through a connection with it, and stops it. Where it may not be traced,
/// there is that error in the place of a story.
///
/// # Errors
///
/// When the server fails.
pub(super) fn story(lab: &Lab, contestant: &Contestant) -> anyhow::Result<io::Result<Story>> {
    let server = start(lab, contestant)?;
    let process = server.process();
    let threads = named_threads_of(process)?;
    let address = server.address();
    let traced =
        Tracer::follow(process, |tracer| Ok(Scribe::new(tracer, address.port()).follow(address)));
    lab.stop(contestant, server)?;
    let (notes, made) = match traced {
        Ok(notes) => notes?,
        Err(error) => return Ok(Err(error)),
    };
    let names = names(&contestant.model, &threads, &notes, &made);
    let steps = notes.into_iter().map(|note| note.told_with(&names)).collect();
    let process = process.as_raw();
    Ok(Ok(Story { model: contestant.name.clone(), process, steps }))
}

/// A step as it is noted, when nobody has a name yet.
struct Note {
    /// When it returned, or began: how much had happened by then.
    moment: usize,
    /// When it was entered, and how long it took.
    at: u64,
    microseconds: u64,
    phase: Phase,
    who: Pid,
    call: Option<&'static str>,
    text: String,
    waited: bool,
    returned: bool,
    /// Whether it took the connection from the listener.
    accepts: bool,
    made: Option<(Pid, Kind)>,
    /// Whom else it names: the child that was waited for.
    whom: Option<Pid>,
}

/// All notes of a story, and all whom the server has made by then.
type Notes = (Vec<Note>, Vec<(Pid, Kind)>);

/// Who notes what the server does.
struct Scribe<'a> {
    tracer: &'a mut Tracer,
    descriptors: Descriptors,
    phase: Phase,
    notes: Vec<Note>,
    /// The calls that are under way, and how often their threads had waited when they entered them.
    entered: HashMap<Pid, (Note, u64)>,
    /// Those of them that were broken off, and will be begun anew unless a handler is called first.
    interrupted: HashMap<Pid, (Note, u64)>,
    /// All whom the server has made, in order.
    made: Vec<(Pid, Kind)>,
    moment: usize,
    beginning: usize,
    clock: Clock,
}

impl<'a> Scribe<'a> {
    fn new(tracer: &'a mut Tracer, port: u16) -> Self {
        Scribe {
            tracer,
            descriptors: Descriptors::of_listener(port),
            phase: Phase::Arrives,
            notes: Vec::new(),
            entered: HashMap::new(),
            interrupted: HashMap::new(),
            made: Vec::new(),
            moment: 0,
            beginning: 0,
            clock: Clock::start(),
        }
    }

    /// Two connections, and one that is noted.
    fn follow(mut self, server: SocketAddr) -> io::Result<Notes> {
        (0..REHEARSALS).try_for_each(|_| self.attend(server))?;
        self.forget();
        self.attend(server)?;
        Ok(self.finish())
    }

    /// A connection from its beginning to its end.
    fn attend(&mut self, server: SocketAddr) -> io::Result<()> {
        self.phase = Phase::Arrives;
        self.until(|_| Ok(true))?;
        let mut client = TcpStream::connect(server)?;
        client.set_nonblocking(true)?;
        self.until(|phase| Ok(phase != Phase::Arrives))?;
        self.phase = Phase::Served;
        client.write_all(MESSAGE)?;
        self.until(|_| comes_back(&client))?;
        self.phase = Phase::UnitEnds;
        client.write_all(b"Bye\n")?;
        self.until(|_| has_ended(&mut client))?;
        drop(client);
        self.until(|_| Ok(true))
    }

    /// Notes what happens until something has come about and all wait.
    fn until(&mut self, mut done: impl FnMut(Phase) -> io::Result<bool>) -> io::Result<()> {
        let (times, pause) = QUIET;
        let end = Instant::now() + PATIENCE;
        let mut quiet = 0;
        while quiet < times {
            while let Some((who, happening)) = self.tracer.next_happening()? {
                self.note(who, happening);
                quiet = 0;
            }
            let waits = self.tracer.is_quiet() && done(self.phase)?;
            quiet = if waits { quiet + 1 } else { 0 };
            if Instant::now() > end {
                let what = "a traced server did not come to rest in time";
                return Err(io::Error::new(ErrorKind::TimedOut, what));
            }
            thread::sleep(pause);
        }
        Ok(())
    }

    fn note(&mut self, who: Pid, happening: Happening) {
        self.moment += 1;
        match happening {
            Happening::Enters(call) => self.enter(who, &call),
            Happening::Returns(call, result) => self.leave(who, &call, result),
            Happening::Starts(whom) => {
                if let Some((note, _)) = self.entered.get_mut(&who) {
                    note.made = note.made.map(|(_, kind)| (whom, kind));
                    self.made.extend(note.made);
                }
            }
            // What nobody catches and kills nobody only a tracer sees.
            Happening::Receives(signal) if self.tracer.catches(who, signal) => {
                if let Some((note, _)) = self.interrupted.remove(&who) {
                    let text = note.text + " interrupted";
                    self.notes.push(Note { text, moment: self.moment, phase: self.phase, ..note });
                }
                let note = self.note_of(who, None, format!("receives {signal}"));
                self.notes.push(note);
            }
            Happening::Receives(_) => {}
            Happening::Ends => drop(self.entered.remove(&who)),
        }
    }

    fn note_of(&self, who: Pid, call: Option<&Call>, text: String) -> Note {
        Note {
            moment: self.moment,
            at: self.clock.now(),
            microseconds: 0,
            phase: self.phase,
            who,
            call: call.map(|call| call.name),
            text,
            waited: false,
            returned: true,
            accepts: false,
            made: None,
            whom: None,
        }
    }

    fn enter(&mut self, who: Pid, call: &Call) {
        let begun = self.interrupted.remove(&who).filter(|(it, _)| it.call == Some(call.name));
        if let Some(begun) = begun {
            self.entered.insert(who, begun);
            return;
        }
        let mut note = self.note_of(who, Some(call), self.descriptors.call(who, call));
        note.accepts = self.descriptors.accepts(who, call);
        note.made = Kind::made_by(who, call).map(|kind| (who, kind));
        if call.name.starts_with("exit") {
            self.notes.push(note);
        } else {
            self.entered.insert(who, (note, self.tracer.waits(who)));
        }
    }

    fn leave(&mut self, who: Pid, call: &Call, result: i64) {
        let Some((mut note, waits)) = self.entered.remove(&who) else { return };
        note.waited = self.tracer.waits(who) > waits;
        if is_to_be_begun_anew(result) {
            self.interrupted.insert(who, (note, waits));
            return;
        }
        note.text += &self.descriptors.result(who, call, result);
        (note.moment, note.phase) = (self.moment, self.phase);
        note.microseconds = self.clock.now().saturating_sub(note.at);
        note.made = note.made.filter(|_| result > 0);
        if call.name.starts_with("wait") && result > 0 {
            note.whom = i32::try_from(result).ok().map(Pid::from_raw);
        }
        if note.accepts && result >= 0 {
            self.descriptors.accepted(who, result);
            self.phase = Phase::UnitBegins;
        }
        // The first thing that is done for a client is to accept it.
        if call.name == "io_uring_enter" && result >= 0 && self.phase == Phase::Arrives {
            self.descriptors.accepted_by_completion(who);
            self.phase = Phase::UnitBegins;
        }
        self.notes.push(note);
    }

    /// Begins the story.
    fn forget(&mut self) {
        self.notes.clear();
        self.beginning = self.moment;
        self.clock = Clock::start();
        // Those who wait already do so since the beginning.
        self.entered.values_mut().for_each(|(note, _)| note.at = 0);
    }

    /// All notes, with the calls that still wait where they began, and all whom the server has made.
    fn finish(mut self) -> Notes {
        let waiting = self.entered.into_values().map(|(note, _)| note);
        let waiting = waiting.filter(|note| note.moment > self.beginning);
        let end = self.clock.now();
        self.notes.extend(waiting.map(|note| {
            let microseconds = end.saturating_sub(note.at);
            Note { waited: true, returned: false, microseconds, ..note }
        }));
        self.notes.sort_by_key(|note| note.moment);
        (self.notes, self.made)
    }
}

impl Note {
    fn told_with(self, names: &HashMap<Pid, String>) -> Step {
        let name = |pid: Pid| names.get(&pid).cloned().unwrap_or_else(|| "?".to_owned());
        let Note { phase, call, waited, returned, at, microseconds, .. } = self;
        let whom = self.made.map(|(pid, _)| pid).or(self.whom);
        let whom = whom.map_or(String::new(), |pid| format!(" = {}", name(pid)));
        let made = |(pid, kind): (Pid, Kind)| {
            let Kind { is_thread, shares_memory } = kind;
            Made { name: name(pid), is_thread, shares_memory }
        };
        let (who, text) = (name(self.who), self.text + &whom);
        let call = call.map(str::to_owned);
        let made = self.made.map(made);
        Step { phase, who, call, text, waited, returned, made, at, microseconds }
    }
}

/// What everybody is called: those who were there before by what they do, the others by their order.
fn names(
    model: &Model,
    before: &[(Pid, Option<String>)],
    notes: &[Note],
    made: &[(Pid, Kind)],
) -> HashMap<Pid, String> {
    let (thread, mut numbers) = (name_of_threads(model), 1..);
    let mut numbered = |name: &str| format!("{name} {}", numbers.next().unwrap_or(0));
    let mut names = HashMap::new();
    for (place, (pid, own_name)) in before.iter().enumerate() {
        let accepts = notes.iter().any(|note| note.who == *pid && note.accepts);
        let has_helpers = notes.iter().any(|note| note.who != *pid);
        let name = match model.unit {
            Unit::None if before.len() == 1 => Some("server".to_owned()),
            // Under --reuse-port a loop accepts its own clients, and no other thread takes part.
            Unit::None => (accepts && has_helpers).then(|| "acceptor".to_owned()),
            _ => role(model, place == 0, accepts),
        };
        let name = name.or_else(|| own_name.clone());
        names.insert(*pid, name.unwrap_or_else(|| numbered(thread)));
    }
    for (pid, kind) in made {
        names.insert(*pid, numbered(if kind.is_thread { thread } else { "child" }));
    }
    names
}

/// What a thread is called that was there before, by what it does. The first is that which the
/// server began with.
fn role(model: &Model, is_first: bool, accepts: bool) -> Option<String> {
    let role = match (model.unit, model.at_once, accepts) {
        (Unit::Process, AtOnce::Workers, _) => return is_first.then(|| "parent".to_owned()),
        (Unit::Task, _, true) => name_of_threads(model),
        (_, _, true) => "acceptor",
        (_, _, false) => return None,
    };
    Some(role.to_owned())
}

/// What the threads of a model are called.
fn name_of_threads(model: &Model) -> &'static str {
    match (model.unit, model.at_once) {
        (Unit::Task, _) => "runtime",
        (Unit::None, _) | (_, AtOnce::Workers) => "worker",
        _ => "thread",
    }
}

/// Whether the message has come back whole.
fn comes_back(client: &TcpStream) -> io::Result<bool> {
    let mut answer = [0; MESSAGE.len()];
    let count = unless_waiting(client.peek(&mut answer))?.unwrap_or(0);
    match MESSAGE.starts_with(&answer[..count]) {
        true => Ok(count == MESSAGE.len()),
        false => Err(io::Error::other("a traced server sent a wrong answer")),
    }
}

/// Whether there is nothing more to come.
fn has_ended(client: &mut TcpStream) -> io::Result<bool> {
    let mut rest = [0; 2 * MESSAGE.len()];
    Ok(unless_waiting(client.read(&mut rest))? == Some(0))
}

fn unless_waiting(read: io::Result<usize>) -> io::Result<Option<usize>> {
    match read {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        read => read.map(Some),
    }
}
