//! One input file: its text and where its lines begin.

/// A file as it was read.
#[derive(Clone, Debug)]
pub(crate) struct InputFile {
    /// As the user named it (`-` for standard input).
    pub(crate) name: String,
    /// Its content.
    pub(crate) text: String,
}
