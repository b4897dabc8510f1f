//! What happens right now, on standard error: a line for each running host on a terminal, plain lines elsewhere.

use std::io::{self, IsTerminal, Write};

use indicatif::ProgressStyle;
use tracing::Span;
use tracing_indicatif::IndicatifLayer;
use tracing_indicatif::filter::IndicatifFilter;
use tracing_indicatif::span_ext::IndicatifSpanExt;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Lines on a terminal; hosts beyond are counted below them.
const LINES: u64 = 12;

/// Turns logging and progress on for the rest of the program. `verbosity`: how often `-v` was given.
///
/// Without `-v`, the variable TIMEFLEET_LOG has the word (`timefleet=debug,russh=info`), else only warnings are shown.
pub(crate) fn install(verbosity: u8) {
    let filter = match verbosity {
        0 => EnvFilter::try_from_env("TIMEFLEET_LOG")
            .unwrap_or_else(|_| EnvFilter::new("error,timefleet=warn")),
        1 => EnvFilter::new("warn,timefleet=debug"),
        2 => EnvFilter::new("info,timefleet=trace"),
        _ => EnvFilter::new("debug,timefleet=trace"),
    };
    // What `--color` and NO_COLOR say of this stream.
    let coloured = anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
    // A template that indicatif does not understand costs the bar its looks, never the run.
    let style = |template: &str| {
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
    };
    let bars = IndicatifLayer::new()
        .with_progress_style(style(if coloured {
            "{spinner:.cyan} {wide_msg}"
        } else {
            "{spinner} {wide_msg}"
        }))
        .with_max_progress_bars(LINES, Some(style("  … and {pending_progress_bars} more hosts")));
    let words = tracing_subscriber::fmt::layer()
        .with_writer(bars.get_stderr_writer())
        .with_ansi(coloured)
        .with_target(false)
        .without_time()
        .with_filter(filter);
    // Only one subscriber is ever installed; a second call (there is none) would leave the first in place.
    let _ = tracing_subscriber::registry()
        .with(words)
        .with(bars.with_filter(IndicatifFilter::new(false)))
        .try_init();
}

/// Where the progress of hosts is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Board {
    terminal: bool,
}

impl Board {
    /// On standard error.
    pub(crate) fn on_stderr() -> Self {
        Self { terminal: io::stderr().is_terminal() }
    }

    /// A host's place on the board; it is taken off when the line is dropped.
    pub(crate) fn line(self, host: &str) -> Line {
        let span =
            self.terminal.then(|| tracing::info_span!("host", indicatif.pb_show = tracing::field::Empty));
        if let Some(span) = &span {
            span.pb_set_message(host);
            span.pb_start();
        }
        Line { host: host.to_owned(), span, last: String::new() }
    }
}

/// One host's place on the board.
#[derive(Debug)]
pub(crate) struct Line {
    host: String,
    span: Option<Span>,
    last: String,
}

impl Line {
    /// Says what the host is at. `detail` changes often and is shown on terminals only.
    pub(crate) fn say(&mut self, words: &str, detail: &str) {
        if let Some(span) = &self.span {
            span.pb_set_message(&format!("{}: {words}{detail}", self.host));
        } else if self.last != words {
            self.last.clear();
            self.last.push_str(words);
            // Whoever closed standard error does not want to know.
            let _ = writeln!(anstream::stderr().lock(), "{}: {words}", self.host);
        }
    }
}
