//! What a configuration may look at besides its own text.

/// The files around a configuration. Paths are as they are written in it.
pub trait Files {
    /// The text of a file.
    ///
    /// # Errors
    /// Why it cannot be read, in words that follow the file's name.
    fn text(&self, path: &str) -> Result<String, String>;

    /// The names in a directory, in any order; none where there is no such directory.
    ///
    /// # Errors
    /// Why it cannot be read, in words that follow the directory's name.
    fn names(&self, directory: &str) -> Result<Vec<String>, String>;
}

/// No files at hand: the host that has them is somewhere else.
pub(super) struct Elsewhere;

const ELSEWHERE: &str = "it is on the host and cannot be checked here; write its lines instead";

impl Files for Elsewhere {
    fn text(&self, _: &str) -> Result<String, String> {
        Err(ELSEWHERE.to_owned())
    }

    fn names(&self, _: &str) -> Result<Vec<String>, String> {
        Err(ELSEWHERE.to_owned())
    }
}
