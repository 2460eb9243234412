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

/// Whoever looks wants no colours (<https://no-color.org>).
pub fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Says how far it is, over what was said before: for terminals only.
pub fn progress(text: &str) {
    let mut err = io::stderr();
    let _ = write!(err, "\r{text}\x1b[K");
    let _ = err.flush();
}

/// Client text for a terminal: at most `most` characters, none of which moves the cursor.
pub fn shortened(text: &str, most: usize) -> String {
    let mut short = String::new();
    for (at, c) in text.chars().enumerate() {
        if at == most {
            short.push('…');
            break;
        }
        // Also what turns the direction of writing around, or hides.
        let unseen = c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if unseen { short.extend(c.escape_unicode()) } else { short.push(c) }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_text_is_short_and_moves_no_cursor() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöüx", 3), "äöü…");
        assert_eq!(shortened("a\u{1b}[2J\r\n\u{202e}", 80), "a\\u{1b}[2J\\u{d}\\u{a}\\u{202e}");
    }
}
