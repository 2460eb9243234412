//! Finds the Redis (or Valkey) that the tests start. The order is that of `tests/run`, which also installs one.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

/// The binary to start. Panics with what to do when there is none: a test without Redis proves nothing, so none is skipped.
pub fn redis_binary() -> PathBuf {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("venv");
    find(env::var_os("AETHER_TEST_REDIS"), env::var_os("PATH").as_deref(), &venv)
        .unwrap_or_else(|problem| panic!("{problem}"))
}

/// Variable, PATH, the wheel that `tests/run` installs.
fn find(named: Option<OsString>, path: Option<&OsStr>, venv: &Path) -> Result<PathBuf, String> {
    if let Some(named) = named.filter(|named| !named.is_empty()).map(PathBuf::from) {
        return if named.is_file() {
            Ok(named)
        } else {
            Err(format!("AETHER_TEST_REDIS={} is not a file", named.display()))
        };
    }
    let folders: Vec<PathBuf> = path.iter().flat_map(|path| env::split_paths(path)).collect();
    let on_path =
        ["redis-server", "valkey-server"].into_iter().flat_map(|name| folders.iter().map(move |f| f.join(name)));
    on_path.chain([venv.join("valkey-server")]).find(|candidate| candidate.is_file()).ok_or_else(|| {
        "no Redis: call tests/run, which installs one, or install redis-server or valkey-server, \
         or name a binary in AETHER_TEST_REDIS"
            .to_owned()
    })
}

mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_variable_wins_then_the_path_then_the_wheel_then_it_fails() {
        let root = tempfile::tempdir().unwrap();
        let (bin, venv) = (root.path().join("bin"), root.path().join("venv"));
        let (named, on_path, wheel) =
            (root.path().join("named"), bin.join("valkey-server"), venv.join("valkey-server"));
        for file in [&named, &on_path, &wheel] {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        let path = Some(bin.as_os_str());
        assert_eq!(find(Some(named.clone().into()), path, &venv), Ok(named));
        assert_eq!(find(None, path, &venv), Ok(on_path));
        assert_eq!(find(None, None, &venv), Ok(wheel));
        assert!(find(None, None, &bin.join("nowhere")).unwrap_err().contains("tests/run"));
        assert!(find(Some("/no/such".into()), path, &venv).unwrap_err().contains("AETHER_TEST_REDIS=/no/such"));
    }
}
