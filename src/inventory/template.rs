//! `{{ … }}` in values: which words there are, what they stand for, and what is wrong when one is not there.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::ops::Range;
use std::rc::Rc;

use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value};

use super::filling::{Filling, Gaps, Unfit, lacks, plain, spelled};
use super::host::Place;
use super::node::Node;
use super::problem::Problem;
use super::reader::{Reader, suggestion};
use super::vars::{Variable, Vars, is_word};

/// Words that every template knows; `role` and `address` once they are settled.
pub(super) const BUILT_IN: [&str; 4] = ["name", "address", "fleet", "role"];
/// No value is longer: variables that double each other would fill the memory.
const MAX_LENGTH: usize = 64 * 1024;
/// Bytes of a text with templates in it: minijinja computes constants before anything else, in time that grows with the
/// square of their number.
const MAX_TEMPLATE: usize = 8 * 1024;
/// Variables that stand for variables, and so on.
const MAX_CHAIN: usize = 32;
/// Steps of one template: enough for any value, soon over for a loop in a loop.
const FUEL: u64 = 100_000;

/// Whether a text stands for another one.
pub(super) fn is_template(text: &str) -> bool {
    text.as_bytes().contains(&b'{') && ["{{", "{%", "{#"].iter().any(|begin| text.contains(begin))
}

/// Where a template's text is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spot {
    /// The text, or all of the value where it is not written as it reads (escapes, several lines).
    pub(super) place: Place,
    verbatim: bool,
}

impl Spot {
    /// The spot of a node's text.
    pub(super) fn of(reader: &Reader<'_, '_>, node: &Node<'_>, key: &Node<'_>, text: &str) -> Self {
        let span = node.span();
        let found = reader.source.slice(span.clone()).find(text).filter(|_| !text.contains('\n'));
        match found {
            Some(at) => {
                let begin = span.start + at;
                Self { place: reader.source.place(begin..begin + text.len()), verbatim: true }
            }
            None => Self { place: reader.place(node, key), verbatim: false },
        }
    }

    /// The spot of a value that is no text.
    pub(super) fn whole(place: Place) -> Self {
        Self { place, verbatim: false }
    }

    /// The place of a part of the text.
    fn part(&self, text: &str, range: Option<Range<usize>>) -> Place {
        let inside = range.filter(|_| self.verbatim).and_then(|range| {
            Some((text.get(..range.start)?.chars().count(), text.get(range)?.chars().count()))
        });
        let Some((before, length)) = inside else { return self.place.clone() };
        Place {
            column: self.place.column.saturating_add(super::source::number(before)),
            length: super::source::number(length.max(1)),
            ..self.place.clone()
        }
    }
}

/// What the words of one host's templates stand for.
pub(super) struct Words<'v> {
    host: &'v str,
    /// Innermost first.
    vars: [&'v Vars; 2],
    known: BTreeMap<String, Value>,
    /// Those of them in which a value is missing.
    lacking: BTreeSet<String>,
    /// Variables that are being filled in, the outermost first.
    open: Vec<String>,
}

impl<'v> Words<'v> {
    pub(super) fn new(host: &'v str, fleet: &str, vars: [&'v Vars; 2]) -> Self {
        let known =
            [("name", host), ("fleet", fleet)].map(|(name, value)| (name.to_owned(), Value::from(value)));
        Self { host, vars, known: known.into(), lacking: BTreeSet::new(), open: Vec::new() }
    }

    /// From now on this word is known.
    pub(super) fn learn(&mut self, name: &str, value: &str) {
        self.known.insert(name.to_owned(), Value::from(value));
    }

    fn variable(&self, name: &str) -> Option<Rc<Variable>> {
        self.vars.iter().find_map(|vars| vars.get(name)).cloned()
    }

    /// Whether a word means anything.
    fn has(&self, name: &str) -> bool {
        self.known.contains_key(name) || self.variable(name).is_some()
    }

    /// What there is where `word` is not: other words, or the keys of the mapping that it was looked for in; and the last
    /// part of the word.
    fn beside<'w>(&self, word: &'w str) -> (Vec<String>, &'w str) {
        if let Some((within, last)) = word.rsplit_once('.') {
            let mut parts = within.split('.');
            let first = parts.next().and_then(|first| self.known.get(first)).cloned().unwrap_or_default();
            let mapping = parts.fold(first, |value, part| value.get_attr(part).unwrap_or_default());
            let keys = mapping.try_iter().into_iter().flatten().filter(|_| mapping.kind() == ValueKind::Map);
            return (keys.map(|key| key.to_string()).collect(), last);
        }
        let mut names: Vec<String> = BUILT_IN.iter().map(|&name| name.to_owned()).collect();
        for name in self.vars.iter().flat_map(|vars| vars.keys()) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        (names, word)
    }
}

/// Fills templates in; each text is compiled once.
pub(super) struct Filler {
    environment: Environment<'static>,
    compiled: HashMap<String, Rc<Compiled>>,
}

/// A text that can be read as a template.
pub(super) struct Compiled {
    /// What the environment knows it by.
    name: String,
    /// The words that it needs.
    needs: Vec<String>,
    /// Where its one expression is, when there is nothing else: such a template keeps the value as it is.
    whole: Option<Range<usize>>,
}

/// Begins the names of templates that are one expression.
const WHOLE: char = '=';
/// Where the value of such a template is left.
const VALUE: &str = "value";
/// What is said of a list with something undefined in it.
const IN_LIST: &str = "something in it is not defined";
/// What is said of a value that is not there.
const NO_VALUE: &str = "it has no value";

impl Filler {
    pub(super) fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        // Errors name what is undefined then, in every build alike.
        environment.set_debug(true);
        environment.add_test("none", |value: &Value| value.is_none() || Gaps::is_one(value));
        environment.set_formatter(|out, state, value| {
            if state.name().starts_with(WHOLE) {
                state.set_temp(VALUE, value.clone());
                return Ok(());
            }
            match value.kind() {
                ValueKind::None => Err(minijinja::Error::new(ErrorKind::InvalidOperation, NO_VALUE)),
                // As an inventory writes them, not as Python does.
                ValueKind::Bool => out.write_str(&spelled(value)).map_err(Into::into),
                ValueKind::Seq | ValueKind::Map | ValueKind::Iterable => {
                    let plain = plain(value, &mut MAX_LENGTH.clone()).map_err(unfit)?;
                    minijinja::escape_formatter(out, state, &plain)
                }
                _ => minijinja::escape_formatter(out, state, value),
            }
        });
        Self { environment, compiled: HashMap::new() }
    }

    /// Whether the text can be read as a template at all.
    pub(super) fn check(&mut self, text: &str, spot: &Spot) -> Result<Rc<Compiled>, Box<Problem>> {
        if let Some(compiled) = self.compiled.get(text) {
            return Ok(Rc::clone(compiled));
        }
        if text.len() > MAX_TEMPLATE {
            let message = format!("this template is longer than {MAX_TEMPLATE} characters");
            return Err(Box::new(Problem::error(spot.place.clone(), message)));
        }
        match self.compile(text) {
            Ok(compiled) => {
                let compiled = Rc::new(compiled);
                self.compiled.insert(text.to_owned(), Rc::clone(&compiled));
                Ok(compiled)
            }
            Err(error) => {
                let detail = error.detail().unwrap_or("it cannot be read");
                let place = spot.part(text, error.range());
                Err(Box::new(Problem::error(place, format!("this template cannot be read: {detail}"))))
            }
        }
    }

    fn compile(&mut self, text: &str) -> Result<Compiled, minijinja::Error> {
        let whole = expression(text).filter(|range| {
            text.get(range.clone()).is_some_and(|text| self.environment.compile_expression(text).is_ok())
        });
        let mut name = self.compiled.len().to_string();
        if whole.is_some() {
            name.insert(0, WHOLE);
        }
        self.environment.add_template_owned(name.clone(), text.to_owned())?;
        let needs = self.environment.get_template(&name)?.undeclared_variables(false);
        let mut needs: BTreeSet<String> = needs.into_iter().collect();
        needs.extend(sliced(text));
        Ok(Compiled { name, needs: needs.into_iter().collect(), whole })
    }

    /// What a text stands for on one host.
    pub(super) fn fill(
        &mut self,
        text: &str,
        spot: &Spot,
        words: &mut Words<'_>,
    ) -> Result<Filling, Box<Problem>> {
        self.evaluate(text, spot, words).map(|value| Filling::of(&value))
    }

    fn evaluate(&mut self, text: &str, spot: &Spot, words: &mut Words<'_>) -> Result<Value, Box<Problem>> {
        let compiled = self.check(text, spot)?;
        for name in &compiled.needs {
            self.settle(name, spot, words)?;
        }
        let template = Written { text, spot, whole: compiled.whole.clone() };
        let value = self.run(&compiled, words, |_, value| value.clone());
        let value = value.map_err(|error| Box::new(template.fault(&error, words)))?;
        if value.is_none() {
            return Err(Box::new(template.no_value(None, compiled.whole.clone(), words)));
        }
        if compiled.needs.iter().any(|name| words.lacking.contains(name)) {
            // Once more, to see whether what is not there became a part of a text. What fails now had a value before.
            let gaps = RefCell::new(Gaps::default());
            let marked = self.run(&compiled, words, |name, value| gaps.borrow_mut().mark(name, value));
            if let Some(gap) = marked.ok().and_then(|value| gaps.borrow().seen_in(&value).map(str::to_owned))
            {
                let range = text.find(&gap).map(|at| at..at + gap.len());
                return Err(Box::new(template.no_value(Some(&gap), range, words)));
            }
        }
        Ok(value)
    }

    fn run(
        &self,
        compiled: &Compiled,
        words: &Words<'_>,
        of: impl Fn(&str, &Value) -> Value,
    ) -> Result<Value, minijinja::Error> {
        let known = compiled.needs.iter().filter_map(|name| Some((name, words.known.get(name)?)));
        let values: BTreeMap<String, Value> =
            known.map(|(name, value)| (name.clone(), of(name, value))).collect();
        let mut filled = Limited(Vec::new());
        let template = self.environment.get_template(&compiled.name)?;
        let captured = template.render_captured_to(Value::from(values), &mut filled)?;
        if compiled.whole.is_none() {
            return Ok(String::from_utf8_lossy(&filled.0).into());
        }
        let value = captured.state().get_temp(VALUE).unwrap_or_default();
        if Gaps::is_one(&value) { Ok(value) } else { plain(&value, &mut MAX_LENGTH.clone()).map_err(unfit) }
    }

    /// Sees to it that a word is known, if it is a variable.
    fn settle(&mut self, name: &str, spot: &Spot, words: &mut Words<'_>) -> Result<(), Box<Problem>> {
        if words.known.contains_key(name) {
            return Ok(());
        }
        let Some(variable) = words.variable(name) else { return Ok(()) };
        if words.open.iter().any(|open| open == name) {
            let ring: Vec<String> =
                words.open.iter().skip_while(|open| *open != name).map(|open| format!("`{open}`")).collect();
            let message = format!("variable `{name}` stands for itself: {} -> `{name}`", ring.join(" -> "));
            return Err(Box::new(Problem::error(variable.spot.place.clone(), message)));
        }
        if words.open.len() >= MAX_CHAIN {
            let message =
                format!("variable `{name}` is at the end of a chain of more than {MAX_CHAIN} variables");
            return Err(Box::new(Problem::error(variable.spot.place.clone(), message)));
        }
        words.open.push(name.to_owned());
        let value = self.value(&variable.value, &variable.spot, words);
        words.open.pop();
        let value = value.map_err(|mut problem| {
            if problem.second.is_none() && problem.place != spot.place {
                problem.second = Some((spot.place.clone(), "used here".to_owned()));
            }
            problem
        })?;
        if lacks(&value) {
            words.lacking.insert(name.to_owned());
        }
        words.known.insert(name.to_owned(), value);
        Ok(())
    }

    /// A variable's value with every text in it filled in.
    fn value(
        &mut self,
        value: &serde_json::Value,
        spot: &Spot,
        words: &mut Words<'_>,
    ) -> Result<Value, Box<Problem>> {
        use serde_json::Value as Json;
        Ok(match value {
            Json::Null => Value::from(()),
            Json::Bool(value) => Value::from(*value),
            Json::Number(number) => match number.as_i64() {
                Some(whole) => Value::from(whole),
                None => Value::from(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) if is_template(text) => self.evaluate(text, spot, words)?,
            Json::String(text) => Value::from(text.as_str()),
            Json::Array(items) => {
                let items = items.iter().map(|item| self.value(item, spot, words));
                Value::from(items.collect::<Result<Vec<Value>, _>>()?)
            }
            Json::Object(entries) => {
                let entries =
                    entries.iter().map(|(name, value)| Ok((name.clone(), self.value(value, spot, words)?)));
                Value::from(entries.collect::<Result<BTreeMap<String, Value>, Box<Problem>>>()?)
            }
        })
    }
}

/// Where the expression is in a text that may be `{{ one expression }}`.
fn expression(text: &str) -> Option<Range<usize>> {
    let begin = text.len() - text.trim_start().len();
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let begin = begin + "{{".len();
    // What takes blanks away, or keeps them.
    let kept = inner.strip_prefix(['-', '+']).unwrap_or(inner);
    let begin = begin + inner.len() - kept.len();
    let kept = kept.strip_suffix(['-', '+']).unwrap_or(kept);
    let lead = kept.len() - kept.trim_start().len();
    Some(begin + lead..begin + lead + kept.trim().len())
}

/// Words in a text with slices: what is sliced (`site[1:]`) is not among the words that minijinja sees. One too many
/// does no harm.
fn sliced(text: &str) -> Vec<String> {
    let is_slice = text.find('[').is_some_and(|at| text.get(at..).is_some_and(|rest| rest.contains(':')));
    if !is_slice {
        return Vec::new();
    }
    let is_of_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut words = Vec::new();
    let mut quote = None;
    let mut begin = None;
    let mut before = ' ';
    for (at, letter) in text.char_indices().chain([(text.len(), ' ')]) {
        if let Some(begins) = begin.filter(|_| !is_of_word(letter)) {
            words.extend(text.get(begins..at).map(str::to_owned));
            begin = None;
        }
        match quote {
            Some(mark) if letter == mark => quote = None,
            Some(_) => {}
            None if matches!(letter, '\'' | '"') => quote = Some(letter),
            None if is_of_word(letter) && !is_of_word(before) && !matches!(before, '.' | '|') => {
                begin = Some(at)
            }
            None => {}
        }
        before = letter;
    }
    words
}

fn unfit(why: Unfit) -> minijinja::Error {
    match why {
        Unfit::Undefined => minijinja::Error::new(ErrorKind::UndefinedError, IN_LIST),
        Unfit::TooMuch => ErrorKind::OutOfFuel.into(),
        Unfit::Other => {
            minijinja::Error::new(ErrorKind::InvalidOperation, "it is nothing that can be written")
        }
    }
}

/// A template in its place.
struct Written<'t> {
    text: &'t str,
    spot: &'t Spot,
    whole: Option<Range<usize>>,
}

impl Written<'_> {
    /// Why a template that can be read has no value on this host.
    fn fault(&self, error: &minijinja::Error, words: &Words<'_>) -> Problem {
        let range = error.range().or_else(|| self.whole.clone());
        let word = range.clone().and_then(|range| self.text.get(range)).unwrap_or_default().trim();
        let host = words.host;
        if error.detail() == Some(NO_VALUE) {
            return self.no_value(None, range, words);
        }
        match error.kind() {
            ErrorKind::UndefinedError if !word.is_empty() => {
                let (word, range) = self.undefined(error, word, range, words);
                let place = self.spot.part(self.text, range);
                if BUILT_IN.contains(&word) {
                    return Problem::error(place, format!("`{word}` is not known yet where it is used here"))
                        .help("the role is settled first, then the address, then everything else");
                }
                let (names, word_of) = words.beside(word);
                Problem::error(place, format!("`{word}` is not defined for host `{host}`"))
                    .maybe_help(suggestion(word_of, names.iter().map(String::as_str)))
            }
            ErrorKind::WriteFailure | ErrorKind::OutOfFuel => {
                let place = self.spot.part(self.text, error.range());
                Problem::error(place, format!("this stands for far more than a value, on host `{host}`"))
                    .help("a value has at most 65536 characters")
            }
            kind => {
                let place = self.spot.part(self.text, range);
                let detail = error.detail().map_or_else(|| kind.to_string(), str::to_owned);
                Problem::error(place, format!("this template has no value on host `{host}`: {detail}"))
            }
        }
    }

    /// What is undefined, and where. minijinja's range is that of the step that failed: `.ntp[0]`, where it is `dc.ntp`
    /// that is not there.
    fn undefined<'t>(
        &'t self,
        error: &'t minijinja::Error,
        word: &'t str,
        range: Option<Range<usize>>,
        words: &Words<'_>,
    ) -> (&'t str, Option<Range<usize>>) {
        let named =
            error.detail().and_then(|detail| detail.rsplit_once("` is undefined")?.0.rsplit_once('`'));
        let named = named.map(|(_, name)| name).filter(|name| !name.contains("(...)"));
        let unknown =
            || self.words().find(|(_, word)| is_word(word) && !words.has(word)).map(|(_, word)| word);
        // A list holds it.
        let in_list = (error.detail() == Some(IN_LIST)).then(unknown).flatten();
        let Some(name) = named.or(in_list) else { return (word, range) };
        let begins =
            |word: &str| word.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let at = self.words().find(|(_, word)| begins(word)).map(|(at, _)| at..at + name.len());
        (name, at.or(range))
    }

    /// Dotted words and where they begin.
    fn words(&self) -> impl Iterator<Item = (usize, &str)> {
        let pieces =
            self.text.split(|letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '_' | '.'));
        pieces.scan(0, |at, piece| {
            let begin = *at;
            // The letter that ends a piece may have several bytes.
            let rest = self.text.get(begin + piece.len()..).unwrap_or_default();
            *at = begin + piece.len() + rest.chars().next().map_or(0, char::len_utf8);
            Some((begin, piece))
        })
    }

    /// Something that is used is written without a value.
    fn no_value(&self, name: Option<&str>, range: Option<Range<usize>>, words: &Words<'_>) -> Problem {
        let written = range.clone().and_then(|range| self.text.get(range)).unwrap_or(self.text).trim();
        let name = name.unwrap_or(written);
        let place = self.spot.part(self.text, range);
        let problem = Problem::error(place, format!("`{name}` has no value on host `{}`", words.host));
        let first = name.split(['.', '[']).next().unwrap_or_default();
        match words.variable(first) {
            Some(variable) => problem.and(variable.spot.place.clone(), "written here, without a value"),
            None => problem,
        }
    }
}

/// Takes [`MAX_LENGTH`] bytes and no more.
struct Limited(Vec<u8>);

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_LENGTH {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
