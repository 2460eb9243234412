//! Owns the files of the page at `/migration`, which are part of the program: what each path gets, and of which type.

use super::answer::{self, Answer};
use hyper::HeaderMap;
use hyper::header::{CACHE_CONTROL, HeaderValue};

const HTML: &str = "text/html; charset=utf-8";

/// One file.
struct File {
    /// Where it is asked for.
    path: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

/// All of them.
const FILES: [File; 2] = [
    File { path: "/migration", kind: HTML, bytes: include_bytes!("page/index.html") },
    File { path: "/migration/", kind: HTML, bytes: include_bytes!("page/index.html") },
];

/// Is there a file for this path?
pub(super) fn has(path: &str) -> bool {
    FILES.iter().any(|file| file.path == path)
}

/// The file of a path.
pub(super) fn file(asked: &HeaderMap, path: &str) -> Option<Answer> {
    let file = FILES.iter().find(|file| file.path == path)?;
    let mut answer = answer::tagged(asked, file.kind, file.bytes);
    // Kept, and asked for again each time: another version of the proxy may have another.
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Some(answer)
}
