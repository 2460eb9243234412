//! Filters in jq, run by the proxy's own binary: whatever a filter does, it costs one call and no more.

use crate::harness::PATIENCE;
use crate::harness::eventually::eventually;
use crate::harness::process::{signal, state};
use aether_proxy::jq::{
    Case, Failure, Filters, Finding, JqError, Limits, Settings, StartError, To, check, this_program,
};
use parking_lot::Mutex;
use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Long enough for an answer on a machine that does much else.
const AMPLE: Duration = Duration::from_secs(4);

/// Filters, and what ends them.
struct Dialect {
    filters: Filters,
    tasks: TaskTracker,
    stop: CancellationToken,
}

fn settings(to_v3: &str, to_v2: &str, time: Duration) -> Settings {
    Settings {
        name: "test".to_owned(),
        to_v3: to_v3.to_owned(),
        to_v2: to_v2.to_owned(),
        limits: Limits { time, ..Limits::default() },
        program: env!("CARGO_BIN_EXE_aether-proxy").into(),
    }
}

impl Dialect {
    async fn try_start(settings: Settings) -> Result<Self, StartError> {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let filters = Filters::start(settings, &tasks, stop.clone()).await?;
        Ok(Self { filters, tasks, stop })
    }

    /// With this filter to V2, and as much time as it wants.
    async fn to_v2(filter: &str) -> Self {
        Self::try_start(settings("{msg: .}", filter, AMPLE)).await.unwrap()
    }

    async fn v2(&self, text: &str) -> Result<Vec<String>, JqError> {
        self.filters.call(To::V2, text).await
    }

    /// The process that must be there.
    fn pid(&self) -> u32 {
        self.filters.pid().expect("a process")
    }
}

fn one(text: &str) -> Result<Vec<String>, JqError> {
    Ok(vec![text.to_owned()])
}

#[tokio::test]
async fn filters_translate_both_ways() {
    let to_v3 = r#"if type == "string" then {msg_type: "msg", msg: .}
        elif .op == "ping" then empty
        else {msg_type: "cmd", cmd: .op, payload: .args}, ({msg_type: "msg", msg: .note} | select(.msg)) end"#;
    let to_v2 =
        r#"if .msg_type == "cmd" then {op: .cmd, args: .payload} elif .from_id == "me" then empty else .msg end"#;
    let dialect = Dialect::try_start(settings(to_v3, to_v2, AMPLE)).await.unwrap();
    for (text, outputs) in [
        ("hello", &[r#"{"msg_type":"msg","msg":"hello"}"#][..]),
        (r#"{"op":"ping"}"#, &[]),
        (
            r#"{"op":"go","note":"now","args":{"z":1.10,"a":1E400,"k":123456789012345678901234567890}}"#,
            &[
                r#"{"msg_type":"cmd","cmd":"go","payload":{"z":1.10,"a":1E400,"k":123456789012345678901234567890}}"#,
                r#"{"msg_type":"msg","msg":"now"}"#,
            ],
        ),
    ] {
        assert_eq!(dialect.filters.call(To::V3, text).await.unwrap(), outputs, "{text}");
    }
    assert_eq!(dialect.filters.call(To::V3, "[").await.unwrap().len(), 1);
    assert_eq!(dialect.filters.call(To::V3, "[]").await, Err(JqError::Failed), "no `op` in a list");
    assert_eq!(dialect.v2(r#"{"msg_type":"msg","msg":"a \"b\""}"#).await, one("a \"b\""));
    assert_eq!(dialect.v2(r#"{"msg_type":"msg","from_id":"me"}"#).await, Ok(vec![]));
    let cmd = r#"{"msg_type":"cmd","cmd":"go","payload":{"b":1.0,"a":[]}}"#;
    assert_eq!(dialect.v2(cmd).await, one(r#"{"op":"go","args":{"b":1.0,"a":[]}}"#));
}

#[tokio::test]
async fn an_endless_filter_is_ended_in_time_and_the_next_call_is_answered() {
    let filter = "if . == 0 then def f: f; f else . end";
    let limit = Duration::from_millis(300);
    let dialect = Dialect::try_start(settings("{}", filter, limit)).await.unwrap();
    for _ in 0..3 {
        let pid = dialect.pid();
        let before = Instant::now();
        assert_eq!(dialect.v2("0").await, Err(JqError::TimedOut));
        assert!(before.elapsed() >= limit && before.elapsed() < AMPLE, "{:?}", before.elapsed());
        eventually!(PATIENCE, state(pid).is_none());
        eventually!(PATIENCE, dialect.v2("1").await == one("1"));
        assert_ne!(dialect.pid(), pid);
    }
}

#[tokio::test]
async fn a_filter_without_an_end_to_its_stack_or_memory_ends_its_own_process() {
    for hog in
        ["def f: 1 + f; f", "[range(1000000000)]", "reduce range(60) as $i (\"x\"; . + .)", "\"x\" * 10000000000"]
    {
        let dialect = Dialect::to_v2(&format!("if . == 0 then {hog} else . end")).await;
        let answer = dialect.v2("0").await;
        // Some are slow to get there.
        assert!(matches!(answer, Err(JqError::Died | JqError::TimedOut)), "{hog}: {answer:?}");
        assert_eq!(dialect.v2("1").await, one("1"), "{hog}");
    }
}

#[tokio::test]
async fn memory_is_what_the_limit_says() {
    let dialect = Dialect::to_v2("\"x\" * . | length").await;
    assert_eq!(dialect.v2("20000000").await, one("20000000"));
    assert_eq!(dialect.v2("80000000").await, Err(JqError::Died), "more than 64 MiB");
    assert_eq!(dialect.v2("20000000").await, one("20000000"));
}

#[tokio::test]
async fn a_process_is_bounded_and_has_nothing_of_ours() {
    let _listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dialect = Dialect::to_v2(".").await;
    let read = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", dialect.pid())).expect("a running process");
    assert!(std::env::vars_os().count() > 0);
    assert_eq!(read("environ"), "MALLOC_ARENA_MAX=1\0", "secrets are in the environment");
    let limits = read("limits");
    let limit =
        |name: &str| limits.lines().find_map(|line| line.strip_prefix(name)).expect("a limit").trim().to_owned();
    assert!(limit("Max core file size").starts_with("0 "), "{limits}");
    assert!(limit("Max open files").starts_with("5 "), "{limits}");
    let space: u64 = limit("Max address space").split(' ').next().unwrap().parse().expect("bounded");
    let status = read("status");
    let size: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmSize:"))
        .unwrap()
        .trim_end_matches(" kB")
        .trim()
        .parse()
        .unwrap();
    let grown = (size * 1024 + Limits::default().memory).saturating_sub(space);
    assert!(grown < 16 << 20, "{grown} bytes were taken since the limit was set");
    let open = fs::read_dir(format!("/proc/{}/fd", dialect.pid())).unwrap().flatten();
    let files: Vec<_> = open.map(|file| fs::read_link(file.path()).unwrap().to_string_lossy().into_owned()).collect();
    assert!(files.iter().any(|file| file.starts_with("pipe:")), "{files:?}");
    assert!(!files.iter().any(|file| file.starts_with("socket:")), "connections are inherited: {files:?}");
    assert_eq!(fs::read_link(format!("/proc/{}/cwd", dialect.pid())).unwrap().to_str(), Some("/"));
}

#[tokio::test]
async fn too_much_of_anything_is_refused_and_the_process_lives_on() {
    let filter =
        r#"if . == 0 then range(1000000000) elif . == 1 then "x" * 2000000 elif . == 2 then error("no") else . end"#;
    let dialect = Dialect::try_start(settings(".", filter, AMPLE)).await.unwrap();
    let pid = dialect.pid();
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    for (text, error) in
        [("0", JqError::TooLong), ("1", JqError::TooLong), ("2", JqError::Failed), (deep.as_str(), JqError::TooDeep)]
    {
        assert_eq!(dialect.v2(text).await, Err(error), "{}", &text[..1]);
    }
    assert_eq!(dialect.v2(&"9".repeat(400_000)).await, Err(JqError::TooLong));
    assert_eq!(dialect.filters.call(To::V3, "1").await, Err(JqError::NoObject));
    let said = dialect.filters.explain(To::V2, "2").await;
    assert_eq!(said, Err(Failure { error: JqError::Failed, detail: "no".to_owned() }));
    // More than a pipe holds, both ways.
    let long = serde_json::to_string(&"é".repeat(500_000)).unwrap();
    assert_eq!(dialect.v2(&long).await.unwrap()[0].len(), 1_000_000);
    assert_eq!(dialect.pid(), pid);
}

#[tokio::test]
async fn what_a_filter_must_not_have_is_said_at_the_start() {
    for name in
        ["env", "$ENV", "env.HOME", "halt", "halt(1)", "halt_error", "input", "inputs", "input_filename", "debug"]
    {
        let Err(StartError::Problems(problems)) = Dialect::try_start(settings("{}", name, AMPLE)).await.map(drop)
        else {
            panic!("{name} is there");
        };
        let said = problems[0].to_string();
        assert!(said.starts_with("to_v2, line 1, column 1: `") && said.contains("is not available: "), "{said}");
    }
    // jq has it, jaq does not.
    let unknown = Dialect::try_start(settings("@base32d", ".", AMPLE)).await.map(drop).unwrap_err();
    assert_eq!(unknown.to_string(), "to_v3, line 1, column 1: there is no `@base32d/0`");
    let mut nowhere = settings(".", ".", AMPLE);
    nowhere.program = "/nowhere".into();
    assert!(matches!(Dialect::try_start(nowhere).await, Err(StartError::NoProcess(_))));
    let mut other = settings(".", ".", AMPLE);
    other.program = "/bin/true".into();
    assert!(matches!(Dialect::try_start(other).await, Err(StartError::NoProcess(_))));
}

#[tokio::test]
async fn answers_come_in_the_order_of_their_calls() {
    const ROUNDS: usize = 20;
    const CALLS: usize = 500;
    let dialect = Dialect::try_start(settings("{n: .}", ".n", AMPLE)).await.unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    for round in 0..ROUNDS {
        // As sessions do: each call is a task of its own.
        let mut calls = JoinSet::new();
        for n in round * CALLS..(round + 1) * CALLS {
            let (filters, order) = (dialect.filters.clone(), Arc::clone(&order));
            calls.spawn(async move {
                let as_v3 = format!("{{\"n\":{n}}}");
                let (to, text, answer) = match n % 2 {
                    0 => (To::V3, n.to_string(), as_v3),
                    _ => (To::V2, as_v3, n.to_string()),
                };
                assert_eq!(filters.call(to, &text).await, one(&answer));
                order.lock().push(n);
            });
        }
        calls.join_all().await;
    }
    let order = order.lock();
    assert_eq!(order.len(), ROUNDS * CALLS);
    assert!(order.is_sorted());
}

/// More than may wait at once.
#[tokio::test]
async fn a_crowd_of_large_messages_is_served_as_there_is_room() {
    const LENGTH: usize = 100_000;
    const CALLS: usize = 400;
    let dialect = Dialect::to_v2("length").await;
    let text: Arc<str> = serde_json::to_string(&"x".repeat(LENGTH)).unwrap().into();
    let mut calls = JoinSet::new();
    for _ in 0..CALLS {
        let (filters, text) = (dialect.filters.clone(), Arc::clone(&text));
        calls.spawn(async move { filters.call(To::V2, &text).await });
    }
    let answers = calls.join_all().await;
    // A slow machine may run out of patience with the last of them, but answers, and forgets none.
    assert_eq!(answers.len(), CALLS);
    assert!(answers.iter().all(|answer| *answer == one("100000") || *answer == Err(JqError::Unavailable)));
    assert!(answers[0].is_ok());
    assert_eq!(dialect.v2("\"x\"").await, one("1"));
}

#[tokio::test]
async fn a_process_that_others_end_costs_nothing() {
    let dialect = Dialect::to_v2(".").await;
    for name in ["KILL", "TERM", "INT", "HUP"] {
        let pid = dialect.pid();
        signal(pid, name);
        assert_eq!(dialect.v2("1").await, one("1"), "SIG{name}");
        eventually!(PATIENCE, dialect.filters.pid().is_some_and(|new| new != pid));
        assert_eq!(dialect.v2("2").await, one("2"), "SIG{name}");
    }
    // One that nobody calls is replaced as well.
    let pid = dialect.pid();
    signal(pid, "KILL");
    eventually!(PATIENCE, dialect.filters.pid().is_some_and(|new| new != pid));
}

#[tokio::test]
async fn texts_that_kill_do_not_cost_those_of_others() {
    let dialect = Dialect::to_v2("if . == 0 then def f: 1 + f; f else . end").await;
    for n in 1..6 {
        assert_eq!(dialect.v2("0").await, Err(JqError::Died));
        let text = n.to_string();
        assert_eq!(dialect.v2(&text).await, one(&text));
    }
    // One after the other slows the restarts down, and says so at once instead of letting others wait.
    let before = Instant::now();
    let mut errors = Vec::new();
    while !errors.contains(&JqError::Unavailable) {
        errors.extend(dialect.v2("0").await.err());
        assert!(before.elapsed() < PATIENCE, "{errors:?}");
    }
    eventually!(PATIENCE, dialect.v2("1").await == one("1"));
}

#[tokio::test]
async fn two_dialects_do_not_wait_for_each_other() {
    let slow = Dialect::to_v2("def f: f; f").await;
    let quick = Dialect::to_v2(".").await;
    let stuck = slow.v2("0");
    let (answer, ()) = tokio::join!(stuck, async {
        let before = Instant::now();
        for _ in 0..100 {
            assert_eq!(quick.v2("1").await, one("1"));
        }
        assert!(before.elapsed() < AMPLE, "they waited for the other dialect");
    });
    assert_eq!(answer, Err(JqError::TimedOut));
}

#[tokio::test]
async fn filters_end_with_the_proxy() {
    let dialect = Dialect::to_v2("if . == 0 then def f: f; f else . end").await;
    assert_eq!(dialect.v2("1").await, one("1"));
    let pid = dialect.pid();
    // In the middle of a call, too.
    let (answer, ()) = tokio::join!(dialect.v2("0"), async {
        dialect.stop.cancel();
        dialect.tasks.close();
        let before = Instant::now();
        dialect.tasks.wait().await;
        assert!(before.elapsed() < AMPLE, "it waited for the endless filter");
    });
    assert_eq!(answer, Err(JqError::Unavailable));
    assert_eq!(state(pid), None);
    assert_eq!(dialect.v2("1").await, Err(JqError::Unavailable));
}

/// A proxy that is killed cannot end anything.
#[test]
fn a_worker_ends_by_itself_in_the_middle_of_an_endless_filter() {
    let frame = |body: &[u8]| [&u32::try_from(body.len()).unwrap().to_be_bytes(), body].concat();
    let mut worker = Command::new(env!("CARGO_BIN_EXE_aether-proxy"))
        .arg("jq-worker")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, mut output) = (worker.stdin.take().unwrap(), worker.stdout.take().unwrap());
    let hello = serde_json::json!({
        "to_v3": "{}", "to_v2": "def f: f; f", "limits": {"depth": 9, "time": {"secs": 9, "nanos": 0}, "output": 99, "memory": 1 << 26}
    });
    input.write_all(&frame(hello.to_string().as_bytes())).unwrap();
    let mut ready = [0; 6];
    output.read_exact(&mut ready).unwrap();
    assert_eq!(&ready, b"\0\0\0\x02[]");
    // The second of `To`.
    input.write_all(&frame(b"\x01null")).unwrap();
    drop(input);
    assert!(worker.wait().unwrap().success());
}

#[test]
fn this_program_is_the_one_that_runs() {
    let list = Command::new(this_program()).args(["--list", "this_program_is_the_one"]).output().unwrap();
    assert!(String::from_utf8_lossy(&list.stdout).contains("jq::this_program_is_the_one_that_runs: test"), "{list:?}");
}

#[tokio::test]
async fn a_check_names_what_is_wrong() {
    let filters = |to_v3: &str, to_v2: &str| settings(to_v3, to_v2, Duration::from_millis(500));
    let said = async |settings, cases: &[Case]| -> Vec<String> {
        check(settings, cases).await.iter().map(ToString::to_string).collect()
    };
    let pair = Case::pair("hello", r#"{"msg": "hello", "msg_type": "msg"}"#);
    let good = filters(r#"{msg_type: "msg", msg: .}"#, ".msg");
    assert_eq!(said(good.clone(), &pair).await, Vec::<String>::new());
    let other = [Case { to: To::V2, given: "{}".to_owned(), expected: vec!["1".to_owned()] }];
    assert_eq!(said(good, &other).await, ["fixture 1, to_v2: 1 expected, null came"]);
    let endless = filters("def f: f; f", "error(\"no \\(.msg)\")");
    assert_eq!(said(endless, &pair).await, ["fixture 1, to_v3: timed_out", "fixture 2, to_v2: failed: no hello"]);
    assert_eq!(said(filters("{", ".\n| nosuch"), &[]).await.len(), 2);
    let mut nowhere = filters(".", ".");
    nowhere.program = "/nowhere".into();
    assert!(matches!(check(nowhere, &[]).await[..], [Finding::Untried(_)]));
}
