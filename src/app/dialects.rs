//! Owns the filters of dialects made by settings as a proxy begins: read, started, and held to their own examples. What
//! filters are is `jq`'s; field maps are checked wherever settings are read.

use crate::config::{Config, CustomDialect, Fixture, Jq};
use crate::dialect::custom::{alike, same_message};
use crate::dialect::{Notes, aether_v3, filtered};
use crate::envelope::{Draft, Problem, json};
use crate::jq::{Failure, Filters, Limits, Settings, StartError, To};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Bytes of a text that are told.
const MOST_SHOWN: usize = 2000;
/// How often an example is tried that is not done in time.
const TRIES: usize = 3;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(300);

/// Why dialects made by filters cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum DialectsError {
    /// Settings: filters that are none, or that do not do what their examples say.
    #[error("{}", .0.join("\n"))]
    Wrong(Vec<String>),
    /// No process runs them.
    #[error("{0}")]
    NoProcess(String),
}

/// The filters of all dialects, by their places in the settings.
pub type AllFilters = Arc<[Option<Filters>]>;

/// Starts the filters of all dialects, in processes of this program that end with `stop`, and tries their examples.
///
/// # Errors
/// All that is wrong with them.
pub async fn start(
    config: &Config,
    program: &Path,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<AllFilters, DialectsError> {
    let (mut all, mut wrong) = (Vec::with_capacity(config.dialects.len()), Vec::new());
    for (at, dialect) in config.dialects.iter().enumerate() {
        let filters = match one(at, dialect, program, tasks, stop).await {
            Ok(filters) => filters,
            Err(DialectsError::Wrong(problems)) => {
                wrong.extend(problems);
                None
            }
            Err(error) => return Err(error),
        };
        if let Some(filters) = &filters {
            wrong.extend(examples(at, dialect, filters).await);
        }
        all.push(filters);
    }
    if wrong.is_empty() { Ok(all.into()) } else { Err(DialectsError::Wrong(wrong)) }
}

/// All that is wrong with the filters, as `start` would say it; nothing when all is well.
///
/// # Errors
/// As `start`.
pub async fn check(config: &Config, program: &Path) -> Result<(), DialectsError> {
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let started = start(config, program, &tasks, &stop).await;
    stop.cancel();
    tasks.close();
    // The end of a process is bounded by itself.
    tasks.wait().await;
    started.map(drop)
}

/// The filters of a dialect, if it has any.
///
/// # Errors
/// They cannot be read, or are none, or cannot be run.
pub async fn one(
    at: usize,
    dialect: &CustomDialect,
    program: &Path,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Option<Filters>, DialectsError> {
    let Some(jq) = &dialect.jq else { return Ok(None) };
    let key = |name: &str| format!("`dialects[{at}].jq{name}` ({})", dialect.name);
    let texts = (text(&jq.to_v3, jq.to_v3_file.as_deref()), text(&jq.to_v2, jq.to_v2_file.as_deref()));
    let (to_v3, to_v2) = match texts {
        (Ok(to_v3), Ok(to_v2)) => (to_v3, to_v2),
        (to_v3, to_v2) => {
            let names = [(to_v3.err(), ".to_v3_file"), (to_v2.err(), ".to_v2_file")];
            let problems = names.into_iter().filter_map(|(error, name)| Some(format!("{}: {}", key(name), error?)));
            return Err(DialectsError::Wrong(problems.collect()));
        }
    };
    let settings =
        Settings { name: dialect.name.clone(), to_v3, to_v2, limits: limits(jq), program: program.to_owned() };
    match Filters::start(settings, tasks, stop.clone()).await {
        Ok(filters) => Ok(Some(filters)),
        Err(StartError::Problems(problems)) => {
            Err(DialectsError::Wrong(problems.iter().map(|problem| format!("{}: {problem}", key(""))).collect()))
        }
        Err(error @ StartError::NoProcess(_)) => Err(DialectsError::NoProcess(format!("{}: {error}", key("")))),
    }
}

fn limits(jq: &Jq) -> Limits {
    Limits { depth: jq.depth, time: jq.time, output: jq.output, memory: jq.memory as u64 }
}

/// A filter's text, or that of its file.
fn text(inline: &Option<String>, file: Option<&Path>) -> Result<String, String> {
    match (inline, file) {
        (Some(text), _) => Ok(text.clone()),
        (None, Some(file)) => std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display())),
        (None, None) => Err("is missing".into()),
    }
}

/// What is wrong with a dialect's filters by its own examples; at most one thing each.
async fn examples(at: usize, dialect: &CustomDialect, filters: &Filters) -> Vec<String> {
    let mut wrong = Vec::new();
    for (number, fixture) in dialect.fixtures.iter().enumerate() {
        if let Err(why) = example(filters, fixture).await {
            wrong.push(format!("`dialects[{at}].fixtures[{number}]` ({}): {why}", dialect.name));
        }
    }
    wrong
}

/// Up it is what is written; the same again when it is asked again, or a receipt would not be believed; and down it is
/// the frame again, unless that is not meant.
async fn example(filters: &Filters, fixture: &Fixture) -> Result<(), String> {
    let expected = expected(&fixture.v3)?;
    let ask = async |to: To, text: &str| {
        asked(filters, to, text)
            .await
            .map_err(|failure| format!("{to} of\n  {}\n{failure}", shown(text), to = word(to)))
    };
    let outputs = ask(To::V3, &fixture.legacy).await?;
    let drafts = filtered::drafts(&outputs).map_err(|problems| {
        format!("to_v3 gives\n  {}\nwhich holds no V3 message: {}", list(&outputs), told(&problems))
    })?;
    let agree = |(got, want): (&Draft<'_>, &Draft<'_>)| same_message(got, want);
    if drafts.len() != expected.len() || !drafts.iter().zip(&expected).all(agree) {
        return Err(format!("to_v3 gives\n  {}\nand not\n  {}", list(&outputs), shown(&fixture.v3)));
    }
    if ask(To::V3, &fixture.legacy).await? != outputs {
        return Err("to_v3 gives something else each time, so legacy frames would not come back exactly".into());
    }
    if drafts.len() != 1 {
        return Ok(());
    }
    let back = ask(To::V2, fixture.v3.trim()).await?;
    let same = |back: &String| *back == fixture.legacy || alike(back, &fixture.legacy);
    match back.as_slice() {
        [back] if same(back) => Ok(()),
        _ if fixture.lossy => Ok(()),
        _ => Err(format!(
            "to_v2 gives\n  {}\nand not\n  {}\n(where that is meant, say `lossy = true`)",
            list(&back),
            shown(&fixture.legacy)
        )),
    }
}

/// Asks a filter; more than once where it was not in time, since a proxy must also start on a machine that is busy.
async fn asked(filters: &Filters, to: To, text: &str) -> Result<Vec<String>, Failure> {
    let mut answer = filters.explain(to, text).await;
    for _ in 1..TRIES {
        match &answer {
            Err(failure) if !failure.error.is_of_the_text() => {
                // For a process to follow the one that died.
                sleep(PAUSE).await;
                answer = filters.explain(to, text).await;
            }
            _ => break,
        }
    }
    answer
}

/// The messages of an example: one, or a list of them.
fn expected(v3: &str) -> Result<Vec<Draft<'_>>, String> {
    let texts = json::items(v3.trim()).unwrap_or_else(|| vec![v3]);
    let all: Result<Vec<_>, _> =
        texts.into_iter().map(|text| aether_v3::draft(text, true, &mut Notes::default())).collect();
    all.map_err(|problems| format!("`v3` is no V3 message: {}", told(&problems)))
}

fn told(problems: &[Problem]) -> String {
    let mut told = String::new();
    problems.iter().for_each(|problem| problem.write_json(&mut told));
    told
}

fn word(to: To) -> &'static str {
    crate::label::Label::label(to)
}

fn list(texts: &[String]) -> String {
    if texts.is_empty() {
        "nothing".into()
    } else {
        texts.iter().map(|text| shown(text)).collect::<Vec<_>>().join("\n  ")
    }
}

fn shown(text: &str) -> &str {
    let cut = (0..=MOST_SHOWN.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
    &text[..cut]
}
