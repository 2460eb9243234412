//! Owns the grammar of JSON (RFC 8259) as a scanner: where a token ends, and whether it is one. It decodes
//! nothing, allocates nothing but a stack of open brackets, and never recurses, so depth costs no stack.

use smallvec::SmallVec;

/// A place in a text. Every method moves behind what it names, or says None where that is not there.
#[derive(Debug, Clone)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    /// At the start of a text.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next byte.
    pub fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// White space, if there is some.
    #[inline]
    pub fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// This very byte.
    #[inline]
    pub fn byte(&mut self, wanted: u8) -> Option<()> {
        (self.peek() == Some(wanted)).then(|| self.at += 1)
    }

    /// White space and then nothing.
    pub fn end(&mut self) -> Option<()> {
        self.space();
        (self.at == self.text.len()).then_some(())
    }

    /// A string, as the token it is, and whether there are escapes in it.
    #[inline]
    pub fn string(&mut self) -> Option<(&'a str, bool)> {
        let from = self.at;
        let escaped = self.skip_string()?;
        Some((self.text.get(from..self.at)?, escaped))
    }

    /// Any value, as the token it is.
    #[inline]
    pub fn value(&mut self) -> Option<&'a str> {
        let from = self.at;
        match self.peek()? {
            b'{' | b'[' => self.skip_container()?,
            _ => self.skip_scalar()?,
        }
        self.text.get(from..self.at)
    }

    fn skip_scalar(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.skip_string().map(|_| ()),
            b'-' | b'0'..=b'9' => self.skip_number(),
            b't' => self.skip_word("true"),
            b'f' => self.skip_word("false"),
            b'n' => self.skip_word("null"),
            _ => None,
        }
    }

    /// An object or a list with all that is in it.
    fn skip_container(&mut self) -> Option<()> {
        // What closes each open bracket.
        let mut open: SmallVec<[u8; 64]> = SmallVec::new();
        loop {
            // At a value.
            let first = self.peek()?;
            if let b'{' | b'[' = first {
                self.at += 1;
                self.space();
                // In ASCII both closing brackets stand two behind the opening ones.
                if self.byte(first + 2).is_none() {
                    open.push(first + 2);
                    self.skip_key(first + 2)?;
                    continue;
                }
            } else {
                self.skip_scalar()?;
            }
            // Behind a value.
            loop {
                let Some(&close) = open.last() else { return Some(()) };
                self.space();
                if self.byte(b',').is_some() {
                    self.space();
                    self.skip_key(close)?;
                    break;
                }
                self.byte(close)?;
                open.pop();
            }
        }
    }

    /// In an object: a key, its colon, and the white space behind.
    fn skip_key(&mut self, close: u8) -> Option<()> {
        if close == b'}' {
            self.skip_string()?;
            self.colon()?;
        }
        Some(())
    }

    /// A colon with white space around.
    #[inline]
    pub fn colon(&mut self) -> Option<()> {
        self.space();
        self.byte(b':')?;
        self.space();
        Some(())
    }

    fn skip_word(&mut self, word: &str) -> Option<()> {
        self.text.as_bytes()[self.at..].starts_with(word.as_bytes()).then(|| self.at += word.len())
    }

    fn skip_digits(&mut self) -> Option<()> {
        let from = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        (self.at > from).then_some(())
    }

    fn skip_number(&mut self) -> Option<()> {
        let _ = self.byte(b'-');
        // No digit may follow a leading nought; whoever looks for what follows the number will notice.
        match self.byte(b'0') {
            Some(()) => {}
            None => self.skip_digits()?,
        }
        if self.byte(b'.').is_some() {
            self.skip_digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.skip_digits()?;
        }
        Some(())
    }

    /// Were there escapes in it?
    #[inline]
    fn skip_string(&mut self) -> Option<bool> {
        self.byte(b'"')?;
        let mut escaped = false;
        loop {
            self.at += plain_run(&self.text.as_bytes()[self.at..]);
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(escaped);
                }
                b'\\' => self.skip_escape()?,
                _ => return None,
            }
            escaped = true;
        }
    }

    #[inline]
    fn skip_escape(&mut self) -> Option<()> {
        match self.text.as_bytes().get(self.at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 2,
            b'u' => {
                let digits = self.text.as_bytes().get(self.at + 2..self.at + 6)?;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
                self.at += 6;
            }
            _ => return None,
        }
        Some(())
    }
}

/// How many bytes stand before the first quote, backslash or control character; eight at a time.
#[inline]
pub(super) fn plain_run(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES << 7;
    let (words, rest) = bytes.as_chunks::<8>();
    for (i, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quote = word ^ (ONES * u64::from(b'"'));
        let slash = word ^ (ONES * u64::from(b'\\'));
        // The lowest high bit that is set marks the first such byte; higher ones may be borrowed.
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let found = ((quote.wrapping_sub(ONES) & !quote) | (slash.wrapping_sub(ONES) & !slash) | control) & HIGH;
        if found != 0 {
            return i * 8 + (found.trailing_zeros() / 8) as usize;
        }
    }
    let tail = rest.iter().position(|&b| b == b'"' || b == b'\\' || b < 0x20).unwrap_or(rest.len());
    words.len() * 8 + tail
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    fn whole(text: &str) -> Option<&str> {
        let mut scanner = Scanner::new(text);
        scanner.space();
        let token = scanner.value()?;
        scanner.end()?;
        Some(token)
    }

    fn is_what_serde_says(text: &str) -> Result<(), TestCaseError> {
        let serde = serde_json::from_str::<&RawValue>(text).ok().map(RawValue::get);
        prop_assert_eq!(whole(text), serde, "{:?}", text);
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn agrees_with_serde_json_on_what_is_json(pieces in proptest::collection::vec(proptest::sample::select(&[
            "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"a\":", "\"b\":1", "0", "1", "-", "-0", ".5", "1.0", "e", "E+1", "true",
            "null", "false", "tru", " ", "\n", "\t", "\u{b}", "\\", "\\n", "\\u00e", "\\u00e9", "\\x", "\"\\ud800\"", "é", "\u{1f}",
            "\u{7f}", "\u{feff}", "[]", "{}", "[1,2]", "{\"a\":[{}]}", "\"long enough for eight at a time \\\" é \"",
        ][..]), 0..9)) {
            let text = pieces.concat();
            is_what_serde_says(&text)?;
            is_what_serde_says(&format!("[{text}]"))?;
            is_what_serde_says(&format!("{{\"k\":{text}}}"))?;
            is_what_serde_says(&format!("\"{text}\""))?;
        }

        #[test]
        fn a_run_ends_at_the_first_byte_that_is_not_plain(bytes in proptest::collection::vec(prop_oneof![
            30 => any::<u8>(), 1 => Just(b'"'), 1 => Just(b'\\'), 1 => Just(0x1f), 60 => 0x20..=0xffu8
        ], 0..40)) {
            let slow = bytes.iter().position(|&b| b == b'"' || b == b'\\' || b < 0x20).unwrap_or(bytes.len());
            prop_assert_eq!(plain_run(&bytes), slow);
        }
    }
}
