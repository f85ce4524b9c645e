//! What happens next: a key, or a file that is saved.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, SystemTime};

use exercises::{EXERCISES, Exercise};

/// How often the files are looked at. A notification would not come over every file system that a
/// container is given, and twenty files are soon asked.
const PERIOD: Duration = Duration::from_millis(300);

/// What has happened.
pub(super) enum Event {
    /// The file of this exercise was saved.
    Saved(&'static Exercise),
    /// Somebody has pressed this, and Enter.
    Key(char),
    /// Nobody is there.
    End,
}

/// Looks out for both.
pub(super) struct Watch {
    keys: Receiver<char>,
    saved: HashMap<&'static str, SystemTime>,
}

impl Watch {
    pub(super) fn new() -> Self {
        let (sender, keys) = mpsc::channel();
        thread::spawn(move || {
            let keys = io::stdin().lines().map_while(Result::ok);
            keys.map(|line| line.trim().chars().next().unwrap_or('?'))
                .map(|key| sender.send(key))
                .find(Result::is_err)
        });
        Watch { keys, saved: times() }
    }

    /// Blocks until something happens.
    pub(super) fn next(&mut self) -> Event {
        loop {
            match self.keys.recv_timeout(PERIOD) {
                Ok(key) => return Event::Key(key),
                Err(RecvTimeoutError::Disconnected) => return Event::End,
                Err(RecvTimeoutError::Timeout) => {}
            }
            let before = std::mem::replace(&mut self.saved, times());
            // One that was taken away is saved when it is there again.
            let is_new = |it: &&Exercise| {
                let time = self.saved.get(it.name);
                time.is_some() && time != before.get(it.name)
            };
            if let Some(exercise) = EXERCISES.iter().find(is_new) {
                return Event::Saved(exercise);
            }
        }
    }
}

/// When each file was saved last. An editor may take one away for a moment.
fn times() -> HashMap<&'static str, SystemTime> {
    let time = |exercise: &'static Exercise| {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(exercise.file());
        Some((exercise.name, fs::metadata(file).ok()?.modified().ok()?))
    };
    EXERCISES.iter().filter_map(time).collect()
}
