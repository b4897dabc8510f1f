//! Leap seconds: whom to believe, and what to do when one comes.

use super::Engine;
use super::action::Level;
use crate::config::LeapMode;
use crate::discipline::Decision;
use crate::leap;
use crate::leap_list::LeapList;
use crate::reference::Reference;
use crate::report::Leap;
use crate::time::{Moment, Mono, Ppm, Seconds, Wall};

/// The coming leap second and the last one.
#[derive(Clone, Debug, Default)]
pub(super) struct Leaping {
    list: Option<LeapList>,
    pending: Option<Pending>,
    /// Midnight of the last one. Its day is over, though a second of it comes twice.
    last: Option<Wall>,
    due: Option<Mono>,
    is_expiry_told: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pending {
    leap: Leap,
    midnight: Wall,
}

impl Pending {
    /// When it comes: an inserted second is the one after midnight, a deleted one the one before.
    fn instant(self) -> Wall {
        if self.leap == Leap::DeleteSecond { self.midnight + Seconds(-1.0) } else { self.midnight }
    }
}

/// Around a leap second not all clocks of the world agree: what is measured this close to it is not used.
const CLOSE: Seconds = Seconds(5.0);
/// A kernel that was told makes the leap second at once; after this long it never will.
const KERNEL_PATIENCE: Seconds = Seconds(1.5);
/// After the instant, a moment for the kernel: it acts on its next tick.
const TICK: Seconds = Seconds(0.05);
/// How near to one second a jump must be to be the kernel's leap second.
const LEAP_NOISE: Seconds = Seconds(0.01);

impl Leaping {
    pub(super) fn due(&self) -> Option<Mono> {
        self.due
    }
}

impl Engine {
    /// The file that `leapseclist` or `leapsectz` names was read, or read again.
    pub fn handle_leap_list(&mut self, now: Moment, list: LeapList) {
        self.leaping.list = Some(list);
        self.leaping.is_expiry_told = false;
        self.watch_leap(now);
    }

    /// Believes, announces and makes leap seconds.
    pub(super) fn watch_leap(&mut self, now: Moment) {
        let time = self.ntp_time(now.wall);
        if let Some(pending) = self.leaping.pending.filter(|pending| pending.instant() <= time) {
            self.pass_leap(now, pending, time);
            return;
        }
        let believed = self.believed_leap(time);
        let midnight = leap::next_midnight(time);
        let is_over = self.leaping.last == Some(midnight);
        let pending = (believed != Leap::Normal && !is_over).then_some(Pending { leap: believed, midnight });
        if pending != self.leaping.pending {
            self.leaping.pending = pending;
            self.tell_leap(pending);
        }
        let announced = pending.map_or(Leap::Normal, |pending| pending.leap);
        if self.reference.announce(announced) && self.is_steered() {
            self.tell_kernel(now);
        }
        self.leaping.due = pending.map(|pending| self.leap_due(now, pending.instant() - time));
    }

    /// The kernel needs a moment after the instant, we none.
    fn leap_due(&self, now: Moment, wait: Seconds) -> Mono {
        let patience = if self.config.leap_mode == LeapMode::System { TICK } else { Seconds::ZERO };
        now.mono + wait + patience
    }

    fn tell_leap(&mut self, pending: Option<Pending>) {
        let text = match pending {
            Some(pending) => format!("a leap second comes at midnight (UTC): {}", pending.leap.words()),
            None => "there is no leap second at midnight, other than announced before".to_owned(),
        };
        self.log(Level::Info, text);
    }

    /// What comes at the next midnight: by the list as long as it is valid, else by the sources.
    fn believed_leap(&mut self, time: Wall) -> Leap {
        if matches!(self.reference, Reference::Unsynchronised) {
            return Leap::Normal;
        }
        if let Some(list) = &self.leaping.list {
            if !list.is_expired(time) {
                return list.leap_of_day(time);
            }
            if !self.leaping.is_expiry_told {
                self.leaping.is_expiry_told = true;
                self.log(
                    Level::Warning,
                    "the list of leap seconds has expired: the sources are believed instead; get a newer list"
                        .to_owned(),
                );
            }
        }
        if !leap::can_end_with_leap_second(time) {
            return Leap::Normal;
        }
        self.announced_leap().unwrap_or_else(|| self.leaping.pending.map_or(Leap::Normal, |one| one.leap))
    }

    /// What most of the combined sources announce; `None` when there is nobody to ask.
    fn announced_leap(&self) -> Option<Leap> {
        let announced: Vec<Leap> = self
            .combined
            .iter()
            .filter_map(|(index, _)| {
                Some(self.sources.get(*index)?.association.as_ref()?.history().newest()?.leap)
            })
            .collect();
        let most = |leap: Leap| announced.iter().filter(|one| **one == leap).count() * 2 > announced.len();
        let believed = [Leap::InsertSecond, Leap::DeleteSecond].into_iter().find(|leap| most(*leap));
        (!announced.is_empty()).then_some(believed.unwrap_or(Leap::Normal))
    }

    /// The instant has come.
    fn pass_leap(&mut self, now: Moment, pending: Pending, time: Wall) {
        let late = time - pending.instant();
        let is_kernels = self.config.leap_mode == LeapMode::System;
        if is_kernels && late < KERNEL_PATIENCE {
            self.leaping.due = Some(now.mono + (KERNEL_PATIENCE - late));
            return;
        }
        let change = leap::change(pending.leap);
        self.end_leap(pending);
        if self.config.leap_mode == LeapMode::Ignore {
            self.log(Level::Info, "the leap second is ignored: measuring anew".to_owned());
            self.forget_samples(now);
            return;
        }
        self.oscillator.leapt(change, Seconds::ZERO);
        self.smooth_leap(now, change);
        if !self.is_steered() {
            return;
        }
        let left = self.correction(now.wall);
        match self.config.leap_mode {
            LeapMode::Slew => {
                self.log(Level::Info, format!("leap second: slewing by {left}"));
                let slew = self.discipline.slew(left, Seconds::ZERO, Seconds::ZERO);
                self.steer(now, Decision::Slew(slew));
            }
            LeapMode::System | LeapMode::Step | LeapMode::Ignore => {
                let who = if is_kernels { "the kernel made no leap second: " } else { "leap second: " };
                self.log(Level::Info, format!("{who}the clock is stepped by {change}"));
                self.slew_until = None;
                self.correct(Some(left), Ppm::ZERO, now);
            }
        }
    }

    fn end_leap(&mut self, pending: Pending) {
        self.leaping.pending = None;
        self.leaping.due = None;
        self.leaping.last = Some(pending.midnight);
        self.reference.announce(Leap::Normal);
    }

    /// Was this jump of the clock the leap second that the kernel was told of? Then nothing is lost: UTC jumped, too.
    pub(super) fn is_leap(&mut self, now: Moment, jump: Seconds) -> bool {
        let Some(pending) = self.leaping.pending else { return false };
        let change = leap::change(pending.leap);
        let from_midnight = (now.wall - pending.midnight).abs();
        if (jump - change).abs() > LEAP_NOISE || from_midnight > CLOSE * 4.0 {
            return false;
        }
        self.oscillator.leapt(change, change);
        self.oscillator.looked(now);
        self.end_leap(pending);
        self.log(Level::Info, format!("leap second: the kernel's clock jumped by {change}"));
        if self.is_steered() {
            self.tell_kernel(now);
        }
        true
    }

    /// True within seconds of a leap second.
    pub(super) fn is_leap_close(&self, now: Moment) -> bool {
        let time = self.ntp_time(now.wall);
        let pending = self.leaping.pending.map(|pending| pending.midnight);
        [pending, self.leaping.last].into_iter().flatten().any(|midnight| (time - midnight).abs() < CLOSE)
    }

    /// TAI minus UTC, where a list says it.
    pub(super) fn tai_offset(&self, now: Moment) -> Option<i32> {
        let list = self.leaping.list.as_ref()?;
        if matches!(self.reference, Reference::Unsynchronised) {
            return None;
        }
        // Of a second that comes twice the kernel counts the second as after the leap.
        let time = self.ntp_time(now.wall);
        let time = self.leaping.last.map_or(time, |last| Wall(time.0.max(last.0)));
        list.tai_offset(time).filter(|_| !list.is_expired(time))
    }

    /// What the kernel is to know: of leap seconds only those that it shall make.
    pub(super) fn kernel_leap(&self) -> Leap {
        match self.reference.leap() {
            Leap::InsertSecond | Leap::DeleteSecond if self.config.leap_mode != LeapMode::System => {
                Leap::Normal
            }
            leap => leap,
        }
    }
}
