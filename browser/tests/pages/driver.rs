//! A browser under test: chromedriver in a process group of its own, and a session for each test.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::Context;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};

/// What a browser may be called.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Runs the program behind it, and ends its whole group when nobody holds the other end of its standard input any more:
/// also where a test was killed.
const GUARDED: &str = r#""$0" --port=0 </dev/null & read -r _; kill -KILL 0"#;

/// A running chromedriver. Dropping it ends its whole group.
pub struct Driver {
    child: Child,
    port: u16,
    browser: PathBuf,
}

/// How a session's browser is set up.
#[derive(Clone, Copy, Default)]
pub struct Setup {
    pub without_scripts: bool,
    pub with_reduced_motion: bool,
    /// The width of a telephone, in pixels.
    pub width: Option<u32>,
}

/// The program of that name, if there is one.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

impl Driver {
    /// Starts one.
    ///
    /// # Errors
    ///
    /// Says what is missing.
    pub fn start() -> anyhow::Result<Self> {
        let browser =
            BROWSERS.iter().find_map(|name| find(name)).context("no Chromium is installed")?;
        let program = find("chromedriver").context("no chromedriver is installed")?;
        let mut command = Command::new("sh");
        command.args(["-c", GUARDED]).arg(program).stdin(Stdio::piped()).process_group(0);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().context("chromedriver")?;
        let output = BufReader::new(child.stdout.take().context("no output")?);
        let mut driver = Driver { child, port: 0, browser };
        for line in output.lines() {
            let line = line?;
            if let Some((_, port)) = line.split_once("on port ") {
                driver.port = port.trim_end_matches('.').parse().context(line.clone())?;
                if line.contains("successfully") {
                    return Ok(driver);
                }
            }
        }
        anyhow::bail!("chromedriver did not say where it listens")
    }

    /// A browser of its own.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub async fn open(&self, setup: Setup) -> anyhow::Result<Client> {
        let mut arguments = vec!["--headless=new", "--no-sandbox", "--disable-gpu"];
        // Nothing of its own goes out to a network.
        arguments.extend(["--disable-background-networking", "--disable-component-update"]);
        arguments.extend(["--disable-sync", "--no-first-run", "--window-size=1280,1000"]);
        if setup.with_reduced_motion {
            arguments.push("--force-prefers-reduced-motion");
        }
        let mut options = json!({ "binary": self.browser, "args": arguments });
        if setup.without_scripts {
            options["prefs"] = json!({ "profile.managed_default_content_settings.javascript": 2 });
        }
        if let Some(width) = setup.width {
            let metrics = json!({ "width": width, "height": 800, "pixelRatio": 1.0 });
            options["mobileEmulation"] = json!({ "deviceMetrics": metrics });
        }
        let capabilities =
            json!({ "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } });
        let Value::Object(capabilities) = capabilities else { unreachable!("it is an object") };
        let capabilities: Capabilities = capabilities;
        let server = format!("http://127.0.0.1:{}", self.port);
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&server)
            .await;
        client.context("no session")
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let group = Pid::from_raw(self.child.id().cast_signed());
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// What the browser's console has said.
///
/// # Errors
///
/// When the driver does not tell.
pub async fn console(client: &Client) -> anyhow::Result<Vec<String>> {
    let lines = client.issue_cmd(Log).await?;
    let lines = lines.as_array().cloned().unwrap_or_default();
    Ok(lines.iter().map(|line| format!("{}: {}", line["level"], line["message"])).collect())
}

/// Chromium's own command for its log.
#[derive(Debug)]
struct Log;

impl WebDriverCompatibleCommand for Log {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(r#"{"type":"browser"}"#.to_owned()))
    }
}
