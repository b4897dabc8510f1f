//! Paths as people write them.

use std::path::{Path, PathBuf};

/// A path that cannot be expanded.
#[derive(Debug, thiserror::Error)]
#[error("{} begins with ~/ but $HOME is not set; set it or write an absolute path", path.display())]
pub(crate) struct NoHome {
    path: PathBuf,
}

/// `~/…` below the home directory, anything else as it is.
pub(crate) fn expand(path: &Path) -> Result<PathBuf, NoHome> {
    expand_in(path, std::env::var_os("HOME").map(PathBuf::from))
}

fn expand_in(path: &Path, home: Option<PathBuf>) -> Result<PathBuf, NoHome> {
    match path.strip_prefix("~") {
        Err(_) => Ok(path.to_owned()),
        Ok(rest) => match home.filter(|home| home.is_absolute()) {
            Some(home) => Ok(home.join(rest)),
            None => Err(NoHome { path: path.to_owned() }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_own_home_is_expanded() {
        let expand = |path: &str, home: Option<&str>| expand_in(Path::new(path), home.map(PathBuf::from));
        assert_eq!(expand("/etc/x", None).unwrap(), Path::new("/etc/x"));
        assert_eq!(expand("~/run/a.pid", Some("/home/ops")).unwrap(), Path::new("/home/ops/run/a.pid"));
        assert_eq!(expand("~other/a", Some("/home/ops")).unwrap(), Path::new("~other/a"));
        assert_eq!(
            expand("~/a", None).unwrap_err().to_string(),
            "~/a begins with ~/ but $HOME is not set; set it or write an absolute path"
        );
        assert!(expand("~/a", Some("")).is_err());
    }
}
