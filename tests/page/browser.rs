//! Owns a headless Chromium: started by a chromedriver on a free port, ended with the test, whatever becomes of it.

use crate::{PATIENCE, programs};
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use hyper::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use url::{ParseError, Url};

/// How the page is looked at.
#[derive(Clone, Copy)]
pub struct Look {
    pub dark: bool,
    pub width: u32,
}

/// At a desk, in daylight.
pub const DESK: Look = Look { dark: false, width: 1400 };

/// See the module.
pub struct Browser {
    driver: Child,
    client: Client,
    /// Where the page is.
    pub address: String,
    _profile: TempDir,
}

impl Browser {
    /// Opens a page.
    pub async fn open(address: &str, look: Look) -> Self {
        let mut driver = Command::new(programs::chromedriver())
            .arg("--port=0")
            .stdout(Stdio::piped())
            // The browser is in the same group, so that it ends with its driver.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver starts");
        let mut lines = BufReader::new(driver.stdout.take().expect("its output")).lines();
        let port = async {
            loop {
                let line = lines.next_line().await.expect("readable").expect("a line with its port");
                if let Some((_, port)) = line.split_once("started successfully on port ") {
                    return port.trim_end_matches('.').parse::<u16>().expect("a port");
                }
            }
        };
        let port = timeout(PATIENCE, port).await.expect("chromedriver is there in time");
        let profile = tempfile::tempdir().expect("a folder");
        let args = [
            "--headless=new".to_owned(),
            // Containers run tests as root, where Chromium has no sandbox.
            "--no-sandbox".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-background-networking".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let options = json!({"binary": programs::chromium(), "args": args});
        let wanted = json!({"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}});
        let address_of_driver = format!("http://127.0.0.1:{port}");
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(wanted.as_object().expect("an object").clone());
        let client = timeout(PATIENCE, builder.connect(&address_of_driver)).await;
        let client = client.expect("a browser in time").expect("a browser");
        let browser = Self { driver, client, address: address.to_owned(), _profile: profile };
        browser.look(look).await;
        browser.client.goto(address).await.expect("the page");
        browser
    }

    /// Looks at it in another way.
    pub async fn look(&self, look: Look) {
        let scheme = if look.dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.devtools("Emulation.setEmulatedMedia", json!({"features": features})).await;
        let phone = look.width < 500;
        let metrics = json!({"width": look.width, "height": 900, "deviceScaleFactor": 1, "mobile": phone});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    async fn devtools(&self, cmd: &str, params: Value) {
        self.issue("goog/cdp/execute", json!({"cmd": cmd, "params": params})).await;
    }

    async fn issue(&self, path: &'static str, body: Value) -> Value {
        self.client.issue_cmd(Raw { path, body }).await.expect("chromedriver obeys")
    }

    /// What a function's body returns in the page.
    pub async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// The same with what a promise comes to.
    pub async fn run_async(&self, script: &str) -> Value {
        let script =
            format!("const done = arguments[0]; (async () => {{ {script} }})().then(done, (e) => done(String(e)))");
        self.client.execute_async(&script, Vec::new()).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Waits until an expression is true in the page.
    pub async fn until(&self, what: &str, expression: &str) {
        let look = async {
            while self.run(&format!("return Boolean({expression})")).await != Value::Bool(true) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if timeout(PATIENCE, look).await.is_err() {
            let text = self.run("return document.body.innerText").await;
            panic!("never: {what}\n{}", text.as_str().unwrap_or_default());
        }
    }

    /// Waits until the report and the list of clients are drawn.
    pub async fn drawn(&self) {
        let listed = "document.querySelector('[data-testid=listed]')";
        self.until(
            "the page",
            &format!("document.querySelector('[data-beat]') && {listed}?.textContent.includes('client')"),
        )
        .await;
    }

    /// Presses keys, one after another, wherever the focus is.
    pub async fn press(&self, keys: &str) {
        let keys = keys
            .chars()
            .flat_map(|key| [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})]);
        let source = json!({"type": "key", "id": "keyboard", "actions": keys.collect::<Vec<_>>()});
        self.issue("actions", json!({"actions": [source]})).await;
    }

    /// Errors and refusals of the content security policy since the last time, and requests that went elsewhere.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.issue("se/log", json!({"type": "browser"})).await;
        let mut found: Vec<String> = log.as_array().expect("a log").iter().map(ToString::to_string).collect();
        let asked = self.run("return performance.getEntriesByType('resource').map((entry) => entry.name)").await;
        let home = Url::parse(&self.address).expect("an address").origin();
        let asked = asked.as_array().expect("a list").iter().filter_map(Value::as_str);
        let elsewhere = asked.filter(|name| Url::parse(name).is_ok_and(|url| url.origin() != home));
        found.extend(elsewhere.map(|name| format!("asked {name}")));
        found
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(group) = self.driver.id() {
            let _ = std::process::Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).status();
        }
    }
}

/// A command of chromedriver that fantoccini does not know.
#[derive(Debug)]
struct Raw {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Raw {
    fn endpoint(&self, base_url: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base_url.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
