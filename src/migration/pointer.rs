//! Owns JSON pointers (RFC 6901), in which `*` stands for any one key or index. What is done with a value they lead to is
//! the business of whoever follows them.

/// One step of a pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Any one key or index.
    Any,
    /// This one.
    Key(String),
}

/// Reads a pointer; None for what is none: it begins with `/`, and `~` is followed by 0 or 1. The empty one leads to the
/// whole document.
pub fn parse(text: &str) -> Option<Vec<Step>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let steps = text.strip_prefix('/')?.split('/').map(|step| match step {
        "*" => Some(Step::Any),
        _ if step.replace("~0", "").replace("~1", "").contains('~') => None,
        _ => Some(Step::Key(step.replace("~1", "/").replace("~0", "~"))),
    });
    steps.collect()
}

/// What is left of a pointer behind this key; None where it leads elsewhere.
pub fn behind<'p>(pointer: &'p [Step], key: &str) -> Option<&'p [Step]> {
    let (first, rest) = pointer.split_first()?;
    let leads = match first {
        Step::Any => true,
        Step::Key(wanted) => wanted == key,
    };
    leads.then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_read_as_the_rfc_says() {
        let key = |text: &str| Step::Key(text.into());
        assert_eq!(parse(""), Some(vec![]));
        assert_eq!(parse("/"), Some(vec![key("")]));
        assert_eq!(parse("/a~1b/m~0n/*/0"), Some(vec![key("a/b"), key("m~n"), Step::Any, key("0")]));
        assert_eq!(parse("/~01"), Some(vec![key("~1")]));
        for none in ["a", "/~", "/~2", "a/b"] {
            assert_eq!(parse(none), None, "{none}");
        }
    }

    #[test]
    fn a_pointer_is_followed_step_by_step() {
        let pointer = parse("/a/*").expect("a pointer");
        let rest = behind(&pointer, "a").expect("it leads there");
        assert_eq!((behind(rest, "7"), behind(&pointer, "b")), (Some(&[] as &[Step]), None));
        assert_eq!(behind(&[], "a"), None);
    }
}
