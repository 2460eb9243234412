//! A real Prometheus for one test: on a free port of loopback, in a folder of its own, dead when dropped.

use crate::{PATIENCE, files};
use aether_proxy::clock::Clock;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use std::{env, fs};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The server: `AETHER_TEST_PROMETHEUS`, then the `PATH`. Without one a test proves nothing, so none is skipped.
pub fn binary() -> PathBuf {
    if let Some(named) = env::var_os("AETHER_TEST_PROMETHEUS").filter(|named| !named.is_empty()).map(PathBuf::from) {
        assert!(named.is_file(), "AETHER_TEST_PROMETHEUS={} is not a file", named.display());
        return named;
    }
    on_path("prometheus").expect(
        "no Prometheus: call tests/run, which installs one, or install the package prometheus, \
         or name a binary in AETHER_TEST_PROMETHEUS",
    )
}

/// promtool, which lies beside the server.
pub fn promtool() -> PathBuf {
    let beside = binary().with_file_name("promtool");
    if beside.is_file() { beside } else { on_path("promtool").expect("no promtool beside Prometheus") }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(name)).find(|candidate| candidate.is_file())
}

/// Seconds since 1970.
pub fn now() -> f64 {
    Clock::system().now().0 as f64 / 1000.0
}

/// The values of one series of an answer.
#[derive(Debug)]
pub struct Series {
    pub values: Vec<f64>,
}

/// See the module.
pub struct Prometheus {
    address: SocketAddr,
    child: Child,
    /// Configuration, rules, data.
    _folder: TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    /// Looks at these targets (job, address) every second, and evaluates our rules as often. `data` is made before it
    /// starts.
    pub async fn start(targets: &[(&str, SocketAddr)], data: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for file in ["recording.yml", "alerts.yml"] {
            let rules = files::read(&format!("rules/{file}"));
            fs::write(folder.path().join(file), rules.replace("    interval: 2m\n", "")).expect("written");
        }
        let mut config = "global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }\n\
                          rule_files: [recording.yml, alerts.yml]\nscrape_configs:\n"
            .to_owned();
        let mut jobs: Vec<&str> = targets.iter().map(|(job, _)| *job).collect();
        jobs.dedup();
        for job in jobs {
            let of: Vec<_> = targets.iter().filter(|(of, _)| *of == job).map(|(_, at)| format!("\"{at}\"")).collect();
            config += &format!("  - {{ job_name: {job}, static_configs: [{{ targets: [{}] }}] }}\n", of.join(", "));
        }
        fs::write(folder.path().join("prometheus.yml"), config).expect("written");
        data(&folder.path().join("data"));
        let mut child = Command::new(binary())
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--storage.tsdb.retention.time=60d"])
            .args(["--web.listen-address=127.0.0.1:0", "--log.level=info"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("Prometheus starts");
        let log = BufReader::new(child.stderr.take().expect("its log"));
        let (tell, told) = mpsc::channel();
        // It ends with the server. What it reads is thrown away, so that the pipe never fills.
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        let mut said = String::new();
        let address = loop {
            let Ok(line) = told.recv_timeout(PATIENCE) else { panic!("Prometheus does not listen:\n{said}") };
            if line.contains("\"Listening on\"") {
                let at = line.split_once("address=").expect("an address").1;
                break at.split_whitespace().next().expect("an address").parse().expect("an address");
            }
            said += &(line + "\n");
        };
        let prometheus = Self { address, child, _folder: folder };
        let ready = async {
            while get(address, "/-/ready").await.0 != 200 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, ready).await.expect("Prometheus is ready");
        prometheus
    }

    /// An answer of the API, or what it has against the question.
    pub async fn api(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        let encoded = |(key, value): &(&str, &str)| format!("{key}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
        let parameters: Vec<String> = parameters.iter().map(encoded).collect();
        let (_, body) = get(self.address, &format!("/api/v1/{path}?{}", parameters.join("&"))).await;
        let answer: Value = serde_json::from_str(&body).map_err(|error| format!("{error}: {body}"))?;
        if answer["status"] == "success" { Ok(answer["data"].clone()) } else { Err(answer["error"].to_string()) }
    }

    /// As a panel that shows one value asks.
    pub async fn query(&self, expr: &str) -> Result<Vec<Series>, String> {
        Ok(series(&self.api("query", &[("query", expr)]).await?))
    }

    /// As a graph of the last seconds asks.
    pub async fn query_range(&self, expr: &str, seconds: f64) -> Result<Vec<Series>, String> {
        let (start, end) = (format!("{:.3}", now() - seconds), format!("{:.3}", now()));
        let asked = [("query", expr), ("start", &start), ("end", &end), ("step", "1")];
        Ok(series(&self.api("query_range", &asked).await?))
    }

    /// Returns when every group of rules has been evaluated as many times from now on.
    pub async fn rules_evaluated(&self, times: usize) {
        for _ in 0..times {
            let before = self.evaluations().await;
            let all = async {
                loop {
                    let after = self.evaluations().await;
                    if !after.is_empty() && before.iter().zip(&after).all(|(before, after)| before != after) {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            };
            timeout(PATIENCE * 4, all).await.expect("the rules are evaluated");
        }
    }

    /// When each group was last evaluated, in the order of its name.
    async fn evaluations(&self) -> Vec<(String, String)> {
        let rules = self.api("rules", &[]).await.expect("the rules");
        let text = |group: &Value, key: &str| group[key].as_str().expect("a text").to_owned();
        let groups = files::list(&rules, "groups").iter();
        let mut all: Vec<_> = groups.map(|group| (text(group, "name"), text(group, "lastEvaluation"))).collect();
        all.sort();
        all
    }

    /// The one number of an answer.
    pub async fn number(&self, expr: &str) -> Option<f64> {
        self.query(expr).await.expect("an answer").first()?.values.first().copied()
    }
}

fn series(data: &Value) -> Vec<Series> {
    let number = |sample: &Value| sample[1].as_str().expect("a value").parse().expect("a number");
    let read = |result: &Value| {
        let values = match files::list(result, "values") {
            [] => vec![number(&result["value"])],
            many => many.iter().map(number).collect(),
        };
        Series { values }
    };
    // The scalar of a plain number has no labels and no list.
    if data["resultType"] == "scalar" {
        return vec![Series { values: vec![number(&data["result"])] }];
    }
    files::list(data, "result").iter().map(read).collect()
}

/// A whole exchange. HTTP/1.0: the answer is not cut in chunks, and ends with the connection.
pub async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.expect("written");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("read");
        String::from_utf8(answer).expect("text")
    };
    let answer = timeout(PATIENCE, exchange).await.expect("an answer in time");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status"), body.to_owned())
}
