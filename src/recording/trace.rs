//! A recording in the trace-event format of Chrome, which Perfetto, speedscope and Firefox's profiler open.
//!
//! The format is Google's *Trace Event Format*. Each server has a process for its clients, with two tracks for each:
//! its messages, and where it waits. Each process, thread or task that serves has a track in its process, and so has each
//! connection of a single loop. A flow leads from a question to the track that answers it, and on to the answer.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Event, Recorded, Recording, What};

/// Process numbers of what is no process: above the greatest that Linux gives.
const CLIENTS: i64 = 10_000_000;
const UNKNOWN: i64 = 20_000_000;

/// By how much a flow ends before its slice does, in microseconds: at the very end it would belong to the next.
const BEFORE_THE_END: f64 = 0.001;

/// The recording, as one object of JSON.
pub fn chrome(recording: &Recording) -> Value {
    let mut trace = Trace::default();
    for (number, server) in (0..).zip(&recording.head.servers) {
        let events: Vec<&Event> = recording.of_server(&server.name).collect();
        trace.add_server(number, server, &events);
    }
    let head = &recording.head;
    let about = json!({ "command": head.command, "machine": head.machine });
    json!({ "traceEvents": trace.finish(), "displayTimeUnit": "ms", "otherData": about })
}

/// A line in the picture: a process and a thread of it.
type Track = (i64, usize);

#[derive(Default)]
struct Trace {
    events: Vec<Value>,
    processes: BTreeMap<i64, String>,
    /// What each track is called.
    tracks: BTreeMap<Track, String>,
    flows: usize,
}

/// A message of a client on its way.
#[derive(Default)]
struct Message {
    number: usize,
    asked: u64,
    taken: Option<u64>,
    computing: Option<(u64, u64)>,
}

/// A client, as far as its events have been read.
#[derive(Default)]
struct Client {
    came: u64,
    accepted: Option<u64>,
    served: Option<(u64, Track)>,
    message: Message,
    /// When its last answer was sent: until then whoever serves it was busy.
    busy: u64,
}

impl Trace {
    fn add_server(&mut self, number: i64, server: &Recorded, events: &[&Event]) {
        let own = server.process.map_or(UNKNOWN + number, i64::from);
        let of_clients = CLIENTS + number;
        let mut clients: BTreeMap<usize, Client> = BTreeMap::new();
        for event in events {
            if let What::Call { who, text, phase, microseconds, waited, .. } = &event.what {
                let track = self.track(own, &server.name, who);
                let name = text.split('(').next().unwrap_or(text);
                let args = json!({ "call": text, "waited": waited });
                self.slice(track, name, phase, event.at, event.at + microseconds, args);
            }
            let Some(client) = event.client else { continue };
            let track = self.client_track(of_clients, &server.name, client);
            let state = clients.entry(client).or_default();
            self.add(track, own, server, state, event);
        }
    }

    fn add(
        &mut self,
        track: Track,
        own: i64,
        server: &Recorded,
        client: &mut Client,
        event: &Event,
    ) {
        let at = event.at;
        match &event.what {
            What::Comes => client.came = at,
            What::Accepted => {
                self.waited(track, "in the backlog", client.came, at);
                client.accepted = Some(at);
            }
            What::Served { who } => {
                let server = self.track(own, &server.name, who);
                self.served(track, client, at, server);
            }
            What::Asks { message } => {
                client.message = Message { number: *message, asked: at, ..Message::default() };
            }
            What::Taken { .. } => {
                let served = client.served.map_or(at, |(served, _)| served);
                self.waited(track, "for its turn", served.max(client.message.asked), at);
                client.message.taken = Some(at);
            }
            What::Computing { microseconds, .. } => {
                client.message.computing = Some((at, at + microseconds));
            }
            What::Answered { .. } => self.answered(track, client, event),
            What::Ended { why } => self.instant(track, &format!("ended: {why}"), at),
            What::Drips => self.instant(track, "begins a message that never becomes whole", at),
            What::Refused => self.instant(track, "refused", at),
            What::Died { how } => self.instant(track, &format!("died: {how}"), at),
            What::Call { .. } => {}
        }
    }

    /// Where a client waited, on the track beside that of its messages.
    fn waited(&mut self, (process, of_messages): Track, place: &str, since: u64, at: u64) {
        self.slice((process, of_messages + 1), place, "waits", since, at, json!({}));
    }

    /// Somebody begins to serve a client, on a track of the server's.
    fn served(&mut self, track: Track, client: &mut Client, at: u64, server: Track) {
        let (place, since) = match client.accepted {
            Some(accepted) => ("accepted, not served yet", accepted),
            None => ("in the backlog", client.came),
        };
        self.waited(track, place, since, at);
        client.served = Some((at, server));
    }

    /// The message on the client's track and on that of who has served it, and the flow between them.
    fn answered(&mut self, track: Track, client: &mut Client, event: &Event) {
        let Message { number, asked, taken, computing } = client.message;
        let name = format!("message {number}");
        self.slice(track, &name, "asks", asked, event.at, json!({}));
        let (Some((_, server)), Some(taken)) = (client.served, taken) else { return };
        let begin = taken.max(client.busy);
        let name = format!("client {}, {name}", event.client.unwrap_or(0));
        self.slice(server, &name, "serves", begin, event.at, json!({}));
        if let Some((from, to)) = computing {
            let (from, to) = (from.max(begin), to.min(event.at));
            self.slice(server, "computes", "serves", from, to, json!({}));
        }
        client.busy = event.at;
        self.flows += 1;
        let end = event.at as f64 - BEFORE_THE_END;
        let moments = [("s", track, asked as f64), ("t", server, begin as f64), ("f", track, end)];
        for (phase, track, at) in moments {
            let id = self.flows;
            self.push(phase, track, "answers", "message", at, json!({ "id": id, "bp": "e" }));
        }
    }

    /// The track of a client's messages. The next one says where it waits.
    fn client_track(&mut self, process: i64, server: &str, client: usize) -> Track {
        let track = (process, 2 * client);
        self.processes.entry(process).or_insert_with(|| format!("{server}: clients"));
        self.tracks.entry(track).or_insert_with(|| format!("client {client}"));
        let waits = (process, 2 * client + 1);
        self.tracks.entry(waits).or_insert_with(|| format!("client {client} waits"));
        track
    }

    /// The track of who serves: in the process that it names, or in the server's own.
    fn track(&mut self, own: i64, server: &str, who: &str) -> Track {
        let (name, process) = match who.rsplit_once("process ") {
            Some((before, number)) => (before.trim_end_matches(", "), number.parse().ok()),
            None => (who, None),
        };
        let process = process.unwrap_or(own);
        self.processes.entry(process).or_insert_with(|| format!("{server}: process"));
        let name = if name.is_empty() { who } else { name };
        let mut of_process = self.tracks.range((process, 0)..(process, usize::MAX));
        if let Some((track, _)) = of_process.find(|(_, it)| *it == name) {
            return *track;
        }
        let count = self.tracks.range((process, 0)..(process, usize::MAX)).count();
        self.tracks.insert((process, count + 1), name.to_owned());
        (process, count + 1)
    }

    fn slice(&mut self, track: Track, name: &str, kind: &str, from: u64, to: u64, args: Value) {
        let duration = to.saturating_sub(from);
        let more = json!({ "dur": duration, "args": args });
        self.push("X", track, name, kind, from as f64, more);
    }

    fn instant(&mut self, track: Track, name: &str, at: u64) {
        self.push("i", track, name, "ends", at as f64, json!({ "s": "t" }));
    }

    fn push(&mut self, ph: &str, track: Track, name: &str, cat: &str, ts: f64, more: Value) {
        let (pid, tid) = track;
        let mut event =
            json!({ "ph": ph, "pid": pid, "tid": tid, "name": name, "cat": cat, "ts": ts });
        if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
            event.extend(more);
        }
        self.events.push(event);
    }

    /// All events, after those that name processes and tracks.
    fn finish(self) -> Vec<Value> {
        let named = |what: &str, (pid, tid): Track, name: String| {
            let args = json!({ "name": name });
            json!({ "ph": "M", "pid": pid, "tid": tid, "name": what, "args": args })
        };
        let processes = self.processes.into_iter();
        let processes = processes.map(|(pid, name)| named("process_name", (pid, 0), name));
        let tracks = self.tracks.into_iter();
        let tracks = tracks.map(|(track, name)| named("thread_name", track, name));
        processes.chain(tracks).chain(self.events).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_CLIENTS: &str = r#"
        {"recording":1,"of":"timeline","command":"lab timeline","machine":"any","servers":[{"name":"prefork","colour":"","process":7,"waits":0,"computes":0}]}
        {"at":0,"server":"prefork","client":1,"what":"comes"}
        {"at":1,"server":"prefork","client":2,"what":"comes"}
        {"at":2,"server":"prefork","client":2,"what":"asks","message":1}
        {"at":3,"server":"prefork","client":1,"what":"served","who":"worker 1, process 8"}
        {"at":4,"server":"prefork","client":1,"what":"asks","message":1}
        {"at":5,"server":"prefork","client":1,"what":"taken","message":1}
        {"at":6,"server":"prefork","client":1,"what":"computing","message":1,"microseconds":10}
        {"at":20,"server":"prefork","client":1,"what":"answered","message":1}
        {"at":21,"server":"prefork","client":1,"what":"ended","why":"Bye"}
        {"at":22,"server":"prefork","client":2,"what":"served","who":"worker 1, process 8"}
        {"at":23,"server":"prefork","client":2,"what":"taken","message":1}
        {"at":30,"server":"prefork","client":2,"what":"answered","message":1}
    "#;

    fn events(text: &str) -> Vec<Value> {
        let trace = chrome(&Recording::parse(text).unwrap());
        trace["traceEvents"].as_array().unwrap().clone()
    }

    /// The slices of a track: name, beginning and duration.
    fn slices(events: &[Value], track: &str) -> Vec<(String, f64, u64)> {
        let names = |it: &&Value| it["name"] == "thread_name" && it["args"]["name"] == track;
        let named = events.iter().find(names).expect(track);
        let is_its =
            |it: &&Value| it["ph"] == "X" && it["pid"] == named["pid"] && it["tid"] == named["tid"];
        let slice = |it: &Value| {
            let (name, from) = (it["name"].as_str().unwrap(), it["ts"].as_f64().unwrap());
            (name.to_owned(), from, it["dur"].as_u64().unwrap())
        };
        events.iter().filter(is_its).map(slice).collect()
    }

    #[test]
    fn who_serves_has_a_track_in_its_process_and_a_client_one_for_its_messages() {
        let events = events(TWO_CLIENTS);
        let of_worker = [
            ("client 1, message 1".to_owned(), 5.0, 15),
            ("computes".to_owned(), 6.0, 10),
            ("client 2, message 1".to_owned(), 23.0, 7),
        ];
        assert_eq!(slices(&events, "worker 1"), of_worker);
        let worker = events.iter().find(|it| it["args"]["name"] == "worker 1").unwrap();
        assert_eq!(worker["pid"], 8);
        assert_eq!(slices(&events, "client 2"), [("message 1".to_owned(), 2.0, 28)]);
        let waits = [("in the backlog".to_owned(), 1.0, 21), ("for its turn".to_owned(), 22.0, 1)];
        assert_eq!(slices(&events, "client 2 waits"), waits);
    }

    #[test]
    fn a_flow_leads_from_the_question_over_who_answers_to_the_answer() {
        let events = events(TWO_CLIENTS);
        let flow: Vec<&Value> = events.iter().filter(|it| it["id"] == 1).collect();
        let phases: Vec<&str> = flow.iter().filter_map(|it| it["ph"].as_str()).collect();
        assert_eq!(phases, ["s", "t", "f"]);
        assert_eq!((flow[0]["ts"].as_f64(), flow[1]["ts"].as_f64()), (Some(4.0), Some(5.0)));
        assert!(flow[2]["ts"].as_f64().is_some_and(|at| (19.9..20.0).contains(&at)));
        assert_eq!((&flow[0]["pid"], &flow[1]["pid"]), (&flow[2]["pid"], &8.into()));
    }

    #[test]
    fn an_end_is_an_instant() {
        let events = events(TWO_CLIENTS);
        let end = events.iter().find(|it| it["ph"] == "i").unwrap();
        assert_eq!((&end["name"], &end["s"]), (&"ended: Bye".into(), &"t".into()));
    }
}
