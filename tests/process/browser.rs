//! The page in a real headless Chromium. Skipped, loudly, if it is not installed.

use crate::support::{SOON, Site};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The driver of the browser; it ends with the test.
struct Driver {
    process: Child,
    url: String,
}

impl Driver {
    /// `None` if it is not installed.
    fn start() -> Option<Self> {
        let mut driver = Command::new("chromedriver");
        let driver = driver.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let Ok(mut process) = driver else {
            eprintln!(
                "\n!!! SKIPPED: the page is not tested in a browser: chromedriver is not installed"
            );
            return None;
        };
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("successfully on port ")?;
            Some(port.trim_end_matches('.').to_owned())
        });
        Some(Self { process, url: format!("http://127.0.0.1:{}", port.unwrap()) })
    }

    /// A browser that prefers dark colors or not.
    async fn browser(&self, is_dark: bool) -> Browser {
        let scheme = format!("--blink-settings=preferredColorScheme={}", u8::from(!is_dark));
        let options = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", &scheme];
        let wanted = json!({
            "goog:chromeOptions": { "args": options },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut browser = Browser { client, session: format!("{}/session", self.url) };
        let session = browser.post("", json!({ "capabilities": { "alwaysMatch": wanted } })).await;
        browser.session += &format!("/{}", session["sessionId"].as_str().unwrap());
        browser
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A browser under the WebDriver protocol.
struct Browser {
    client: reqwest::Client,
    session: String,
}

impl Browser {
    async fn post(&self, command: &str, body: Value) -> Value {
        let sent = self
            .client
            .post(format!("{}{command}", self.session))
            .body(body.to_string())
            .send()
            .await;
        let answer = sent.unwrap().text().await.unwrap();
        let mut answer: Value = serde_json::from_str(&answer).unwrap();
        assert!(answer["value"]["error"].is_null(), "{command}: {answer}");
        answer["value"].take()
    }

    async fn goto(&self, url: &str) {
        self.post("/url", json!({ "url": url })).await;
    }

    /// The value of an expression.
    async fn value(&self, expression: &str) -> Value {
        let script = format!("return {expression}");
        self.post("/execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// Waits until there is an element with this text.
    async fn shows(&self, selector: &str, text: &str) {
        let found = format!(
            "[...document.querySelectorAll({selector:?})].some((it) => it.textContent === {text:?})"
        );
        let shown = async {
            while self.value(&found).await != true {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let in_time = tokio::time::timeout(SOON, shown).await;
        assert!(in_time.is_ok(), "no {selector} shows {text}");
    }

    async fn set_width(&self, width: u32) {
        let is_phone = width < 500;
        let screen =
            json!({ "width": width, "height": 844, "deviceScaleFactor": 1, "mobile": is_phone });
        let call = json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": screen });
        self.post("/goog/cdp/execute", call).await;
    }

    async fn press_tab(&self) {
        let key = |kind: &str| json!({ "type": kind, "value": "\u{e004}" });
        let keys =
            json!({ "type": "key", "id": "keys", "actions": [key("keyDown"), key("keyUp")] });
        self.post("/actions", json!({ "actions": [keys] })).await;
    }

    /// What the console says that is an error.
    async fn errors(&self) -> Vec<Value> {
        let log = self.post("/se/log", json!({ "type": "browser" })).await;
        let entries = log.as_array().cloned().unwrap_or_default();
        entries.into_iter().filter(|entry| entry["level"] == "SEVERE").collect()
    }

    async fn close(self) {
        self.client.delete(&self.session).send().await.unwrap();
    }
}

#[tokio::test]
async fn a_browser_shows_a_recovery_live_and_fits_every_screen_without_an_error() {
    const NAME: &str = "<script>alert(1)</script>";
    let Some(driver) = Driver::start() else { return };
    let site = Site::new().await;
    // Long enough for the browser to see it wait.
    site.configure("retry.initial_interval = \"8s\"\nretry.max_interval = \"8s\"");
    let daemon = site.daemon().await;
    let line = daemon.says("listening").await;
    let root = format!("http://{}", line["address"].as_str().unwrap());

    let browser = driver.browser(false).await;
    browser.goto(&root).await;
    browser.shows("h1", "All well.").await;
    let run = site.failure(NAME);
    // Nothing reads the page again but its own script.
    browser.shows("section[aria-labelledby=healing] td a", NAME).await;
    browser.shows("section[aria-labelledby=listed] td a", NAME).await;

    for path in ["/".to_owned(), format!("/recoveries/{run}"), "/search?run=zz".to_owned()] {
        browser.goto(&format!("{root}{path}")).await;
        for width in [390, 800, 1280] {
            browser.set_width(width).await;
            let shown = browser.value("document.documentElement.scrollWidth").await;
            assert!(shown.as_u64().unwrap() <= u64::from(width), "{path}: {shown} at {width}");
        }
    }
    // The first stop of the keyboard is the way past the head of the page.
    browser.goto(&root).await;
    browser.press_tab().await;
    let focused = browser.value("document.activeElement.textContent").await;
    assert_eq!(focused, "Skip to the content");
    assert_eq!(browser.errors().await, Vec::<Value>::new());
    browser.close().await;

    let red = "Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])";
    for (is_dark, expected) in [(false, 128..=255), (true, 0..=127)] {
        let browser = driver.browser(is_dark).await;
        browser.goto(&root).await;
        let shown = browser.value(red).await.as_u64().unwrap();
        assert!(expected.contains(&shown), "dark: {is_dark}, red: {shown}");
        browser.close().await;
    }
    daemon.stop().await.exits(0);
}
