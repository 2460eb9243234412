//! Owns the child: bounds itself, then answers calls until its parent has gone. It has no environment, opens no file,
//! and writes nothing about a message anywhere but into its answer.

use super::functions::prepare;
use super::protocol::{self, HEAD, Hello};
use super::translate::translate;
use super::{Problem, To};
use rlimit::{Resource, getrlimit, setrlimit};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, BufReader, Read, Write, stdin, stdout};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Barrier};
use std::thread;

/// The command that makes the program a worker; `cli` has it too.
pub const WORKER: &str = "jq-worker";
/// Standard input, output and error, and a second time the first two: nothing may be opened beside them.
const DESCRIPTORS: u64 = 5;
/// Stack of the thread that waits for the parent to go. It does nothing else.
const WATCH_STACK: usize = 64 << 10;

/// Works for the parent on standard input and output, until it closes them.
///
/// # Errors
/// What is read is no protocol, or the limits cannot be set.
pub fn work() -> io::Result<()> {
    // The words of a panic can hold what a message holds.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|at| format!(" at {}:{}", at.file(), at.line())).unwrap_or_default();
        let _ = writeln!(io::stderr(), "panicked{place}");
    }));
    // Not the ones of std, which lock, and cut what is written at its line ends.
    let input: OwnedFd = stdin().as_fd().try_clone_to_owned()?;
    let output: OwnedFd = stdout().as_fd().try_clone_to_owned()?;
    // Up before the limits are set: what a thread takes to start is not what a filter takes.
    let up = Arc::new(Barrier::new(2));
    let is_up = Arc::clone(&up);
    thread::Builder::new().stack_size(WATCH_STACK).spawn(move || watch(&is_up))?;
    up.wait();
    serve(&mut BufReader::new(File::from(input)), &mut File::from(output), bound)
}

/// Ends the process when the parent has gone, also in the middle of an endless filter.
fn watch(is_up: &Barrier) {
    let stdin = stdin();
    is_up.wait();
    loop {
        // Asked for nothing, it still tells of a pipe whose other end was closed.
        match poll(&mut [PollFd::new(&stdin, PollFlags::empty())], None) {
            Err(Errno::INTR) => {}
            Err(_) => return,
            Ok(_) => std::process::exit(0),
        }
    }
}

/// Takes from this process what a filter has no use for.
fn bound(memory: u64) -> io::Result<()> {
    let lower = |resource: Resource, to: u64| {
        let (_, hard) = getrlimit(resource)?;
        setrlimit(resource, to.min(hard), to.min(hard))
    };
    // An overflow of the stack is no news: it leaves no core.
    lower(Resource::CORE, 0)?;
    lower(Resource::FSIZE, 0)?;
    // Where there is no /proc the kernel counts no address space either.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")?.trim().strip_suffix(" kB")?.parse().ok());
    if let Some(size) = size.and_then(|kib: u64| kib.checked_mul(1024)) {
        lower(Resource::AS, size.saturating_add(memory))?;
    }
    lower(Resource::NOFILE, DESCRIPTORS)
}

/// Answers what is read until there is no more.
fn serve(input: &mut impl Read, output: &mut impl Write, bound: impl FnOnce(u64) -> io::Result<()>) -> io::Result<()> {
    let mut body = Vec::new();
    if !next(input, &mut body)? {
        return Ok(());
    }
    let Hello { to_v3, to_v2, limits } = serde_json::from_slice(&body)?;
    bound(limits.memory)?;
    let (to_v3, to_v2) = match (prepare(To::V3, &to_v3), prepare(To::V2, &to_v2)) {
        (Ok(to_v3), Ok(to_v2)) => (to_v3, to_v2),
        (to_v3, to_v2) => {
            let problems = to_v3.err().into_iter().chain(to_v2.err()).flatten();
            return output.write_all(&protocol::json(&problems.collect::<Vec<Problem>>())?);
        }
    };
    output.write_all(&protocol::json(&Vec::<Problem>::new())?)?;
    while next(input, &mut body)? {
        let (to, text) = protocol::read_call(&body)?;
        let filter = match to {
            To::V3 => &to_v3,
            To::V2 => &to_v2,
        };
        output.write_all(&protocol::answer(&translate(filter, to, text, &limits)))?;
    }
    Ok(())
}

/// Reads the next frame's body; false when there is none.
fn next(input: &mut impl Read, body: &mut Vec<u8>) -> io::Result<bool> {
    let mut head = [0; HEAD];
    match input.read_exact(&mut head) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
        read => read?,
    }
    body.clear();
    // A large message is not kept for all those that follow.
    body.shrink_to(64 << 10);
    let length = protocol::length(head);
    if input.take(length as u64).read_to_end(body)? < length { Ok(false) } else { Ok(true) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jq::{JqError, Limits};

    /// What a worker says to these calls.
    fn said(to_v3: &str, to_v2: &str, calls: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let hello = Hello { to_v3: to_v3.to_owned(), to_v2: to_v2.to_owned(), limits: Limits::default() };
        let input = [protocol::json(&hello).expect("JSON"), calls.concat()].concat();
        let (mut output, mut bounded) = (Vec::new(), 0);
        let bound = |memory| {
            bounded = memory;
            Ok(())
        };
        serve(&mut input.as_slice(), &mut output, bound).expect("served");
        assert_eq!(bounded, Limits::default().memory);
        let (mut rest, mut bodies, mut body) = (output.as_slice(), Vec::new(), Vec::new());
        while next(&mut rest, &mut body).expect("a frame") {
            bodies.push(body.clone());
        }
        bodies
    }

    #[test]
    fn calls_are_answered_in_order() {
        let calls = [protocol::call(To::V3, "1"), protocol::call(To::V2, "2"), protocol::call(To::V3, "[[")];
        let bodies = said("if . == 1 then {a: .} else . end", "., .", &calls);
        assert_eq!(bodies[0], b"[]");
        let answers: Vec<_> = bodies[1..].iter().map(|body| protocol::read_answer(body).expect("an answer")).collect();
        let texts = |all: &[&str]| Ok(all.iter().map(ToString::to_string).collect());
        assert_eq!(answers, [texts(&["{\"a\":1}"]), texts(&["2", "2"]), Err(JqError::NoObject.into())]);
    }

    #[test]
    fn a_filter_that_is_none_is_said_and_nothing_is_served() {
        let bodies = said("env", "}", &[protocol::call(To::V3, "1")]);
        assert_eq!(bodies.len(), 1);
        let problems = protocol::read_problems(&bodies[0]).expect("problems");
        assert_eq!(problems.iter().map(|problem| problem.filter).collect::<Vec<_>>(), [To::V3, To::V2]);
    }

    #[test]
    fn a_frame_that_is_cut_off_ends_it() {
        let mut call = protocol::call(To::V3, "123");
        call.pop();
        assert_eq!(said("{}", ".", &[call]).len(), 1);
        assert_eq!(said("{}", ".", &[vec![0, 0]]).len(), 1);
    }
}
