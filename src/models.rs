//! The table of models: no other place knows a model by name.

use std::iter;
use std::time::Duration;

use server_core::{AtOnce, Model, Properties};

use crate::kernel::limits::backlog;
use crate::kernel::machine::cores;
use crate::servers::floor;
use crate::servers::foreign::{self, Foreign};

/// A model and the colour that it has in every plot.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The model.
    pub model: Model,
    /// Its colour, as SVG spells it.
    pub colour: &'static str,
}

/// The models, from the simplest to the newest. The colours are those of M. Okabe and K. Ito, which
/// most of the colour-blind can tell apart, on light and on dark ground.
pub const MODELS: &[Entry] = &[
    Entry { model: iterative_server::MODEL, colour: "#8c8c8c" },
    Entry { model: fork_server::MODEL, colour: "#d55e00" },
    Entry { model: prefork_server::MODEL, colour: "#8a5a2b" },
    Entry { model: thread_server::MODEL, colour: "#2a88d8" },
    Entry { model: pool_server::MODEL, colour: "#009e73" },
    Entry { model: event_server::MODEL, colour: "#6a5acd" },
    Entry { model: async_server::MODEL, colour: "#e09a00" },
    #[cfg(target_os = "linux")]
    Entry { model: uring_server::MODEL, colour: "#9aa800" },
];

const FLOOR: Entry = Entry { model: floor::MODEL, colour: "#cc79a7" };

/// What stands behind a model's name where its bare server is meant.
const BARE: &str = "-bare";

/// And behind that, where its second one is meant, whose workers accept for themselves.
const ACCEPT: &str = "-accept";

/// What takes part in an experiment: a model's server or its bare server, with its options.
#[derive(Clone, Debug)]
pub struct Contestant {
    /// What it is called in tables and plots.
    pub name: String,
    /// The model.
    pub model: Model,
    /// Whether it is the model's bare server, which knows few options and no shutdown.
    pub bare: bool,
    /// Its options, beside those that every server of the lab has.
    pub options: Vec<String>,
    /// Its colour, as SVG spells it.
    pub colour: &'static str,
    /// Where it is, if it is none of ours. It knows none of our options, as if it were a bare server.
    pub foreign: Option<Foreign>,
}

/// The colours of servers that are not ours.
const FOREIGN_COLOURS: [&str; 4] = ["#c2185b", "#00838f", "#5d4037", "#7cb342"];

impl Contestant {
    fn new(entry: &Entry, bare: bool) -> Self {
        let Entry { model, colour } = *entry;
        let name = if bare { format!("{}{BARE}", model.name) } else { model.name.to_owned() };
        Contestant { name, model, bare, options: Vec::new(), colour, foreign: None }
    }

    /// The server that does nothing but answer.
    pub fn floor() -> Self {
        Contestant::new(&FLOOR, false)
    }

    /// The server that is not ours, by the name that it has in tables, the `number`th of such.
    pub fn foreign(name: String, foreign: Foreign, number: usize) -> Self {
        let colour = FOREIGN_COLOURS[number % FOREIGN_COLOURS.len()];
        let (model, foreign) = (foreign::MODEL, Some(foreign));
        Contestant { name, model, bare: true, options: Vec::new(), colour, foreign }
    }

    /// A model's server.
    pub fn server(entry: &Entry) -> Self {
        Contestant::new(entry, false)
    }

    /// A model's bare server.
    pub fn bare(entry: &Entry) -> Self {
        Contestant::new(entry, true)
    }

    /// A model's bare server whose workers accept for themselves, where there is one.
    fn bare_accept(entry: &Entry) -> Option<Self> {
        let bare = Contestant::bare(entry);
        let name = format!("{}{ACCEPT}", bare.name);
        let options = vec!["--accept".to_owned()];
        entry.model.properties.accept.then_some(Contestant { name, options, ..bare })
    }

    /// The same with an option more, where it has not got it already. A bare server has few: it does without the
    /// others.
    #[must_use]
    pub fn with(mut self, option: &str, value: impl ToString) -> Self {
        let takes = !self.bare || option == "--workers";
        if takes && !self.has(option) {
            self.options.extend([option.to_owned(), value.to_string()]);
        }
        self
    }

    /// The same waiting for so long before each answer, where it can be told to.
    #[must_use]
    pub fn waiting(mut self, delay: Duration) -> Self {
        match self.foreign.take() {
            Some(Foreign::Start(command)) => {
                Contestant { foreign: Some(Foreign::Start(command.waiting(delay))), ..self }
            }
            foreign => {
                let delay = humantime::format_duration(delay);
                Contestant { foreign, ..self }.with("--delay", delay)
            }
        }
    }

    /// Whether it can be told to wait.
    pub fn can_wait(&self) -> bool {
        match &self.foreign {
            Some(Foreign::Start(command)) => command.asks_for_a_delay(),
            _ => !self.bare,
        }
    }

    /// The same with an option that has no value. A bare server does without it.
    #[must_use]
    pub fn with_flag(mut self, flag: &str) -> Self {
        if !self.bare {
            self.options.push(flag.to_owned());
        }
        self
    }

    /// Itself, and beside it with a worker for each CPU, where it serves all its clients by workers and has fewer.
    pub fn with_a_worker_for_each_cpu(&self) -> Vec<Self> {
        let is_of_few = self.model.properties.workers.is_some_and(|default| default() < cores());
        match self.model.at_once == AtOnce::All && is_of_few && self.is_plain() {
            true => {
                let name = format!("{} --workers {}", self.name, cores());
                vec![self.clone(), self.clone().named(name).with("--workers", cores())]
            }
            false => vec![self.clone()],
        }
    }

    /// Itself, and beside it what helps it where its threads compute: more of them, or others that do.
    pub fn with_cures_for_computing(&self) -> Vec<Self> {
        let named = |what: &str| self.clone().named(format!("{} {what}", self.name));
        let Properties { workers, offload, .. } = self.model.properties;
        let has_loops = self.model.at_once == AtOnce::All && workers.is_some() && self.is_plain();
        let workers = has_loops.then(|| named("--workers 2").with("--workers", 2));
        let offload =
            (offload && self.is_plain()).then(|| named("--offload").with_flag("--offload"));
        iter::once(self.clone()).chain(workers).chain(offload).collect()
    }

    /// Whether it tells in its log whom it serves.
    pub fn keeps_a_log(&self) -> bool {
        !self.bare && self.foreign.is_none()
    }

    /// Whether it is a model's server as it is by default.
    fn is_plain(&self) -> bool {
        !self.bare && self.options.is_empty()
    }

    /// The same under another name.
    #[must_use]
    pub fn named(self, name: String) -> Self {
        Contestant { name, ..self }
    }

    /// The same with this many workers, where the model has workers that serve a client each.
    #[must_use]
    pub fn with_workers(self, workers: usize) -> Self {
        match self.model.at_once {
            AtOnce::Workers => self.with("--workers", workers),
            _ => self,
        }
    }

    /// How many of `clients` that come it serves at once.
    pub fn served_at_once(&self, clients: usize) -> usize {
        let has_workers = self.model.at_once == AtOnce::Workers;
        let served = match self.number("--workers").filter(|_| has_workers) {
            Some(workers) => workers.min(clients),
            None => self.model.served_at_once(clients),
        };
        self.number("--max-connections").map_or(served, |most| most.min(served))
    }

    /// Whether it has this option of its own.
    pub(crate) fn has(&self, option: &str) -> bool {
        self.options.iter().any(|it| it == option)
    }

    /// The number behind one of its options.
    pub(crate) fn number(&self, option: &str) -> Option<usize> {
        let place = self.options.iter().position(|it| it == option)?;
        self.options.get(place + 1)?.parse().ok()
    }

    /// How many clients it has room for at all: those that it takes on, and those that wait in its
    /// backlog.
    pub fn room(&self) -> usize {
        let most = match (self.model.at_once, self.model.properties.max_connections) {
            (AtOnce::One, _) => 1,
            (_, Some(most)) if !self.bare => most,
            (AtOnce::Workers, None) => self.served_at_once(usize::MAX),
            _ => usize::MAX / 2,
        };
        self.number("--max-connections").unwrap_or(most) + backlog()
    }
}

/// The first contestant of each name: what an experiment puts beside a server may have been named, too.
pub fn each_once(contestants: impl IntoIterator<Item = Contestant>) -> Vec<Contestant> {
    let mut all: Vec<Contestant> = Vec::new();
    for contestant in contestants {
        if all.iter().all(|it| it.name != contestant.name) {
            all.push(contestant);
        }
    }
    all
}

/// Leaves out whoever cannot run on this machine, and says why of each.
pub fn without_obstacles(contestants: Vec<Contestant>) -> (Vec<Contestant>, Vec<String>) {
    let mut left_out = Vec::new();
    let mut is_able = |it: &Contestant| match it.model.obstacle() {
        Some(obstacle) => {
            left_out.push(format!("{} is left out: {obstacle}.", it.name));
            false
        }
        None => true,
    };
    let able = contestants.into_iter().filter(|it| is_able(it)).collect();
    (able, left_out)
}

/// The names of the models, in their order.
pub fn names() -> Vec<String> {
    MODELS.iter().map(|entry| entry.model.name.to_owned()).collect()
}

/// The same, and behind each the names of its bare servers.
pub fn names_with_bare() -> Vec<String> {
    all().map(|it| it.name).collect()
}

/// The servers and the bare servers of all models.
fn all() -> impl Iterator<Item = Contestant> {
    MODELS.iter().flat_map(|it| {
        [Contestant::server(it), Contestant::bare(it)]
            .into_iter()
            .chain(Contestant::bare_accept(it))
    })
}

/// A name without what stands behind that of a bare server.
fn without_bare(name: &str) -> &str {
    let name = name.strip_suffix(ACCEPT).unwrap_or(name);
    name.strip_suffix(BARE).unwrap_or(name)
}

/// Finds a model, or the floor, by its name.
///
/// # Errors
///
/// One line that lists the names there are.
pub fn find(name: &str) -> Result<Model, String> {
    let mut all = MODELS.iter().chain([&FLOOR]);
    let found = all.find(|entry| entry.model.name == name);
    found.map(|entry| entry.model).ok_or_else(|| {
        let names = names().join(", ");
        format!("there is no model {name:?}; there are {names}, and each with {BARE:?} behind it for its bare server")
    })
}

/// The model of a server or a bare server of ours with this name and no options, if it is one.
pub fn model_of(name: &str) -> Option<Model> {
    find(without_bare(name)).ok()
}

/// The servers that a list names, in the order of the table: `fork` for a model's, `fork-bare` for its bare server,
/// and `event --workers 2` for one with options of its model's own.
///
/// # Errors
///
/// One line, when a name is none or stands there twice, or an option is none of its model's.
pub fn choose(names: &[String]) -> Result<Vec<Contestant>, String> {
    let wanted = names.iter().map(|name| named(name)).collect::<Result<Vec<_>, _>>()?;
    for (place, one) in wanted.iter().enumerate() {
        if wanted[..place].iter().any(|it| it.name == one.name) {
            return Err(format!("{:?} is named twice", one.name));
        }
    }
    let in_order = all().flat_map(|it| {
        let is_of_it = move |one: &&Contestant| first_word(&one.name) == it.name;
        wanted.iter().filter(is_of_it).cloned().collect::<Vec<_>>()
    });
    Ok(in_order.collect())
}

/// The server of this name, with the options that stand behind it.
fn named(text: &str) -> Result<Contestant, String> {
    // `--workers=2` is the same as `--workers 2`.
    let words = text.split_whitespace().flat_map(|word| match word.split_once('=') {
        Some((option, value)) => vec![option, value],
        None => vec![word],
    });
    let mut words = words.map(str::to_owned);
    let name = words.next().unwrap_or_default();
    if find(without_bare(&name))?.name == FLOOR.model.name {
        return Err("the floor is always measured: name models only".to_owned());
    }
    let plain = all().find(|it| it.name == name);
    let plain = plain.ok_or_else(|| format!("{name:?} has no server of that kind"))?;
    let options: Vec<String> = words.collect();
    let fault = |fault| format!("{name:?} cannot take {:?}: {fault}", options.join(" "));
    let is_unknown = |it: &&String| it.starts_with("--") && *it != "--workers";
    match options.first() {
        None => return Ok(plain),
        Some(_) if plain.bare && options.iter().find(is_unknown).is_some() => {
            return Err(fault("a bare server knows --workers only".to_owned()));
        }
        Some(_) => plain.model.check_own_options(&options).map_err(fault)?,
    }
    let named = format!("{name} {}", options.join(" "));
    Ok(Contestant { options: plain.options.iter().cloned().chain(options).collect(), ..plain }
        .named(named))
}

/// A name without the options behind it.
pub fn first_word(name: &str) -> &str {
    name.split_whitespace().next().unwrap_or_default()
}
