//! Signals to processes and the question whether they arrived. Knows nothing of what the processes do.

use super::{PATIENCE, eventually::eventually};
use std::{fs, process::Command};

/// Sends a signal by its name without `SIG`: `TERM`, `HUP`, `STOP`.
pub fn signal(pid: u32, name: &str) {
    // The shell's own kill: /bin/kill is not everywhere.
    let status = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &pid.to_string()]).status();
    assert!(status.expect("a shell").success(), "SIG{name} could not be sent to {pid}");
}

/// Stops a process where it stands, and returns when it really stands.
pub async fn freeze(pid: u32) {
    signal(pid, "STOP");
    eventually!(PATIENCE, state(pid), |state| *state == Some('T'));
}

/// Lets a stopped process go on.
pub async fn thaw(pid: u32) {
    signal(pid, "CONT");
    eventually!(PATIENCE, state(pid), |state| *state != Some('T'));
}

/// The state letter of Linux (`man 5 proc`): `R`, `S`, `T` for stopped, `Z`; none when there is no such process.
pub fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Resident memory in bytes.
pub fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number of kB") * 1024
}

/// Open files, sockets among them.
pub fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).expect("a running process").count()
}
