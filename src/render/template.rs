//! Templates: the two that timefleet carries, and those that users bring for the configuration.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value};

use super::RenderError;
use crate::inventory::{Host, Sourced};

/// The configuration.
pub(super) const CONFIG: &str = "chrony.conf.j2";
/// No template of a user's is longer: each piece of it costs stack while it is read.
const MAX_LENGTH: usize = 64 * 1024;
/// The agent's service.
pub(super) const UNIT: &str = "timefleet-agent.service.j2";

static CARRIED: LazyLock<Result<Environment<'static>, minijinja::Error>> = LazyLock::new(|| {
    let mut environment = environment()?;
    environment.add_template(CONFIG, include_str!("../../templates/chrony.conf.j2"))?;
    environment.add_template(UNIT, include_str!("../../templates/timefleet-agent.service.j2"))?;
    Ok(environment)
});

fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // The same words in every build; and what explains errors follows long chains on a thread's small stack.
    environment.set_debug(false);
    environment.set_syntax(
        SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build()?,
    );
    Ok(environment)
}

/// The users' templates of one fleet, read and parsed once.
#[derive(Debug, Default)]
pub(crate) struct Templates {
    /// `--template`: for every host.
    for_all: Option<Own>,
    by_path: HashMap<PathBuf, Own>,
}

/// A user's template.
#[derive(Debug)]
struct Own {
    name: String,
    environment: Environment<'static>,
}

/// Where a template of the inventory is: beside the file that names it, unless its path is absolute.
fn path_of(template: &Sourced<PathBuf>) -> PathBuf {
    let file = template.place.as_ref().map(|place| Path::new(&*place.file));
    let beside = file.and_then(Path::parent).filter(|directory| !directory.as_os_str().is_empty());
    beside.map_or_else(|| template.value.clone(), |directory| directory.join(&template.value))
}

impl Templates {
    /// Reads every template that hosts name, or only `for_all`, which takes the place of all of them.
    ///
    /// # Errors
    /// Each template that cannot be read or parsed, once.
    pub(crate) fn read(hosts: &[&Host], for_all: Option<&Path>) -> Result<Self, Vec<RenderError>> {
        if let Some(path) = for_all {
            let own = Own::read(path, "--template").map_err(|error| vec![error])?;
            return Ok(Self { for_all: Some(own), by_path: HashMap::new() });
        }
        let mut templates = Self::default();
        let mut errors = Vec::new();
        let mut tried = std::collections::HashSet::new();
        for template in hosts.iter().filter_map(|host| host.time.template.as_ref()) {
            let path = path_of(template);
            if !tried.insert(path.clone()) {
                continue;
            }
            let named_at = template.place.as_ref().map(ToString::to_string).unwrap_or_default();
            match Own::read(&path, &named_at) {
                Ok(own) => {
                    templates.by_path.insert(path, own);
                }
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(templates) } else { Err(errors) }
    }

    /// The configuration's text, and the name of the template that made it.
    pub(super) fn config(&self, host: &Host, values: Value) -> Result<(String, String), RenderError> {
        let by_path = || self.by_path.get(&path_of(host.time.template.as_ref()?));
        match self.for_all.as_ref().or_else(by_path) {
            Some(own) => Ok((own.name.clone(), fill(&own.environment, host, &own.name, values)?)),
            None => Ok((CONFIG.to_owned(), carried(host, CONFIG, values)?)),
        }
    }
}

impl Own {
    fn read(path: &Path, named_at: &str) -> Result<Self, RenderError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|why| RenderError::TemplateFile {
            named_at: named_at.to_owned(),
            template: name.clone(),
            why: why.to_string(),
        })?;
        if text.chars().count() > MAX_LENGTH {
            return Err(RenderError::TemplateFile {
                named_at: named_at.to_owned(),
                template: name,
                why: format!("it has more than {MAX_LENGTH} characters"),
            });
        }
        let mut environment =
            environment().map_err(|error| wrong(&error, None, &name, "", &Value::UNDEFINED))?;
        environment
            .add_template_owned(name.clone(), text.clone())
            .map_err(|error| wrong(&error, None, &name, &text, &Value::UNDEFINED))?;
        Ok(Self { name, environment })
    }
}

/// One of the carried templates with its values.
pub(super) fn carried(host: &Host, template: &'static str, values: Value) -> Result<String, RenderError> {
    let environment =
        CARRIED.as_ref().map_err(|error| wrong(error, Some(host), template, "", &Value::UNDEFINED))?;
    fill(environment, host, template, values)
}

fn fill(
    environment: &Environment<'_>,
    host: &Host,
    name: &str,
    values: Value,
) -> Result<String, RenderError> {
    let template = environment
        .get_template(name)
        .map_err(|error| wrong(&error, Some(host), name, "", &Value::UNDEFINED))?;
    template
        .render(values.clone())
        .map_err(|error| wrong(&error, Some(host), name, template.source(), &values))
}

/// Where in its template an error is, in the words of the inventory.
fn wrong(
    error: &minijinja::Error,
    host: Option<&Host>,
    template: &str,
    source: &str,
    values: &Value,
) -> RenderError {
    let range = error.range().unwrap_or_default();
    let (line, column) = position(source, range.start);
    let expression = source.get(range).unwrap_or_default().trim();
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let message = match error.kind() {
        ErrorKind::UndefinedError if !expression.is_empty() => {
            format!("`{expression}` is not defined{}", known(expression, values))
        }
        _ if expression.is_empty() => detail,
        _ => format!("{detail}, at `{}`", expression.lines().next().unwrap_or_default()),
    };
    RenderError::Template {
        template: template.to_owned(),
        line: error.line().filter(|_| column == 0).unwrap_or(line),
        column: column.max(1),
        host: host.map(|host| format!("{}: ", host.name)).unwrap_or_default(),
        message,
    }
}

/// Line and column of a byte, both from 1; the column counts characters (0: no text).
fn position(source: &str, at: usize) -> (usize, usize) {
    let Some(before) = source.get(..at).filter(|_| !source.is_empty()) else { return (1, 0) };
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

/// What there is in the place of something undefined: the keys of the mapping that it was looked for in.
fn known(expression: &str, values: &Value) -> String {
    let (within, wanted) = expression.rsplit_once('.').unwrap_or(("", expression));
    let path = within.split('.').filter(|part| !part.is_empty());
    let mapping = path.fold(values.clone(), |value, part| value.get_attr(part).unwrap_or_default());
    let names: Vec<String> = mapping.try_iter().into_iter().flatten().map(|name| name.to_string()).collect();
    if names.is_empty() {
        return String::new();
    }
    let near = names.iter().max_by(|one, other| {
        strsim::jaro_winkler(wanted, one).total_cmp(&strsim::jaro_winkler(wanted, other))
    });
    let near = near.filter(|near| strsim::jaro_winkler(wanted, near) > 0.8);
    let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    format!("{hint} (there are {})", names.join(", "))
}
