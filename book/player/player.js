// Plays recordings: what happened to the clients of servers, or which system calls one connection took.
//
// A recording is lines of JSON: the first says what was recorded, the others are events (`lab timeline --record`).
// On a page it stands in a figure, behind a picture that stands still:
//
//   <figure class="recording" data-show="pool,event">
//     <svg>...</svg>
//     <script type="application/x-ndjson">...</script>
//   </figure>
//
// Without this file the picture stays, where there is one. All that comes from a recording is shown as text, never as
// markup.
"use strict";

(() => {
  // Every word that is shown, by language.
  const TEXTS = {
    en: {
      play: "Play", pause: "Pause", back: "Step back", forward: "Step forward", speed: "Speed",
      position: "Position", player: "Recording", events: "What happens",
      keys: "Space: play. Arrow keys: one event back or forward. Home, End. + and -: speed.",
      client: (n) => `client ${n}`,
      workers: (n) => (n === 1 ? "1 worker" : `${n} workers`),
      seconds: (s) => `${s.toFixed(3)} s`,
      call: (n, of) => `call ${n} of ${of}`,
      source: (head) => `${head.command} on ${head.machine}`,
      before: "Nothing has happened yet.",
      states: {
        backlog: "waits in the backlog", queue: "accepted, not served yet", turn: "waits for its turn",
        served: "is served", computing: "a CPU computes for it", asked: "has asked", drips: "sends byte by byte",
        idle: "is silent",
      },
      marks: {
        answered: "has its answer", ended: "its connection has ended", died: "its connection has died",
        refused: "finds no server",
      },
      happens: {
        comes: (e) => `client ${e.client} comes, and waits in the backlog`,
        accepted: (e) => `the server takes client ${e.client} from the backlog`,
        served: (e) => `${e.who} serves client ${e.client}`,
        asks: (e) => `client ${e.client} sends message ${e.message}`,
        drips: (e) => `client ${e.client} begins a message that never becomes whole`,
        taken: (e) => `the server takes message ${e.message} of client ${e.client}`,
        computing: (e) => `a CPU computes for client ${e.client}, for ${e.microseconds / 1000} ms`,
        answered: (e) => `client ${e.client} has the answer to message ${e.message}`,
        ended: (e) => `the connection of client ${e.client} ends: ${e.why}`,
        died: (e) => `the connection of client ${e.client} dies: ${e.how}`,
        refused: (e) => `client ${e.client} finds no server`,
        call: (e) => `${e.who}: ${callText(e)}`,
      },
    },
  };
  const texts = TEXTS[document.documentElement.lang] ?? TEXTS.en;

  // The form of recordings that this plays.
  const FORM = 1;

  const SPEEDS = [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4];
  // How long a recording plays at its usual speed, in seconds, and how long a step stands where motion is not wanted.
  const USUAL_SECONDS = 8;
  const STEP_MILLISECONDS = 700;
  const MOST_JUMPS = 40;
  const LISTED_EVENTS = 4;

  // A call that has not returned waits for the next client.
  const callText = (event) => event.text + (event.returned ? "" : " ...");

  // An element with its class, its text and its children.
  function make(name, { text, ...attributes } = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    element.append(...children);
    return element;
  }

  // The head and the events of a recording's lines.
  function parse(text) {
    const [head, ...events] = text.split("\n").filter((line) => line.trim()).map((line) => JSON.parse(line));
    if (head.recording !== FORM) throw new Error(`its form is ${head.recording}, not ${FORM}`);
    return { head, events: events.filter((event) => event.what in texts.happens) };
  }

  // Several recordings of one run as one.
  function join([first, ...others]) {
    return others.reduce((all, one) => ({
      head: { ...all.head, servers: [...all.head.servers, ...one.head.servers] },
      events: [...all.events, ...one.events],
    }), first);
  }

  // ---- What clients do, as spans of time ----

  // The spans and the marks of one client, from its events in the order of time.
  function trace(events, computes) {
    const spans = [];
    const marks = [];
    const knowsWho = events.some((event) => event.what === "served");
    // Where nobody tells that it was accepted, it is not known to wait in the backlog.
    const knowsPlace = knowsWho || events.some((event) => event.what === "accepted");
    let state = null;
    let since = 0;
    let who;
    let share = 1;
    // Ends the span that lasts, and begins another.
    const become = (next, at) => {
      if (state && at > since) spans.push({ from: since, to: at, state, who, share });
      [state, since] = [next, at];
    };
    let served = false;
    let open = 0;
    let dripping = false;
    for (const event of events) {
      switch (event.what) {
        case "comes":
          served = !knowsPlace;
          become(knowsPlace ? "backlog" : "idle", event.at);
          break;
        case "accepted":
          if (knowsWho) { become("queue", event.at); } else { served = true; become(open ? "asked" : "idle", event.at); }
          break;
        case "served":
          become(dripping ? "drips" : open ? "turn" : "idle", event.at);
          [who, served] = [event.who, true];
          break;
        case "asks":
          open += 1;
          if (served) become(knowsWho ? "turn" : "asked", event.at);
          break;
        case "drips":
          dripping = true;
          if (served) become("drips", event.at);
          break;
        case "taken": become("served", event.at); break;
        case "computing":
          // It was taken from the socket before, and waited for the CPU since.
          if (state === "served") state = "turn";
          become("computing", event.at);
          share = Math.min(1, computes / event.microseconds);
          become("served", event.at + event.microseconds);
          share = 1;
          break;
        case "answered":
          open -= 1;
          if (since > event.at) since = event.at;
          marks.push({ at: event.at, kind: "answered" });
          if (spans.length && spans[spans.length - 1].to > event.at) spans[spans.length - 1].to = event.at;
          become(open ? "turn" : "idle", event.at);
          break;
        case "ended": case "died": case "refused":
          become(null, event.at);
          marks.push({ at: event.at, kind: event.what });
          break;
      }
    }
    if (state && events.length) become(null, events[events.length - 1].at);
    return { spans, marks };
  }

  // ---- Two views: lanes of clients, and columns of calls. Each shows a moment of a list of moments. ----

  // A lane for each client of a server, drawn once. A moment covers what comes after it.
  class Lanes {
    constructor(server, events, end) {
      this.events = events;
      this.computes = server.computes;
      const clients = [...new Set(events.map((event) => event.client))].sort((a, b) => a - b);
      this.states = new Set();
      const lanes = clients.map((client) => this.lane(client, events.filter((e) => e.client === client), end));
      const workers = server.workers ? `, ${texts.workers(server.workers)}` : "";
      this.element = make("section", { class: "panel", "data-server": server.name, "aria-label": server.name },
        make("h4", {}, make("b", { text: server.name }), workers),
        make("div", { class: "lanes" }, ...lanes));
      this.element.style.setProperty("--colour", server.colour || "currentColor");
    }

    lane(client, events, end) {
      const { spans, marks } = trace(events, this.computes);
      const track = make("div", { class: "track" });
      let named;
      for (const { from, to, state, who, share } of spans) {
        if (to - from > end / 200) this.states.add(state);
        const span = make("span", { class: `span ${state}`, title: texts.states[state] });
        span.style.left = `${(100 * from) / end}%`;
        span.style.width = `${(100 * (to - from)) / end}%`;
        // As high as the share of a CPU that it had.
        if (state === "computing") span.style.height = `calc(var(--bar) * ${Math.max(share, 0.15)})`;
        if (who && who !== named) span.append(make("i", { text: (named = who) }));
        track.append(span);
      }
      for (const { at, kind } of marks) {
        const mark = make("span", { class: `mark ${kind}`, title: texts.marks[kind] });
        mark.style.left = `${(100 * at) / end}%`;
        track.append(mark);
      }
      return make("div", { class: "lane", "data-client": client },
        make("span", { class: "name", text: client, title: texts.client(client) }), track);
    }

    show() {}
  }

  // A column for each process and thread, and a row for each of their calls.
  class Calls {
    constructor(server, events) {
      this.events = events;
      this.states = new Set();
      const columns = [...new Set(events.map((event) => event.who))];
      const head = make("tr", {}, make("th"), ...columns.map((who) => make("th", { text: who, scope: "col" })));
      let phase;
      this.rows = events.map((event) => {
        const title = event.phase === phase ? "" : (phase = event.phase);
        const cells = columns.map((who) => make("td", { text: who === event.who ? callText(event) : "" }));
        const kind = event.waited ? "waited" : "at-once";
        return make("tr", { class: kind }, make("th", { text: title, scope: "row" }), ...cells);
      });
      this.element = make("section", { class: "panel", tabindex: 0, "data-server": server.name, "aria-label": server.name },
        make("h4", {}, make("b", { text: server.name })),
        make("table", { class: "calls" }, make("thead", {}, head), make("tbody", {}, ...this.rows)));
      this.element.style.setProperty("--colour", server.colour || "currentColor");
    }

    show(count) {
      this.rows.forEach((row, place) => {
        row.classList.toggle("future", place >= count);
        row.classList.toggle("now", place === count - 1);
      });
    }
  }

  // ---- The player ----

  class Player {
    constructor({ head, events }, shown) {
      this.head = head;
      this.events = events;
      this.isOfCalls = events.some((event) => event.what === "call");
      this.shown = new Set(shown?.length ? shown : head.servers.map((server) => server.name));
      this.now = 0;
      this.isPlaying = false;
      this.isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
      this.build();
      this.fill();
      // All of it, as in a picture that stands still. To play begins at the beginning.
      this.go(this.end);
    }

    build() {
      const button = (name, sign, does) => {
        const element = make("button", { type: "button", class: name, title: texts[name], "aria-label": texts[name], text: sign });
        element.addEventListener("click", () => does());
        return element;
      };
      this.playButton = button("play", "▶", () => this.toggle());
      this.slider = make("input", { type: "range", min: 0, step: 1, value: 0, "aria-label": texts.position });
      this.slider.addEventListener("input", () => { this.pause(); this.go(Number(this.slider.value)); });
      this.speedChoice = make("select", { "aria-label": texts.speed },
        ...SPEEDS.map((speed) => make("option", { value: speed, text: speed < 1 ? `1/${1 / speed}×` : `${speed}×` })));
      this.speedChoice.addEventListener("change", () => { this.wasSped = true; });
      this.clock = make("span", { class: "clock" });
      this.choices = make("span", { class: "choices" });
      this.panels = make("div", { class: "panels" });
      this.legend = make("p", { class: "legend" });
      this.source = make("p", { class: "source", text: texts.source(this.head) });
      this.list = make("ol", { class: "events", "aria-label": texts.events });
      const bar = make("div", { class: "bar", role: "group" },
        this.playButton, button("back", "|◀", () => this.step(-1)), button("forward", "▶|", () => this.step(1)),
        this.slider, this.clock, ...(this.isOfCalls ? [] : [this.speedChoice]));
      this.element = make("div", { class: "player", tabindex: 0, role: "region", "aria-label": texts.player, title: texts.keys },
        bar, this.choices, this.panels, this.legend, this.list, this.source);
      this.element.addEventListener("keydown", (event) => this.key(event));
      if (this.head.servers.length > 1) this.head.servers.forEach((server) => this.addChoice(server.name));
    }

    addChoice(name) {
      const box = make("input", { type: "checkbox" });
      box.checked = this.shown.has(name);
      box.addEventListener("change", () => {
        this.shown[box.checked ? "add" : "delete"](name);
        this.fill();
      });
      this.choices.append(make("label", {}, box, name));
    }

    // Draws the servers that are chosen.
    fill() {
      const wasAtEnd = this.now === this.end;
      const servers = this.head.servers.filter((server) => this.shown.has(server.name));
      const all = servers.map((server) => [server, this.events.filter((event) => event.server === server.name)]);
      this.end = Math.max(1, ...all.map(([, events]) =>
        this.isOfCalls ? events.length : Math.max(0, ...events.map((event) => event.at))));
      this.views = all.map(([server, events]) =>
        this.isOfCalls ? new Calls(server, events) : new Lanes(server, events, this.end));
      this.panels.replaceChildren(...this.views.map((view) => view.element));
      this.panels.style.setProperty("--columns", this.views.length % 3 === 0 ? 3 : Math.min(2, this.views.length));
      this.mine = all.flatMap(([, events]) => events).sort((one, other) => one.at - other.at);
      const moments = this.isOfCalls ? Array.from({ length: this.end }, (_, n) => n + 1) : this.mine.map((e) => e.at);
      this.moments = [...new Set([0, ...moments, this.end])].sort((a, b) => a - b);
      this.slider.max = this.end;
      if (!this.wasSped) this.speedChoice.value = usualSpeed(this.end);
      this.explain();
      this.go(wasAtEnd ? this.end : Math.min(this.now, this.end));
    }

    // What the patterns mean that are in the picture.
    explain() {
      const found = new Set(this.views.flatMap((view) => [...view.states]));
      const states = Object.keys(texts.states).filter((state) => found.has(state));
      this.legend.replaceChildren(...states.map((state) =>
        make("span", {}, make("span", { class: `span ${state}` }), texts.states[state])));
    }

    // Shows a moment: microseconds, or how many calls were made.
    go(moment) {
      this.now = Math.max(0, Math.min(moment, this.end));
      const share = this.now / this.end;
      this.element.style.setProperty("--now", `${100 * share}%`);
      this.element.style.setProperty("--share", share);
      this.slider.value = this.now;
      const shown = this.isOfCalls ? texts.call(this.now, this.end) : texts.seconds(this.now / 1e6);
      this.clock.textContent = shown;
      this.slider.setAttribute("aria-valuetext", shown);
      this.views.forEach((view) => view.show(this.now));
      this.tell();
    }

    // The last events in words.
    tell() {
      const last = this.isOfCalls ? this.lastCalls() : this.lastEvents();
      const several = this.views.length > 1;
      const words = last.map((event) => make("li", {},
        ...(this.isOfCalls ? [] : [make("time", { text: texts.seconds(event.at / 1e6) })]),
        make("span", { text: (several ? `${event.server}: ` : "") + texts.happens[event.what](event) })));
      this.list.replaceChildren(...(words.length ? words : [make("li", { text: texts.before })]));
    }

    lastEvents() {
      const end = this.mine.findIndex((event) => event.at > this.now);
      return this.mine.slice(0, end < 0 ? undefined : end).slice(-LISTED_EVENTS);
    }

    // The call of each server that was made last.
    lastCalls() {
      return this.now > 0 ? this.views.map((view) => view.events[this.now - 1]).filter(Boolean) : [];
    }

    step(direction) {
      this.pause();
      const later = this.moments.filter((moment) => direction > 0 ? moment > this.now : moment < this.now);
      if (later.length) this.go(direction > 0 ? later[0] : later[later.length - 1]);
    }

    toggle() { if (this.isPlaying) { this.pause(); } else { this.play(); } }

    play() {
      if (this.now >= this.end) this.go(0);
      this.setPlaying(true);
      if (this.isStill || this.isOfCalls) {
        this.timer = setInterval(() => this.jump(), STEP_MILLISECONDS);
      } else {
        this.last = undefined;
        requestAnimationFrame((time) => this.frame(time));
      }
    }

    pause() {
      this.setPlaying(false);
      clearInterval(this.timer);
    }

    setPlaying(isPlaying) {
      this.isPlaying = isPlaying;
      // To be read aloud where somebody steps, and not while it runs.
      this.list.setAttribute("aria-live", isPlaying ? "off" : "polite");
      this.playButton.textContent = isPlaying ? "❚❚" : "▶";
      const name = isPlaying ? texts.pause : texts.play;
      this.playButton.setAttribute("aria-label", name);
      this.playButton.title = name;
    }

    frame(time) {
      if (!this.isPlaying) return;
      const passed = this.last === undefined ? 0 : time - this.last;
      this.last = time;
      this.go(this.now + passed * 1000 * Number(this.speedChoice.value));
      if (this.now >= this.end) { this.pause(); } else { requestAnimationFrame((next) => this.frame(next)); }
    }

    // Plays without motion: from event to event, and over those that are close to each other.
    jump() {
      const least = this.isOfCalls ? 1 : this.end / MOST_JUMPS;
      const next = this.moments.find((moment) => moment >= this.now + least) ?? this.end;
      this.go(next);
      if (next >= this.end) this.pause();
    }

    key(event) {
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      // Some controls have keys of their own.
      const { tagName, type } = event.target;
      if (event.key === " " && (tagName === "BUTTON" || tagName === "SELECT" || type === "checkbox")) return;
      const scrolls = event.target.classList.contains("panel");
      if (event.key.startsWith("Arrow") && (tagName === "SELECT" || scrolls)) { event.stopPropagation(); return; }
      const does = {
        " ": () => this.toggle(), ArrowRight: () => this.step(1), ArrowLeft: () => this.step(-1),
        Home: () => { this.pause(); this.go(0); }, End: () => { this.pause(); this.go(this.end); },
        "+": () => this.changeSpeed(1), "-": () => this.changeSpeed(-1),
      }[event.key];
      if (!does) return;
      event.preventDefault();
      // To the page around it an arrow may mean the next chapter.
      event.stopPropagation();
      does();
    }

    changeSpeed(by) {
      const place = SPEEDS.indexOf(Number(this.speedChoice.value)) + by;
      this.wasSped = true;
      if (SPEEDS[place]) this.speedChoice.value = SPEEDS[place];
    }
  }

  function usualSpeed(end) {
    const wanted = end / 1e6 / USUAL_SECONDS;
    return SPEEDS.reduce((best, speed) =>
      Math.abs(Math.log(speed / wanted)) < Math.abs(Math.log(best / wanted)) ? speed : best);
  }

  // The player of each figure.
  const players = new Map();

  // Puts a player into each figure that has a recording, in front of its picture.
  function equip(root) {
    for (const figure of root.querySelectorAll("figure.recording")) {
      try {
        equipOne(figure);
      } catch (error) {
        // The picture stays, and so do all other figures.
        console.error("a recording cannot be played:", error);
      }
    }
    for (const choices of root.querySelectorAll(".predict")) answer(choices);
  }

  function equipOne(figure) {
    const scripts = [...figure.querySelectorAll('script[type="application/x-ndjson"]')];
    if (!scripts.length || figure.querySelector(".player")) return;
    const shown = (figure.dataset.show ?? "").split(",").filter(Boolean);
    const recording = join(scripts.map((script) => parse(script.textContent)));
    const player = new Player(recording, shown);
    players.set(figure, player);
    figure.prepend(player.element);
    figure.classList.add("plays");
  }

  // Plays the recording once an answer was chosen.
  function answer(choices) {
    const shown = choices.querySelector("details.play");
    const player = players.get(shown?.querySelector("figure.recording"));
    if (!player) return;
    for (const choice of choices.querySelectorAll("details:not(.play)")) {
      choice.addEventListener("toggle", () => {
        if (!choice.open || !shown.hidden) return;
        shown.hidden = false;
        shown.open = true;
        player.play();
      });
    }
  }

  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", () => equip(document));
  } else {
    equip(document);
  }
})();
