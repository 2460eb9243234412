//! Owns the files of the page at `/migration`, which are part of the program: what each path gets, and of which type.

use super::answer::{self, Answer};
use hyper::header::{CACHE_CONTROL, HeaderValue, LOCATION};
use hyper::{HeaderMap, StatusCode};

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
const FILES: [File; 21] = [
    file("/migration", HTML, include_bytes!("page/index.html")),
    file("/migration/page.css", CSS, include_bytes!("page/page.css")),
    file("/migration/icon.svg", SVG, include_bytes!("page/icon.svg")),
    file("/migration/api.js", JS, include_bytes!("page/api.js")),
    file("/migration/chart.js", JS, include_bytes!("page/chart.js")),
    file("/migration/clients.js", JS, include_bytes!("page/clients.js")),
    file("/migration/format.js", JS, include_bytes!("page/format.js")),
    file("/migration/groups.js", JS, include_bytes!("page/groups.js")),
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

/// The page names its files relative to its own address, so it has one only.
const SLASHED: &str = "/migration/";

/// Is there a file for this path?
pub(super) fn has(path: &str) -> bool {
    path == SLASHED || FILES.iter().any(|file| file.path == path)
}

/// The file of a path.
pub(super) fn answered(asked: &HeaderMap, path: &str) -> Option<Answer> {
    if path == SLASHED {
        let mut answer = answer::write(StatusCode::PERMANENT_REDIRECT, answer::TEXT, "../migration\n");
        answer.headers_mut().insert(LOCATION, HeaderValue::from_static("../migration"));
        return Some(answer);
    }
    let file = FILES.iter().find(|file| file.path == path)?;
    let mut answer = answer::tagged(asked, file.kind, file.bytes);
    // Kept, and asked for again each time: another version of the proxy may have another.
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};
    use std::path::{Path, PathBuf};

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/admin/page")
    }

    /// Files below a folder, by their path in it.
    fn files(folder: &Path, below: &str) -> Vec<String> {
        let entries = std::fs::read_dir(folder.join(below)).expect("a folder");
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.expect("an entry").path();
            let name = format!("{below}{}", path.file_name().and_then(|n| n.to_str()).expect("a name"));
            match path.is_dir() {
                true => found.extend(files(folder, &format!("{name}/"))),
                false => found.push(name),
            }
        }
        found
    }

    #[test]
    fn every_file_of_the_folder_is_served_and_says_what_it_owns() {
        for name in files(&folder(), "") {
            let path = if name == "index.html" { "/migration".to_owned() } else { format!("/migration/{name}") };
            let shown = !(name.ends_with(".md") || name.contains("LICENSE"));
            assert_eq!(has(&path), shown, "{name}");
            let own = shown && !name.starts_with("vendor/") && !name.ends_with(".svg");
            let text = std::fs::read_to_string(folder().join(&name)).expect("a text");
            let head: String = text.lines().take(2).collect();
            assert!(!own || head.contains("Owns "), "{name} does not begin with what it owns");
        }
    }

    #[test]
    fn the_page_has_one_address() {
        let slashed = answered(&HeaderMap::new(), SLASHED).expect("an answer");
        assert_eq!(slashed.status(), StatusCode::PERMANENT_REDIRECT);
        assert_eq!(slashed.headers()[LOCATION], "../migration");
    }

    #[test]
    fn no_file_names_another_server_or_has_a_style_or_script_in_it() {
        for file in FILES.iter().filter(|file| !file.path.contains("/vendor/")) {
            let text = std::str::from_utf8(file.bytes).expect("UTF-8").replace("http://www.w3.org/2000/svg", "");
            for word in ["http://", "https://", "innerHTML", "dangerouslySet", " style=\"", "onclick=\"", "<style"] {
                assert!(!text.contains(word), "{} holds {word}", file.path);
            }
        }
    }

    #[test]
    fn libraries_are_as_they_were_published() {
        let vendor = folder().join("vendor");
        let readme = std::fs::read_to_string(vendor.join("README.md")).expect("a text");
        let listed = readme.lines().filter(|line| line.starts_with("| `")).count();
        let there: Vec<_> = files(&vendor, "").into_iter().filter(|name| name != "README.md").collect();
        assert_eq!(listed, there.len(), "{there:?}");
        for name in there {
            let sum = Sha256::digest(std::fs::read(vendor.join(&name)).expect("a file"));
            let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
            let line = readme.lines().find(|line| line.starts_with(&format!("| `{name}` |"))).expect("a line");
            assert!(line.contains(&sum), "{name} is {sum}, its README says {line}");
        }
    }
}
