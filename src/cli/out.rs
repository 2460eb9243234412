//! Owns the only places that write to standard output and standard error; the log writes by itself.

use std::io::{self, BufWriter, Stdout, Write};

/// Standard output, in lines. What is written may wait in memory until `flush`.
#[derive(Debug)]
pub struct Out(BufWriter<Stdout>);

impl Out {
    /// Standard output.
    pub fn new() -> Self {
        Self(BufWriter::new(io::stdout()))
    }

    /// Writes a text and a line break.
    ///
    /// # Errors
    /// A broken pipe when the reader has gone; it ends the command in silence (`exit::Failure`).
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        self.0.write_all(text.as_bytes())?;
        self.0.write_all(b"\n")
    }

    /// Lets the reader see it.
    ///
    /// # Errors
    /// As `line`.
    pub fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Default for Out {
    fn default() -> Self {
        Self::new()
    }
}

/// Says something to people, on standard error. If nobody can read it, nothing can be done about that.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
