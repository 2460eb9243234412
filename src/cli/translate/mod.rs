//! `aether-proxy translate`: what the proxy makes of frames, line by line, without a proxy. Owns the flags and
//! the loop; each direction is a file of its own, and so is what is explained.

mod down;
mod explain;
mod own;
mod up;

use super::exit::{Exit, Failure};
use super::frames::Frames;
use super::out::{self, Out};
use super::settings::Sources;
use crate::config;
use crate::envelope::Problem;
use explain::Explained;
use serde::Serialize;
use std::io::{self, BufRead, BufReader};

/// What `--dialect` is where it is not said.
const AETHER_V2: &str = "aether-v2";

/// Translates frames between V2 and V3, one a line, from standard input to standard output
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A line that cannot be translated is named on standard error (with --explain: on standard output),
the others are translated all the same, and the exit code is 65.

EXAMPLES:
  echo '{\"msg\": \"hi\", \"n\": 1}' | aether-proxy translate --from v2 --to v3 --group g1 --client c1
  echo '{\"msg_type\":\"msg\",\"target\":\"group\",\"msg\":\"hi\"}' | aether-proxy translate --from v3 --to v2
  echo '{\"binary_hex\":\"00ff\"}' | aether-proxy translate --from v2 --to v3 --frames json --explain
  aether-proxy translate --from v3 --to v2 --set v2.annotate=off < envelopes.ndjson
  aether-proxy --config own-dialect.toml translate --dialect acme --from v2 --to v3 --explain < frames.ndjson"
)]
pub struct Translate {
    /// What comes in
    #[arg(long, value_name = "PROTOCOL")]
    from: Protocol,
    /// What goes out. V3 comes in as clients see it or as it stands on the hub (with `_hub`)
    #[arg(long, value_name = "PROTOCOL")]
    to: Protocol,
    /// The legacy dialect: aether-v2, or one that settings make
    #[arg(long, value_name = "NAME", default_value = "aether-v2")]
    dialect: String,
    /// How V2 frames stand on a line: the text as it is, or {"text":...} and {"binary_hex":...}
    #[arg(long, value_name = "FORM", default_value = "text", visible_alias = "input")]
    frames: Frames,
    /// One JSON object a line: the result, which rule led to it, and what is remarkable about the frame
    #[arg(long)]
    explain: bool,
    /// The group V2 frames come from (`group_id`)
    #[arg(long, default_value = "group")]
    group: String,
    /// The client V2 frames come from (`from_id`)
    #[arg(long, default_value = "client")]
    client: String,
    /// V3 without what the server adds: from_id, group_id, sent_at
    #[arg(long)]
    content: bool,
    /// The V2 frames are V3 messages in their V2 form (with `_v3`): make them what they were
    #[arg(long)]
    restore: bool,
}

/// A side of the translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Protocol {
    /// Loose JSON, text, binary
    V2,
    /// `WS_Message_V3`
    V3,
}

/// What became of one line.
struct Done {
    /// What is printed; nothing where nothing goes out, on purpose.
    output: Option<String>,
    /// Why nothing goes out.
    remark: Option<String>,
    /// What `--explain` prints.
    explained: Explained,
}

/// Why a line cannot be translated.
#[derive(Debug, PartialEq, Eq)]
struct Bad {
    why: String,
    problems: Vec<Problem>,
}

impl Bad {
    fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), problems: Vec::new() }
    }

    /// The problems as V3 clients get them: `[{"loc","msg","type"}]`.
    fn errors(&self) -> String {
        let mut all = String::from("[");
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                all.push(',');
            }
            problem.write_json(&mut all);
        }
        all.push(']');
        all
    }
}

/// One of the two directions, ready for lines.
trait Direction {
    fn line(&self, line: &[u8]) -> Result<Done, Bad>;
}

impl Translate {
    /// Runs it.
    ///
    /// # Errors
    /// Settings or flags that are wrong; a pipe that broke. Bad lines are no error here, only an exit code.
    pub fn run(&self, sources: &Sources) -> Result<Exit, Failure> {
        let config = config::load(&sources.options())?;
        let direction: Box<dyn Direction> = match (self.from, self.to) {
            (Protocol::V2, Protocol::V3) if self.dialect != AETHER_V2 => {
                Box::new(own::Own::new(&self.dialect, self, &config, self.frames, true)?)
            }
            (Protocol::V2, Protocol::V3) => Box::new(up::Up::new(self, &config)?),
            (Protocol::V3, Protocol::V2) if self.restore || self.content => {
                return Err(Failure::Usage("--restore and --content go with --from v2 --to v3".into()));
            }
            (Protocol::V3, Protocol::V2) => {
                // An explanation is a record, whatever is in it.
                let frames = if self.explain { Frames::Json } else { self.frames };
                if self.dialect != AETHER_V2 {
                    Box::new(own::Own::new(&self.dialect, self, &config, frames, false)?)
                } else {
                    Box::new(down::Down::new(frames, &config))
                }
            }
            _ => return Err(Failure::Usage("--from and --to name the same protocol".into())),
        };
        let (mut input, mut out) = (BufReader::new(io::stdin()), Out::new());
        let (mut line, mut lines, mut bad) = (Vec::new(), 0u64, 0u64);
        while input.read_until(b'\n', &mut line)? > 0 {
            lines += 1;
            let frame = line.strip_suffix(b"\n").unwrap_or(&line);
            match direction.line(frame) {
                Ok(done) => self.print(&mut out, lines, done)?,
                Err(why) => {
                    bad += 1;
                    self.print_bad(&mut out, lines, &why)?;
                }
            }
            line.clear();
            // Whoever waits at the other end of a pipe sees a line as soon as no more are at hand.
            if input.buffer().is_empty() {
                out.flush()?;
            }
        }
        out.flush()?;
        if bad == 0 {
            return Ok(Exit::Ok);
        }
        out::complain(&format!("{bad} of {lines} lines could not be translated"));
        Ok(Exit::Data)
    }

    fn print(&self, out: &mut Out, number: u64, done: Done) -> io::Result<()> {
        if self.explain {
            return out.line(&done.explained.json(number)?);
        }
        if let Some(remark) = done.remark {
            out.flush()?;
            out::complain(&format!("line {number}: {remark}"));
        }
        done.output.map_or(Ok(()), |output| out.line(&output))
    }

    fn print_bad(&self, out: &mut Out, number: u64, bad: &Bad) -> io::Result<()> {
        let errors = bad.errors();
        if self.explain {
            #[derive(Serialize)]
            struct Explained<'a> {
                line: u64,
                error: &'a str,
                errors: Option<Box<serde_json::value::RawValue>>,
            }
            let errors = Some(serde_json::value::RawValue::from_string(errors)?);
            return out.line(&serde_json::to_string(&Explained { line: number, error: &bad.why, errors })?);
        }
        out.flush()?;
        let errors = if bad.problems.is_empty() { String::new() } else { format!(": {errors}") };
        out::complain(&format!("line {number}: {}{errors}", bad.why));
        Ok(())
    }
}
