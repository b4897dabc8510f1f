//! Events go up, one JSON value a line.

use std::io::Write;

use timefleet_agent::host::message::Event;

/// Where events go.
///
/// A controller that hangs up does not stop an apply halfway: what was begun is finished, only nobody listens any
/// more ([`Voice::is_heard`]).
pub(crate) struct Voice<W> {
    out: W,
    heard: bool,
}

impl<W: Write> Voice<W> {
    /// Speaks into this.
    pub(crate) fn new(out: W) -> Self {
        Self { out, heard: true }
    }

    /// Says one thing.
    pub(crate) fn say(&mut self, event: &Event) {
        if !self.heard {
            return;
        }
        let said = serde_json::to_vec(event).map_err(std::io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            self.out.write_all(&line)?;
            self.out.flush()
        });
        self.heard = said.is_ok();
    }

    /// Somebody still listens.
    pub(crate) fn is_heard(&self) -> bool {
        self.heard
    }
}
