//! Owns how one client is asked for: by a script that reads its own few fields, once for all who ask for the same at
//! the same time. The whole group is read for nobody but who asks for it.

use super::{Op, Open, Presence};
use crate::hub::bus::redis::member;
use crate::hub::presence::{Member, Sought};
use redis::{Pipeline, Value};
use std::collections::HashMap;
use tokio::sync::oneshot;

/// What is asked for by operations of one pipeline, and the answers. It is read behind all that the pipeline writes:
/// an answer may be newer than its question, never older.
#[derive(Debug)]
pub(super) struct Asked(HashMap<Sought, Option<Member>>);

impl Asked {
    pub(super) fn of(ops: &[Op]) -> Self {
        let sought = |op: &Op| match op {
            Op::Ask(sought, _) => Some((sought.clone(), None)),
            _ => None,
        };
        Self(ops.iter().filter_map(sought).collect())
    }

    pub(super) fn write(&self, pipe: &mut Pipeline, presence: &Presence, open: &Open) {
        for sought in self.0.keys() {
            pipe.cmd("EVALSHA").arg(&open.member).arg(1).arg(presence.keys.presence(&sought.group));
            pipe.arg(if sought.of_anyone() { member::accounts(&sought.client) } else { String::new() });
            pipe.arg(sought.client.as_str());
            for account in sought.accounts() {
                pipe.arg(member::who(account.as_ref(), &sought.client));
            }
        }
    }

    /// Takes its own answers, which are the last, and tells them to those who asked.
    pub(super) fn tell(mut self, answers: &mut Vec<Value>, ops: &mut [Op]) {
        let own = answers.split_off(answers.len().saturating_sub(self.0.len()));
        for (member, answer) in self.0.values_mut().zip(own) {
            let found = redis::from_redis_value::<Option<(String, String, Option<String>)>>(answer);
            *member = found.ok().flatten().and_then(|(who, newest, said)| member::one(&who, &newest, |_| said));
        }
        for op in ops {
            if let Op::Ask(sought, answer) = op {
                let (gone, _) = oneshot::channel();
                // Whoever asked may have gone.
                let _ = std::mem::replace(answer, gone).send(self.0.get(sought).cloned().flatten());
            }
        }
    }
}
