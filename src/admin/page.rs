//! Owns the files of the page at `/migration`, which are part of the program: what each path gets, and of which type.

use super::answer::{self, Answer};
use hyper::HeaderMap;
use hyper::header::{CACHE_CONTROL, HeaderValue};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// One file.
struct File {
    /// Where it is asked for.
    path: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

const fn file(path: &'static str, kind: &'static str, bytes: &'static [u8]) -> File {
    File { path, kind, bytes }
}

/// All of them.
const FILES: [File; 20] = [
    file("/migration", HTML, include_bytes!("page/index.html")),
    file("/migration/page.css", CSS, include_bytes!("page/page.css")),
    file("/migration/icon.svg", SVG, include_bytes!("page/icon.svg")),
    file("/migration/api.js", JS, include_bytes!("page/api.js")),
    file("/migration/chart.js", JS, include_bytes!("page/chart.js")),
    file("/migration/clients.js", JS, include_bytes!("page/clients.js")),
    file("/migration/format.js", JS, include_bytes!("page/format.js")),
    file("/migration/left.js", JS, include_bytes!("page/left.js")),
    file("/migration/live.js", JS, include_bytes!("page/live.js")),
    file("/migration/loss.js", JS, include_bytes!("page/loss.js")),
    file("/migration/main.js", JS, include_bytes!("page/main.js")),
    file("/migration/parts.js", JS, include_bytes!("page/parts.js")),
    file("/migration/progress.js", JS, include_bytes!("page/progress.js")),
    file("/migration/retire.js", JS, include_bytes!("page/retire.js")),
    file("/migration/start.js", JS, include_bytes!("page/start.js")),
    file("/migration/timeline.js", JS, include_bytes!("page/timeline.js")),
    file("/migration/words.js", JS, include_bytes!("page/words.js")),
    file("/migration/vendor/htm/standalone.module.js", JS, include_bytes!("page/vendor/htm/standalone.module.js")),
    file("/migration/vendor/uplot/uPlot.esm.js", JS, include_bytes!("page/vendor/uplot/uPlot.esm.js")),
    file("/migration/vendor/uplot/uPlot.min.css", CSS, include_bytes!("page/vendor/uplot/uPlot.min.css")),
];

/// Is there a file for this path?
pub(super) fn has(path: &str) -> bool {
    FILES.iter().any(|file| file.path == path)
}

/// The file of a path.
pub(super) fn answered(asked: &HeaderMap, path: &str) -> Option<Answer> {
    let file = FILES.iter().find(|file| file.path == path)?;
    let mut answer = answer::tagged(asked, file.kind, file.bytes);
    // Kept, and asked for again each time: another version of the proxy may have another.
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Some(answer)
}
