//! Signals as flags. A blocked poll(2) is interrupted by every signal, so no pipe has to wake it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// Which signals came.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    terminate: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
}

impl Signals {
    /// From now on these signals only raise flags.
    pub(crate) fn register() -> io::Result<Self> {
        let signals = Self::default();
        flag::register(SIGTERM, Arc::clone(&signals.terminate))?;
        flag::register(SIGINT, Arc::clone(&signals.terminate))?;
        flag::register(SIGHUP, Arc::clone(&signals.reload))?;
        Ok(signals)
    }

    /// TERM or INT came.
    pub(crate) fn terminated(&self) -> bool {
        self.terminate.load(Ordering::Relaxed)
    }

    /// HUP came since the last question.
    pub(crate) fn take_reload(&self) -> bool {
        self.reload.swap(false, Ordering::Relaxed)
    }
}
