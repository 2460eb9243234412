//! Owns how a place in a frame is written: `body.text`, or as a JSON pointer (RFC 6901) where a name holds a dot.

/// Names in a path. Each is one object inside another, on both sides.
const MOST_NAMES: usize = 8;

/// Names from the outside in.
pub type Path = Vec<String>;

/// Reads a path.
///
/// # Errors
/// What is wrong with it, to be put behind the path itself.
pub fn parse(text: &str) -> Result<Path, String> {
    let names: Path = match text.strip_prefix('/') {
        Some(pointer) => pointer.split('/').map(unescape).collect::<Result<_, _>>()?,
        None => text.split('.').map(str::to_owned).collect(),
    };
    // A key is found by its text and written as it stands here, so it must be one that needs no escape.
    let needs_escape = |c: char| c.is_control() || matches!(c, '"' | '\\');
    match names.iter().find(|name| name.is_empty() || name.contains(needs_escape)) {
        Some(name) if name.is_empty() => Err("has an empty name".into()),
        Some(_) => Err("has a name with a quote, a backslash or a control character".into()),
        None if names.len() > MOST_NAMES => Err(format!("is deeper than {MOST_NAMES} names")),
        None => Ok(names),
    }
}

/// `~1` is a slash, `~0` a tilde.
fn unescape(name: &str) -> Result<String, String> {
    let is_right = name.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    let text = name.replace("~1", "/").replace("~0", "~");
    is_right.then_some(text).ok_or_else(|| "has a `~` that is neither `~0` nor `~1`".into())
}

/// As it is told: dotted, unless a name holds a dot.
pub fn show(path: &[String]) -> String {
    if path.iter().all(|name| !name.contains('.') && !name.starts_with('/')) {
        return path.join(".");
    }
    path.iter().map(|name| format!("/{}", name.replace('~', "~0").replace('/', "~1"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_and_pointers_name_the_same() {
        for (text, names) in [
            ("a", &["a"][..]),
            ("body.text", &["body", "text"]),
            ("/body/text", &["body", "text"]),
            ("/a.b/c~1d~0", &["a.b", "c/d~"]),
            ("/~01", &["~1"]),
            ("$type", &["$type"]),
        ] {
            let path = parse(text).expect("a path");
            assert_eq!(path, names);
            assert_eq!(parse(&show(&path)), Ok(path), "{text}");
        }
    }

    #[test]
    fn what_is_no_path_is_told() {
        for (text, why) in [
            ("", "empty name"),
            ("a.", "empty name"),
            ("/", "empty name"),
            ("a\"b", "quote"),
            ("a\\b", "quote"),
            ("a\nb", "quote"),
            ("/a~2", "neither"),
            ("a.b.c.d.e.f.g.h.i", "deeper"),
        ] {
            assert!(parse(text).expect_err(text).contains(why), "{text}");
        }
    }
}
