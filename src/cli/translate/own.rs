//! Owns what becomes of a frame in a dialect made by settings, and which step, or which filter, did what.

use super::down::Down;
use super::explain::{Explained, verbatim};
use super::up::Up;
use super::{Bad, Direction, Done, Exit, Failure, Frames, Translate};
use crate::app::{self, DialectsError};
use crate::cli::frames::Record;
use crate::config::{Config, ConfigError, DialectName};
use crate::dialect::custom::{self, Hears, Lens, Taken, Told};
use crate::dialect::filtered::{self, Trace, is_first, is_for_others, is_source};
use crate::dialect::lens::Annotate;
use crate::dialect::{Filtered, Frame, Hidden, HubMessage, OwnedFrame, Receipt, wire};
use crate::envelope::{Draft, MsgType};
use crate::jq::{Filters, To, this_program};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// As mounts set it up.
const HEARS: Hears = Hears { annotate: Annotate::Off, presence: false };

/// One dialect, both ways.
pub(super) struct Own {
    by: Filtered,
    kind: Kind,
    frames: Frames,
    up: Up,
    down: Down,
    to_v3: bool,
}

enum Kind {
    Map(Box<Lens>),
    /// The runtime ends with them, and their process with it.
    Filters(Filters, Runtime),
}

/// One line of `--explain`.
#[derive(Debug, Default, Serialize)]
pub(super) struct Tale {
    dialect: String,
    /// `map`, `to_v3`, `to_v2`, `original`, `hidden`, `dropped` or `refused`.
    rule: &'static str,
    /// What each step of a map did.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<Step>,
    /// What a filter gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<Vec<String>>,
    /// Is the text of the frame kept beside the message?
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    v3: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hub: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    v2: Vec<Record>,
    /// What a client is told whose frame is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Record>,
}

#[derive(Debug, Serialize)]
struct Step {
    /// Counted from nought, as in the settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<usize>,
    what: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    before: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    after: String,
}

impl From<Told> for Step {
    fn from(told: Told) -> Self {
        Self { step: told.step, what: told.words, before: told.before, after: told.after }
    }
}

impl Own {
    /// From flags and settings.
    ///
    /// # Errors
    /// There is no such dialect, it is one of conversations, or its filters are none.
    pub fn new(name: &str, flags: &Translate, config: &Config, frames: Frames, to_v3: bool) -> Result<Self, Failure> {
        if DialectName::BUILT_IN.iter().any(|built_in| built_in.label() == name) {
            let text = format!(
                "--dialect {name}: what its frames mean depends on what was said before; `compat/cases/{name}` plays such \
                 conversations"
            );
            return Err(Failure::Usage(text));
        }
        if flags.restore {
            return Err(Failure::Usage("--restore goes with aether-v2".into()));
        }
        let found = config.dialects.iter().enumerate().find(|(_, dialect)| dialect.name == name);
        let (place, dialect) = found.ok_or_else(|| {
            let known: Vec<_> = config.dialects.iter().map(|dialect| dialect.name.as_str()).collect();
            let known = if known.is_empty() { "settings make none".into() } else { known.join(", ") };
            Failure::Usage(format!("--dialect {name}: there is no such dialect ({known})"))
        })?;
        let lens = dialect
            .lens()
            .map_err(|problems| ConfigError { problems: problems.iter().map(ToString::to_string).collect() })?;
        let kind = match lens {
            Some(lens) => Kind::Map(Box::new(lens)),
            None => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                let (tasks, stop, program) = (TaskTracker::new(), CancellationToken::new(), this_program());
                let filters = runtime.block_on(app::filters_of(place, dialect, &program, &tasks, &stop));
                let filters = filters.map_err(|error| match error {
                    DialectsError::Wrong(problems) => ConfigError { problems }.into(),
                    DialectsError::NoProcess(text) => Failure::Other(Exit::Unavailable, text),
                })?;
                let none = || Failure::Usage(format!("--dialect {name}: it has neither a map nor filters"));
                Kind::Filters(filters.ok_or_else(none)?, runtime)
            }
        };
        let by = Filtered { name: name.into(), place };
        Ok(Self { by, kind, frames, up: Up::new(flags, config)?, down: Down::new(frames, config), to_v3 })
    }

    fn tale(&self, rule: &'static str) -> Tale {
        Tale { dialect: self.by.name.as_ref().to_owned(), rule, ..Tale::default() }
    }

    /// Asks a filter.
    fn ask(&self, to: To, text: &str) -> Result<Vec<String>, Bad> {
        let Kind::Filters(filters, runtime) = &self.kind else { return Ok(Vec::new()) };
        let word = crate::label::Label::label(to);
        runtime.block_on(filters.explain(to, text)).map_err(|failure| Bad::new(format!("{word}: {failure}")))
    }

    fn upwards(&self, frame: Frame<'_>) -> Result<Done, Bad> {
        match (&self.kind, frame) {
            (Kind::Map(lens), _) => self.mapped(lens, frame),
            (Kind::Filters(..), Frame::Binary(_)) => {
                Err(Bad::new("a binary frame: filters know JSON and text, and it is refused"))
            }
            (Kind::Filters(..), Frame::Text(text)) => {
                let outputs = self.ask(To::V3, text)?;
                let drafts = filtered::drafts(&outputs)
                    .map_err(|problems| Bad { why: "to_v3: an output is no V3 message".into(), problems })?;
                let mut tale = self.tale(if drafts.is_empty() { "dropped" } else { "to_v3" });
                let mut shown = Vec::new();
                for (at, draft) in drafts.iter().enumerate() {
                    let raw = is_first(&drafts, at).then_some(text);
                    let receipt = is_for_others(draft).then(|| self.by.receipt(raw));
                    shown.push(self.seal(draft, receipt.as_ref(), &mut tale)?);
                }
                tale.outputs = Some(outputs.clone());
                let remark = shown.is_empty().then(|| "to_v3 gives nothing: the frame is dropped".to_owned());
                Ok(done(&shown, remark, tale))
            }
        }
    }

    fn mapped(&self, lens: &Lens, frame: Frame<'_>) -> Result<Done, Bad> {
        let mut tale = self.tale("map");
        tale.steps = lens.explain(frame).into_iter().map(Step::from).collect();
        match lens.upgrade(frame) {
            Taken::Refused(answer) => {
                (tale.rule, tale.answer) = ("refused", answer.as_ref().map(Record::from));
                Ok(done(&[], Some("no frame of this dialect: it is refused".into()), tale))
            }
            Taken::Message(translated) => {
                let custom::Translated { draft, mut receipt } = translated;
                receipt.dialect = Some(self.by.name.as_ref().to_owned().into());
                tale.raw = Some(receipt.raw.is_some());
                let shown = self.seal(&draft, is_for_others(&draft).then_some(&receipt), &mut tale)?;
                Ok(done(&[shown], None, tale))
            }
        }
    }

    /// What V3 clients see of a message, and what stands on the hub.
    fn seal(&self, draft: &Draft<'_>, receipt: Option<&Receipt<'_>>, tale: &mut Tale) -> Result<String, Bad> {
        let (envelope, shown) = self.up.sealed(draft, None);
        tale.v3.push(verbatim(shown.clone())?);
        if receipt.is_some() {
            tale.hub.push(verbatim(wire::write(&envelope, receipt, self.up.wire()).unstamped())?);
        }
        Ok(shown)
    }

    fn downwards(&self, line: &[u8]) -> Result<Done, Bad> {
        let text = std::str::from_utf8(line).map_err(|_| Bad::new("not UTF-8"))?;
        let text = self.down.as_on_the_hub(text);
        let message = HubMessage::read(&text).map_err(super::down::bad)?;
        let mut tale = self.tale("map");
        let frames = match &self.kind {
            Kind::Map(lens) => {
                let own = message.receipt().filter(|r| r.dialect.as_deref() == Some(self.by.name.as_ref()));
                tale.steps = lens.explain_down(message.draft()).into_iter().map(Step::from).collect();
                lens.downgrade_by(&message, own, HEARS).map(|frame| vec![frame])
            }
            Kind::Filters(..) => match (message.msg_type(), self.by.trace(&message)) {
                (MsgType::Presence, _) => Err(Hidden::PresenceToV2),
                (_, Trace::Part) => Err(Hidden::DialectRule),
                (_, trace) => Ok(self.filtered(&message, trace, &mut tale)?),
            },
        };
        let frames = frames.unwrap_or_else(|_| {
            tale.rule = "hidden";
            Vec::new()
        });
        tale.v2 = frames.iter().map(Record::from).collect();
        let shown = frames.iter().map(|frame| self.frames.write(frame)).collect::<Result<Vec<_>, _>>();
        let remark = frames.is_empty().then(|| "not shown to clients of this dialect".to_owned());
        Ok(done(&shown.map_err(Bad::new)?, remark, tale))
    }

    fn filtered(&self, message: &HubMessage<'_>, trace: Trace<'_>, tale: &mut Tale) -> Result<Vec<OwnedFrame>, Bad> {
        let visible = message.visible();
        if let Trace::Frame(raw) = trace
            && self.ask(To::V3, raw).is_ok_and(|outputs| is_source(&outputs, &visible))
        {
            tale.rule = "original";
            return Ok(vec![OwnedFrame::Text(raw.to_owned())]);
        }
        let outputs = self.ask(To::V2, &visible)?;
        (tale.rule, tale.outputs) = (if outputs.is_empty() { "hidden" } else { "to_v2" }, Some(outputs.clone()));
        Ok(outputs.into_iter().map(OwnedFrame::Text).collect())
    }
}

/// Each of several on a line of its own.
fn done(shown: &[String], remark: Option<String>, tale: Tale) -> Done {
    let output = (!shown.is_empty()).then(|| shown.join("\n"));
    Done { output, remark, explained: Explained::Own(Box::new(tale)) }
}

impl Direction for Own {
    fn line(&self, line: &[u8]) -> Result<Done, Bad> {
        if !self.to_v3 {
            return self.downwards(line);
        }
        let frame = self.frames.read(line).map_err(Bad::new)?;
        self.upwards(frame.borrow())
    }
}
