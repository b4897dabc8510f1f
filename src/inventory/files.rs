//! From what was named on the command line to texts: files, directories, standard input, programs, and what they include.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use super::host::Place;
use super::node::{self, Kind, Node};
use super::problem::Problem;
use super::program::{self, ProgramError};
use super::selection::is_match;
use super::source::{InputFile, Source};

/// Why there is nothing to read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FilesError {
    /// Not there, or not for us.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The kernel's words.
        source: io::Error,
    },
    /// A directory without an inventory.
    #[error("{}: no file in this directory ends with `.yaml` or `.yml`", .path.display())]
    Nothing {
        /// The directory.
        path: PathBuf,
    },
    /// A device or a pipe is included: it may never end.
    #[error("{} is no regular file", .path.display())]
    NotAFile {
        /// What it is called.
        path: PathBuf,
    },
    /// A script that is to be run, by its first line, and may not.
    #[error("{} is a script that may not be executed: chmod +x {}", .path.display(), .path.display())]
    NotExecutable {
        /// The script.
        path: PathBuf,
    },
    /// A program that prints no inventory.
    #[error(transparent)]
    Program(#[from] ProgramError),
}

/// Where a text stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    /// In the file that it is called by.
    #[default]
    File,
    /// In what the program that it is called by prints.
    Program,
    /// In standard input.
    Stdin,
}

/// Everything that is read as one inventory.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// In the order in which they are read: a file, then what it includes.
    pub(crate) files: Vec<InputFile>,
    /// What kept a file from being read as it is, or an include from being followed.
    pub(crate) problems: Vec<Problem>,
    /// Names of files that are shown, but not read: not all of their bytes are text.
    broken: HashSet<String>,
    /// By file: the line that includes it.
    included: HashMap<String, Place>,
    /// The same files, whatever they were called.
    parts: HashSet<PathBuf>,
    /// By name: texts that stand in no file.
    origins: HashMap<String, Origin>,
}

impl From<Vec<InputFile>> for Inputs {
    fn from(files: Vec<InputFile>) -> Self {
        Self { files, ..Self::default() }
    }
}

impl Inputs {
    /// Reads what was named on a command line, and all that it includes.
    ///
    /// # Errors
    /// What was named itself cannot be read. What is wrong with an include is among the problems.
    pub(crate) fn read(paths: &[PathBuf]) -> Result<Self, FilesError> {
        let mut gatherer = Gatherer::default();
        for path in paths {
            gatherer.named(path, None)?;
        }
        Ok(gatherer.inputs)
    }

    pub(super) fn is_readable(&self, file: &InputFile) -> bool {
        !self.broken.contains(&file.name)
    }

    /// How a file came to be read: the line that includes it, the line that includes that file, and so on.
    pub(crate) fn chain(&self, file: &str) -> Vec<Place> {
        let next = |place: &Place| self.included.get(&*place.file).cloned();
        std::iter::successors(self.included.get(file).cloned(), next).collect()
    }

    /// Whether one of the files includes this one (its canonical path), straight or through others.
    pub(crate) fn includes(&self, file: &Path) -> bool {
        self.parts.contains(file)
    }

    /// Where the text that is called so stands.
    pub(crate) fn origin(&self, file: &str) -> Origin {
        self.origins.get(file).copied().unwrap_or_default()
    }
}

#[derive(Default)]
struct Gatherer {
    inputs: Inputs,
    /// Files that were read, whatever they were called.
    seen: HashSet<PathBuf>,
    /// Files whose includes are being followed, the first one first, with their names.
    open: Vec<(PathBuf, String)>,
}

impl Gatherer {
    /// Reads a file, a directory, a program or standard input.
    fn named(&mut self, path: &Path, from: Option<&Place>) -> Result<(), FilesError> {
        let unreadable = |source| FilesError::Read { path: path.to_owned(), source };
        if path == Path::new("-") && from.is_none() {
            if !self.seen.insert(path.to_owned()) {
                return Ok(());
            }
            let mut bytes = Vec::new();
            io::stdin().lock().read_to_end(&mut bytes).map_err(unreadable)?;
            self.inputs.origins.insert("-".to_owned(), Origin::Stdin);
            self.take("-".to_owned(), bytes, PathBuf::from("-"), Path::new(""), from);
            return Ok(());
        }
        let whole = path.canonicalize().map_err(unreadable)?;
        if whole.is_dir() {
            let files = yaml_files(path).map_err(unreadable)?;
            if files.is_empty() {
                return Err(FilesError::Nothing { path: path.to_owned() });
            }
            return files.iter().try_for_each(|file| self.named(file, from));
        }
        if from.is_some() && !whole.is_file() {
            return Err(FilesError::NotAFile { path: path.to_owned() });
        }
        if !self.seen.insert(whole.clone()) {
            return Ok(());
        }
        let name = without_detours(path, &whole).display().to_string();
        let bytes = if program::is_program(&whole).map_err(unreadable)? {
            self.inputs.origins.insert(name.clone(), Origin::Program);
            program::output(path)?
        } else {
            let bytes = fs::read(path).map_err(unreadable)?;
            if bytes.starts_with(b"#!/") {
                return Err(FilesError::NotExecutable { path: path.to_owned() });
            }
            bytes
        };
        let directory = path.parent().unwrap_or(Path::new(""));
        self.take(name, bytes, whole, directory, from);
        Ok(())
    }

    fn take(&mut self, name: String, bytes: Vec<u8>, whole: PathBuf, directory: &Path, from: Option<&Place>) {
        let (file, problem) = decode(name, bytes);
        if let Some(place) = from {
            self.inputs.included.insert(file.name.clone(), place.clone());
            self.inputs.parts.insert(whole.clone());
        }
        let includes = match problem {
            Some(problem) => {
                self.inputs.problems.push(problem);
                self.inputs.broken.insert(file.name.clone());
                Vec::new()
            }
            None => includes(&file, &mut self.inputs.problems),
        };
        self.open.push((whole, file.name.clone()));
        self.inputs.files.push(file);
        for (wanted, place) in includes {
            self.include(&wanted, directory, &place);
        }
        self.open.pop();
    }

    fn include(&mut self, wanted: &str, directory: &Path, place: &Place) {
        let pattern = directory.join(wanted);
        let is_glob = wanted.contains(['*', '?']);
        let paths = if is_glob { glob(&pattern) } else { vec![pattern] };
        if paths.is_empty() {
            let problem = Problem::error(place.clone(), format!("no file matches `{wanted}`"))
                .help("it is looked for from the directory of this file");
            self.inputs.problems.push(problem);
        }
        for path in paths {
            let whole = path.canonicalize().unwrap_or_default();
            let ring = self.open.iter().position(|(open, _)| *open == whole);
            if let Some(begin) = ring {
                // A wildcard that also matches the file it stands in means the others.
                if !is_glob {
                    self.ring(begin, place);
                }
                continue;
            }
            if let Err(error) = self.named(&path, Some(place)) {
                let help = "it is looked for from the directory of this file";
                self.inputs.problems.push(Problem::error(place.clone(), error.to_string()).help(help));
            }
        }
    }

    fn ring(&mut self, begin: usize, place: &Place) {
        let mut names: Vec<&str> = self.open.iter().skip(begin).map(|(_, name)| name.as_str()).collect();
        let first = names.first().copied().unwrap_or_default();
        names.push(first);
        let message = format!("`{first}` includes itself: {}", names.join(" -> "));
        let problem = Problem::error(place.clone(), message).help("take this line away");
        self.inputs.problems.push(problem);
    }
}

/// `sites/../shared/a.yaml` as `shared/a.yaml`, where that is the same file: behind a symbolic link `..` leads elsewhere.
fn without_detours(path: &Path, whole: &Path) -> PathBuf {
    let mut straight = PathBuf::new();
    let mut detours = 0;
    for part in path.components() {
        match (part, straight.components().next_back()) {
            (Component::ParentDir, Some(Component::Normal(_))) => {
                straight.pop();
                detours += 1;
            }
            _ => straight.push(part),
        }
    }
    let same = detours > 0 && straight.canonicalize().is_ok_and(|found| found == whole);
    if same { straight } else { path.to_owned() }
}

/// Text, or else where the first byte is that is none.
fn decode(name: String, bytes: Vec<u8>) -> (InputFile, Option<Problem>) {
    match String::from_utf8(bytes) {
        Ok(text) => (InputFile { name, text }, None),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let bytes = error.as_bytes();
            let byte = bytes.get(at).copied().unwrap_or_default();
            let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
            let file = InputFile { name, text: String::from_utf8_lossy(bytes).into_owned() };
            let mark = if file.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
            let begin = at.saturating_sub(mark);
            let place = Source::new(&file).place(begin..begin + char::REPLACEMENT_CHARACTER.len_utf8());
            let help = if utf16 {
                "this looks like UTF-16: save the file as UTF-8"
            } else {
                "an inventory is UTF-8: save the file as such"
            };
            let problem = Problem::error(place, format!("byte 0x{byte:02x} is no part of any character"));
            (file, Some(problem.help(help)))
        }
    }
}

/// What a file's `include` names, each with its place.
fn includes(file: &InputFile, problems: &mut Vec<Problem>) -> Vec<(String, Place)> {
    // Most files include nothing: they need not be parsed for that.
    if !file.text.contains("include") {
        return Vec::new();
    }
    let source = Source::new(file);
    let Ok(Node { kind: Kind::Map(entries), .. }) = node::parse(&source) else { return Vec::new() };
    let is_include = |key: &Node<'_>| matches!(&key.kind, Kind::Text(text) if text == "include");
    let Some((key, value)) = entries.iter().find(|(key, _)| is_include(key)) else { return Vec::new() };
    let mut wanted = Vec::new();
    let items = match &value.kind {
        Kind::List(items) => items.as_slice(),
        _ => std::slice::from_ref(value),
    };
    for item in items {
        let span = item.span();
        let place = source.place(if span.is_empty() { key.span() } else { span });
        match &item.kind {
            Kind::Text(text) if !text.is_empty() => wanted.push((text.clone().into_owned(), place)),
            _ => {
                let problem = Problem::error(place, "`include` must be a file or a list of files")
                    .help("for example `include: [servers.yaml, sites/*.yaml]`");
                problems.push(problem);
            }
        }
    }
    wanted
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// The visible inventories of a directory, sorted.
fn yaml_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if yaml && !path.file_name().is_some_and(is_hidden) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Files that a path with `*` and `?` in its parts matches, sorted; hidden ones only if the pattern says so.
fn glob(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in pattern.components() {
        let wild = match part {
            Component::Normal(text) => text.to_str().filter(|text| text.contains(['*', '?'])),
            _ => None,
        };
        let Some(wild) = wild else {
            found.iter_mut().for_each(|path| path.push(part));
            continue;
        };
        let mut next = Vec::new();
        for directory in found {
            let place = if directory.as_os_str().is_empty() { Path::new(".") } else { &directory };
            let Ok(entries) = fs::read_dir(place) else { continue };
            for name in entries.flatten().map(|entry| entry.file_name()) {
                let fits = name.to_str().is_some_and(|name| is_match(wild, name));
                if fits && (!is_hidden(&name) || wild.starts_with('.')) {
                    next.push(directory.join(name));
                }
            }
        }
        found = next;
    }
    found.retain(|path| path.is_file());
    found.sort();
    found
}
