//! Finds the browser and its driver, as `tests/run` installs them. Without them nothing is skipped: a page that no
//! browser has drawn is not tested.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// Chromium, or Chrome.
pub fn chromium() -> PathBuf {
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    or_panic(find("AETHER_TEST_CHROMIUM", env::var_os("AETHER_TEST_CHROMIUM"), &names, env::var_os("PATH").as_deref()))
}

/// What drives it.
pub fn chromedriver() -> PathBuf {
    let named = env::var_os("AETHER_TEST_CHROMEDRIVER");
    or_panic(find("AETHER_TEST_CHROMEDRIVER", named, &["chromedriver"], env::var_os("PATH").as_deref()))
}

fn or_panic(found: Result<PathBuf, String>) -> PathBuf {
    found.unwrap_or_else(|problem| panic!("{problem}"))
}

/// The variable, then PATH.
fn find(variable: &str, named: Option<OsString>, names: &[&str], path: Option<&OsStr>) -> Result<PathBuf, String> {
    if let Some(named) = named.filter(|named| !named.is_empty()).map(PathBuf::from) {
        return if named.is_file() { Ok(named) } else { Err(format!("{variable}={} is not a file", named.display())) };
    }
    let folders: Vec<PathBuf> = path.iter().flat_map(|path| env::split_paths(path)).collect();
    let mut places = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    places.find(|place| place.is_file()).ok_or_else(|| {
        format!(
            "no {}: call tests/run, which installs one, or install Chromium and its driver (Debian: apt-get install \
             chromium chromium-driver), or name it in {variable}",
            names[0]
        )
    })
}

#[test]
fn the_variable_wins_then_the_path_then_it_fails() {
    let root = tempfile::tempdir().unwrap();
    let program = root.path().join("chromedriver");
    std::fs::write(&program, "").unwrap();
    let path = Some(root.path().as_os_str());
    assert_eq!(find("V", None, &["nope", "chromedriver"], path), Ok(program.clone()));
    assert_eq!(find("V", Some(program.clone().into()), &[], None), Ok(program));
    assert!(find("V", Some("/no/such".into()), &["chromedriver"], path).unwrap_err().contains("V=/no/such"));
    assert!(find("V", None, &["chromium"], path).unwrap_err().contains("apt-get install chromium chromium-driver"));
}
