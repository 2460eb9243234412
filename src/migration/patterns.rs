//! Owns lists of patterns with `*` and `?`, as settings name tenants, clients and user agents; made ready once.

use wildmatch::WildMatch;

/// One pattern. Most are plain names, which are compared faster.
#[derive(Debug)]
enum Pattern {
    Any,
    Name(Box<str>),
    Wild(WildMatch),
}

impl Pattern {
    fn new(text: &str) -> Self {
        match text {
            "*" => Self::Any,
            text if text.contains(['*', '?']) => Self::Wild(WildMatch::new(text)),
            text => Self::Name(text.into()),
        }
    }

    /// Upper and lower case are the same.
    fn in_any_case(text: &str) -> Self {
        if text == "*" { Self::Any } else { Self::Wild(WildMatch::new_case_insensitive(text)) }
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Name(name) => **name == *text,
            Self::Wild(pattern) => pattern.matches(text),
        }
    }
}

/// Patterns of which one must match; none at all means everybody.
#[derive(Debug)]
pub(super) struct Patterns(Vec<Pattern>);

impl Patterns {
    /// From the settings.
    pub fn new(texts: &[String]) -> Self {
        Self(texts.iter().map(|text| Pattern::new(text)).collect())
    }

    /// The same, where upper and lower case are the same.
    pub fn in_any_case(texts: &[String]) -> Self {
        Self(texts.iter().map(|text| Pattern::in_any_case(text)).collect())
    }

    /// Is this one meant?
    pub fn means(&self, text: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| pattern.matches(text))
    }

    /// Is everybody meant?
    pub fn is_open(&self) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| matches!(pattern, Pattern::Any))
    }
}
