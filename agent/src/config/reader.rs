//! Lines become a configuration, together with those of the files that they include.

use super::draft::{Draft, Inclusion, Place};
use super::line::Line;
use super::{Config, ConfigError, Files, Upstream, directive, pattern};

/// Files within files within files: more levels than this are a mistake.
const MOST_LEVELS: usize = 10;

/// A configuration with everything that it includes.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// What it says.
    pub config: Config,
    /// Its lines in the order in which they were read, without comments and with one blank between words.
    pub lines: Vec<String>,
    /// Lines that have no effect, as in chronyd, and why.
    pub notes: Vec<ConfigError>,
}

/// The lines of the files of sources that could be read, and what was wrong with the others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceLines {
    /// `server` and `pool` lines, file by file.
    pub upstreams: Vec<Upstream>,
    /// Lines that are left out, and files that could not be read.
    pub errors: Vec<ConfigError>,
}

/// Which directives may stand where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Configuration,
    /// A file of a `sourcedir`.
    Sources,
}

struct Reader<'f> {
    files: &'f dyn Files,
    kind: Kind,
    draft: Draft,
    lines: Vec<String>,
    errors: Vec<ConfigError>,
    /// Where the files that are being read were included, the outermost first.
    included_at: Vec<Place>,
}

/// Reads a configuration that comes line by line, and the files that it includes; every wrong line is reported.
pub fn read_lines<'a>(
    files: &dyn Files,
    file: &str,
    lines: impl IntoIterator<Item = &'a str>,
) -> Result<Reading, Vec<ConfigError>> {
    let mut reader = Reader::new(files, Kind::Configuration, Draft::default());
    reader.read(file, lines);
    if !reader.errors.is_empty() {
        return Err(reader.errors);
    }
    reader.draft.note_what_is_missing();
    let notes = std::mem::take(&mut reader.draft.notes);
    Ok(Reading { config: reader.draft.finish(), lines: reader.lines, notes })
}

/// Reads the files of the configuration's `sourcedir`s. Others than the administrator write them, so a wrong line is
/// left out and told, and the rest holds.
pub fn read_sources(files: &dyn Files, config: &Config) -> SourceLines {
    let draft =
        Draft { min_samples: config.min_samples, max_samples: config.max_samples, ..Draft::default() };
    let mut reader = Reader::new(files, Kind::Sources, draft);
    for directories in &config.source_dirs {
        match reader.members(directories, ".sources") {
            Ok(paths) => paths.iter().for_each(|path| reader.sources(path)),
            Err((directory, why)) => reader.errors.push(ConfigError::about(&directory, why)),
        }
    }
    SourceLines { upstreams: reader.draft.finish().upstreams, errors: reader.errors }
}

impl<'f> Reader<'f> {
    fn new(files: &'f dyn Files, kind: Kind, draft: Draft) -> Self {
        Self { files, kind, draft, lines: Vec::new(), errors: Vec::new(), included_at: Vec::new() }
    }

    fn read<'a>(&mut self, file: &str, lines: impl IntoIterator<Item = &'a str>) {
        for (index, text) in lines.into_iter().enumerate() {
            if let Some(line) = Line::new(text) {
                self.line(Place { file: file.to_owned(), line: index + 1 }, line, text);
            }
        }
    }

    fn line(&mut self, place: Place, mut line: Line<'_>, text: &str) {
        self.draft.place = place.clone();
        let notes = self.draft.notes.len();
        let read = match self.kind {
            Kind::Configuration => directive::read(&mut self.draft, &mut line),
            Kind::Sources => directive::read_source(&mut self.draft, &mut line),
        };
        for note in self.draft.notes.iter_mut().skip(notes) {
            note.included_at.clone_from(&self.included_at);
        }
        if let Err(wrong) = read {
            self.errors.push(wrong.at(&place, &self.included_at));
            return;
        }
        let Some((inclusion, column)) = self.draft.inclusion.take() else {
            self.lines.push(text.split_whitespace().collect::<Vec<_>>().join(" "));
            return;
        };
        if let Err(message) = self.include(&place, inclusion) {
            let Place { file, line } = place;
            self.errors.push(ConfigError {
                file,
                line,
                column,
                message,
                agent_only: true,
                included_at: self.included_at.clone(),
            });
        }
    }

    fn include(&mut self, place: &Place, inclusion: Inclusion) -> Result<(), String> {
        let paths = match inclusion {
            Inclusion::File(path) if pattern::is_pattern(&path) => {
                pattern::expand(self.files, &path).map_err(|why| format!("cannot look up {path}: {why}"))?
            }
            Inclusion::File(path) => vec![path],
            Inclusion::Directories(directories) => self
                .members(&directories, ".conf")
                .map_err(|(directory, why)| format!("cannot read the directory {directory}: {why}"))?,
        };
        if self.included_at.len() == MOST_LEVELS {
            return Err(format!("more than {MOST_LEVELS} files include each other"));
        }
        for path in paths {
            if place.file == path || self.included_at.iter().any(|place| place.file == path) {
                return Err(format!("{path} includes itself"));
            }
            let text = self.files.text(&path).map_err(|why| format!("cannot read {path}: {why}"))?;
            self.included_at.push(place.clone());
            self.read(&path, text.lines());
            self.included_at.pop();
        }
        Ok(())
    }

    /// A file of sources. Whoever writes it may be in the middle of its last line.
    fn sources(&mut self, path: &str) {
        match self.files.text(path) {
            Ok(text) => {
                let whole = text.rfind('\n').map_or(0, |end| end + 1);
                let (whole, half) = text.split_at_checked(whole).unwrap_or((&text, ""));
                self.read(path, whole.lines());
                if !half.trim().is_empty() {
                    let line = whole.lines().count() + 1;
                    let message =
                        "the last line has no end; it may be half of one and is left out".to_owned();
                    let (file, included_at) = (path.to_owned(), Vec::new());
                    self.errors.push(ConfigError {
                        file,
                        line,
                        column: 1,
                        message,
                        agent_only: false,
                        included_at,
                    });
                }
            }
            Err(why) => self.errors.push(ConfigError::about(path, why)),
        }
    }

    /// Files of several directories by the order of their names; of equal names the first directory's.
    fn members(&self, directories: &[String], suffix: &str) -> Result<Vec<String>, (String, String)> {
        let mut found: Vec<(String, String)> = Vec::new();
        for directory in directories {
            let names = self.files.names(directory).map_err(|why| (directory.clone(), why))?;
            let slash = if directory.ends_with('/') { "" } else { "/" };
            for name in names.into_iter().filter(|name| name.ends_with(suffix) && !name.starts_with('.')) {
                if found.iter().all(|(known, _)| *known != name) {
                    let path = format!("{directory}{slash}{name}");
                    found.push((name, path));
                }
            }
        }
        found.sort_unstable();
        Ok(found.into_iter().map(|(_, path)| path).collect())
    }
}
