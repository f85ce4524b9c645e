//! The book's pages in a real browser: that recordings play there, and how.
//!
//! Where there is no Chromium, no chromedriver or no built book, these tests are ignored, and say why.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use fantoccini::{Client, Locator};
use libtest_mimic::{Arguments, Trial};
use serde_json::Value;

mod driver;

use driver::{Driver, Setup, console};

/// A test of an open browser.
type Test = fn(Client) -> Outcome;
type Outcome = std::pin::Pin<Box<dyn Future<Output = anyhow::Result<()>>>>;

/// How long a page may take for what it shows.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let plain = Setup::default();
    let tests: [(&str, Setup, Test); 9] = [
        ("no page with a recording has an error", plain, |it| Box::pin(has_no_errors(it))),
        ("a pool serves in waves, and an iterative server one by one", plain, |it| {
            Box::pin(serves_in_waves(it))
        }),
        ("stepping there and back gives the same picture", plain, |it| Box::pin(steps_back(it))),
        ("it plays to its end, and the keyboard does all of it", plain, |it| {
            Box::pin(obeys_the_keyboard(it))
        }),
        ("servers are shown and hidden", plain, |it| Box::pin(chooses_servers(it))),
        ("a chosen answer says why, and then the recording plays", plain, |it| {
            Box::pin(answers(it))
        }),
        (
            "without scripts the picture stands still, and answers open all the same",
            Setup { without_scripts: true, ..plain },
            |it| Box::pin(stands_still(it)),
        ),
        (
            "where motion is not wanted it goes from event to event",
            Setup { with_reduced_motion: true, ..plain },
            |it| Box::pin(jumps(it)),
        ),
        ("it fits a telephone", Setup { width: Some(400), ..plain }, |it| Box::pin(fits(it))),
    ];
    let obstacle = obstacle();
    let trial = |(name, setup, test): (&str, Setup, Test)| {
        let trial = Trial::test(name, move || Ok(run(setup, test)?));
        match &obstacle {
            Some(obstacle) => trial.with_kind(obstacle.clone()).with_ignored_flag(true),
            None => trial,
        }
    };
    libtest_mimic::run(&arguments, tests.map(trial).into()).exit_code()
}

/// Why nothing can be tested here, if so.
fn obstacle() -> Option<String> {
    if !page("comparison.html").is_file() {
        return Some("the book is not built: .ci/book".to_owned());
    }
    Driver::start().err().map(|error| format!("{error:#}"))
}

/// A page of the book.
fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../book/book").join(name)
}

fn run(setup: Setup, test: Test) -> anyhow::Result<()> {
    let driver = Driver::start()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = driver.open(setup).await?;
        let outcome = test(client.clone()).await;
        // Its browser ends with it, whatever came of the test.
        let _ = client.close().await;
        outcome
    })
}

/// Opens a page, with what the tests ask for in each.
async fn open(client: &Client, name: &str) -> anyhow::Result<()> {
    let page = page(name).canonicalize()?;
    client.goto(&format!("file://{}", page.display())).await?;
    // The driver may take the page before for this one.
    let is_there =
        format!("location.pathname.endsWith('/{name}') && document.readyState === 'complete'");
    until(client, &is_there).await
}

/// What an expression in the page is.
async fn look(client: &Client, expression: &str) -> anyhow::Result<Value> {
    let script = format!("return ({expression});");
    client.execute(&script, Vec::new()).await.with_context(|| expression.to_owned())
}

/// Waits until an expression holds.
async fn until(client: &Client, expression: &str) -> anyhow::Result<()> {
    let holds = async {
        while look(client, expression).await? != Value::Bool(true) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    };
    tokio::time::timeout(PATIENCE, holds).await.with_context(|| expression.to_owned())?
}

/// Presses a key in the first player of the page.
async fn press(client: &Client, key: &str) -> anyhow::Result<()> {
    let player = client.find(Locator::Css(".player")).await?;
    Ok(player.send_keys(key).await?)
}

async fn click(client: &Client, what: &str) -> anyhow::Result<()> {
    Ok(client.find(Locator::Css(what)).await?.click().await?)
}

const RIGHT: &str = "\u{e014}";
const LEFT: &str = "\u{e012}";
const HOME: &str = "\u{e011}";
const END: &str = "\u{e010}";

/// What the first player shows: the moment, and what has happened by then.
const PICTURE: &str = "[...document.querySelectorAll('.player')].slice(0, 1).map((player) => \
    [player.style.getPropertyValue('--now'), player.querySelector('.clock').textContent, \
    player.querySelector('.events').textContent, \
    player.querySelectorAll('tr.future').length]).flat()";

async fn has_no_errors(client: Client) -> anyhow::Result<()> {
    for name in [
        "iterative",
        "fork",
        "prefork",
        "thread",
        "pool",
        "event",
        "ends",
        "comparison",
        "kernel",
        "work",
        "handouts",
    ] {
        open(&client, &format!("{name}.html")).await?;
        let figures = look(&client, "document.querySelectorAll('figure.recording').length").await?;
        let players = look(&client, "document.querySelectorAll('.player .panel').length").await?;
        let none = name == "handouts";
        ensure!(figures.as_u64().is_some_and(|it| (it == 0) == none), "{name}: {figures} figures");
        ensure!(players.as_u64() >= figures.as_u64(), "{name}: {players} panels in {figures}");
        let said = console(&client).await?;
        ensure!(said.is_empty(), "{name}: {said:?}");
    }
    Ok(())
}

/// The lanes of a server: for each client where it is served, in per cent of the whole time.
async fn served(client: &Client, server: &str) -> anyhow::Result<Vec<[f64; 2]>> {
    let lanes = format!(
        "[...document.querySelectorAll('[data-server=\"{server}\"] .lane')].map((lane) => {{ \
             const spans = [...lane.querySelectorAll('.served')].map((span) => \
             [parseFloat(span.style.left), parseFloat(span.style.width)]); \
             return [spans[0][0], spans.at(-1)[0] + spans.at(-1)[1]]; }})"
    );
    Ok(serde_json::from_value(look(client, &lanes).await?)?)
}

async fn serves_in_waves(client: Client) -> anyhow::Result<()> {
    open(&client, "comparison.html").await?;
    let iterative = served(&client, "iterative").await?;
    ensure!(iterative.len() == 8, "{iterative:?}");
    let one_by_one = iterative.windows(2).all(|pair| pair[0][1] <= pair[1][0] + 0.5);
    ensure!(one_by_one, "not one after the other: {iterative:?}");
    let pool = served(&client, "pool").await?;
    let (first, second) = pool.split_at(4);
    let end = first.iter().map(|it| it[1]).fold(f64::MAX, f64::min);
    ensure!(first.iter().all(|it| it[0] < end), "the first wave: {pool:?}");
    ensure!(second.iter().all(|it| it[0] >= end - 0.5), "the second wave: {pool:?}");
    let workers = look(
        &client,
        "[...document.querySelectorAll('[data-server=\"pool\"] .lane i')].map((it) => it.textContent).sort()",
    );
    let workers: Vec<String> = serde_json::from_value(workers.await?)?;
    ensure!(workers.chunks(2).all(|two| two[0] == two[1]), "each serves twice: {workers:?}");
    Ok(())
}

async fn steps_back(client: Client) -> anyhow::Result<()> {
    for name in ["comparison.html", "kernel.html"] {
        open(&client, name).await?;
        press(&client, HOME).await?;
        let mut pictures = vec![look(&client, PICTURE).await?];
        for _ in 0..6 {
            press(&client, RIGHT).await?;
            pictures.push(look(&client, PICTURE).await?);
        }
        ensure!(pictures.windows(2).all(|two| two[0] != two[1]), "{name}: a step without a change");
        for before in pictures.iter().rev().skip(1) {
            click(&client, ".player button.back").await?;
            let now = look(&client, PICTURE).await?;
            ensure!(now == *before, "{name}: {now} is not {before}");
        }
    }
    Ok(())
}

const IS_PLAYING: &str =
    "document.querySelector('.player .play').getAttribute('aria-label') === 'Pause'";
const IS_STILL: &str =
    "document.querySelector('.player .play').getAttribute('aria-label') === 'Play'";
const AT_END: &str = "document.querySelector('.player').style.getPropertyValue('--now') === '100%'";
const AT_BEGINNING: &str =
    "document.querySelector('.player').style.getPropertyValue('--now') === '0%'";

async fn obeys_the_keyboard(client: Client) -> anyhow::Result<()> {
    open(&client, "comparison.html").await?;
    until(&client, AT_END).await?;
    press(&client, HOME).await?;
    until(&client, AT_BEGINNING).await?;
    press(&client, " ").await?;
    until(&client, IS_PLAYING).await?;
    until(&client, &format!("!({AT_BEGINNING})")).await?;
    press(&client, " ").await?;
    until(&client, IS_STILL).await?;
    let speed = "Number(document.querySelector('.player select').value)";
    let before = look(&client, speed).await?.as_f64();
    press(&client, "+").await?;
    ensure!(look(&client, speed).await?.as_f64() > before, "not faster");
    press(&client, "-").await?;
    ensure!(look(&client, speed).await?.as_f64() == before, "not as slow as before");
    press(&client, "++++").await?;
    press(&client, " ").await?;
    until(&client, &format!("({AT_END}) && ({IS_STILL})")).await?;
    press(&client, HOME).await?;
    press(&client, END).await?;
    until(&client, AT_END).await?;
    press(&client, LEFT).await?;
    until(&client, &format!("!({AT_END})")).await
}

async fn chooses_servers(client: Client) -> anyhow::Result<()> {
    open(&client, "comparison.html").await?;
    let shown = "[...document.querySelectorAll('.player .panel')].map((it) => it.dataset.server)";
    let before = look(&client, shown).await?;
    ensure!(before == serde_json::json!(["iterative", "thread", "pool", "event"]), "{before}");
    for name in ["thread", "uring"] {
        let script = "[...document.querySelectorAll('.player .choices label')] \
            .find((it) => it.textContent === arguments[0]).click()";
        client.execute(script, vec![name.into()]).await?;
    }
    let after = look(&client, shown).await?;
    ensure!(after == serde_json::json!(["iterative", "pool", "event", "uring"]), "{after}");
    Ok(())
}

async fn answers(client: Client) -> anyhow::Result<()> {
    open(&client, "iterative.html").await?;
    let recording = ".predict details.play";
    let is_hidden = format!("document.querySelector('{recording}').hidden");
    ensure!(look(&client, &is_hidden).await? == true, "it gives the answer away");
    let looks = "new Set([...document.querySelectorAll('.predict details:not(.play)')].map((it) => \
        [it.getBoundingClientRect().left, it.getBoundingClientRect().width, \
        getComputedStyle(it.querySelector('summary')).color].join())).size";
    ensure!(look(&client, looks).await? == 1, "the answers do not look alike");
    click(&client, ".predict details:not(.holds, .play) summary").await?;
    until(&client, &format!("!{is_hidden} && {IS_PLAYING}")).await?;
    let why =
        client.find(Locator::Css(".predict details[open]:not(.play) p")).await?.text().await?;
    ensure!(why.starts_with("No."), "{why}");
    click(&client, ".predict details.holds summary").await?;
    let why = client.find(Locator::Css(".predict details.holds p")).await?.text().await?;
    ensure!(why.starts_with("Right."), "{why}");
    until(&client, AT_END).await
}

/// Whether what this names is seen.
fn is_seen(what: &str) -> String {
    format!("document.querySelector('{what}').getBoundingClientRect().height > 0")
}

async fn stands_still(client: Client) -> anyhow::Result<()> {
    open(&client, "comparison.html").await?;
    ensure!(client.find(Locator::Css(".player")).await.is_err(), "a script has run");
    ensure!(look(&client, &is_seen("figure.recording svg")).await? == true, "no picture");
    open(&client, "iterative.html").await?;
    click(&client, ".predict details.holds summary").await?;
    ensure!(look(&client, &is_seen(".predict details.holds p")).await? == true, "no reason");
    Ok(())
}

async fn jumps(client: Client) -> anyhow::Result<()> {
    open(&client, "comparison.html").await?;
    press(&client, HOME).await?;
    press(&client, " ").await?;
    let mut moments = Vec::new();
    while moments.len() < 60 {
        moments.push(look(&client, PICTURE).await?);
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    moments.dedup();
    // Where it moves, each look sees another picture.
    ensure!((2..=20).contains(&moments.len()), "{moments:?}");
    Ok(())
}

async fn fits(client: Client) -> anyhow::Result<()> {
    for name in ["comparison.html", "kernel.html", "ends.html"] {
        open(&client, name).await?;
        let widths = look(
            &client,
            "[innerWidth, document.scrollingElement.scrollWidth, \
             ...[...document.querySelectorAll('.player .bar, .player .lanes')].map((it) => \
             it.getBoundingClientRect().left + it.scrollWidth)]",
        );
        let widths: Vec<f64> = serde_json::from_value(widths.await?)?;
        ensure!(widths[0] == 400.0 && widths.len() > 1, "{name}: {widths:?}");
        ensure!(widths[1..].iter().all(|right| *right <= 400.0), "{name}: {widths:?}");
    }
    Ok(())
}
