//! Steering the kernel's clock: clock_adjtime(2).

use std::io;

use timefleet_agent::engine::Correction;
use timefleet_agent::report::{ClockControl, Leap};
use timefleet_agent::time::{Ppm, Seconds};

/// Microseconds a tick of 1/100 s has when the clock is not steered.
const NOMINAL_TICK_US: i64 = 10_000;
/// The kernel lets a tick be this much shorter or longer: ±10 percent.
const MAX_TICK_CHANGE_US: i64 = 1_000;
/// Sets TAI-UTC (linux/timex.h; libc has no name for it).
const ADJ_TAI: libc::c_uint = 0x80;
/// One microsecond per tick.
const PPM_PER_TICK: f64 = 100.0;
/// `freq` counts in 2^-16 ppm.
const FREQ_PER_PPM: f64 = 65_536.0;
/// Within this the kernel's frequency word alone is enough.
const MAX_FREQ_PPM: f64 = 500.0;

/// The kernel's clock, in our hands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KernelClock {
    /// Tell the kernel when it is synchronised, so that it keeps the real-time clock right (`rtcsync`).
    rtc_sync: bool,
}

/// What was found when the kernel's clock was looked at.
#[derive(Debug)]
pub(crate) struct Found {
    /// To steer with; `None` when it is left alone.
    pub(crate) clock: Option<KernelClock>,
    /// Why, if not.
    pub(crate) control: ClockControl,
    /// The correction that the kernel applies now.
    pub(crate) frequency: Ppm,
}

/// Looks at the kernel's clock and takes it over unless told otherwise or not permitted.
pub(crate) fn open(leave_alone: bool, rtc_sync: bool) -> Found {
    let (frequency, readable) = match read() {
        Ok(frequency) => (frequency, Ok(())),
        Err(error) => (Ppm::ZERO, Err(error)),
    };
    let taken = if leave_alone {
        Err("told so by -x".to_owned())
    } else {
        readable.and_then(|()| take_over(frequency)).map_err(|error| match error.raw_os_error() {
            Some(libc::EPERM) => "no CAP_SYS_TIME: not permitted to adjust the clock".to_owned(),
            _ => format!("the kernel refuses to adjust the clock: {error}"),
        })
    };
    match taken {
        Ok(()) => Found { clock: Some(KernelClock { rtc_sync }), control: ClockControl::Steered, frequency },
        Err(reason) => Found { clock: None, control: ClockControl::LeftAlone { reason }, frequency },
    }
}

impl KernelClock {
    /// Does what is wished; returns what the kernel really took.
    pub(crate) fn correct(self, wish: &Correction) -> io::Result<Correction> {
        if let Some(step) = wish.step {
            self::step(step)?;
        }
        // A kernel or simulator without CLOCK_TAI takes none, and says so in what was done.
        let tai_offset = wish.tai_offset.filter(|offset| set_tai_offset(*offset).is_ok());
        let speed = Speed::of(wish.frequency);
        let mut timex = blank();
        timex.modes = libc::ADJ_TICK | libc::ADJ_FREQUENCY | libc::ADJ_STATUS;
        timex.tick = speed.tick as libc::c_long;
        timex.freq = speed.freq as libc::c_long;
        timex.status = self.status(wish.leap);
        if self.rtc_sync {
            timex.modes |= libc::ADJ_MAXERROR | libc::ADJ_ESTERROR;
            timex.maxerror = microseconds(wish.max_error);
            timex.esterror = microseconds(wish.estimated_error);
        }
        adjust(&mut timex)?;
        Ok(Correction { frequency: Speed::from(&timex).ppm(), tai_offset, ..*wish })
    }

    /// Sets the clock forward, or back.
    pub(crate) fn step(self, step: Seconds) -> io::Result<()> {
        self::step(step)
    }

    /// Without `rtcsync` the kernel is never told that it is synchronised, or it would write the real-time clock.
    fn status(self, leap: Leap) -> libc::c_int {
        let synchronised = self.rtc_sync && leap != Leap::NotSynchronised;
        let leap = match leap {
            Leap::InsertSecond => libc::STA_INS,
            Leap::DeleteSecond => libc::STA_DEL,
            Leap::Normal | Leap::NotSynchronised => 0,
        };
        leap | if synchronised { 0 } else { libc::STA_UNSYNC }
    }
}

/// The two words that make the kernel's clock run faster or slower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Speed {
    /// Microseconds per 1/100 s.
    tick: i64,
    /// 2^-16 ppm.
    freq: i64,
}

impl Speed {
    /// Small corrections leave the tick alone; beyond them the tick takes the hundreds and `freq` the rest.
    fn of(wish: Ppm) -> Self {
        let wish = if wish.0.is_finite() { wish.0 } else { 0.0 };
        let limit = MAX_TICK_CHANGE_US as f64 * PPM_PER_TICK;
        let wish = wish.clamp(-limit, limit);
        let ticks = if wish.abs() <= MAX_FREQ_PPM { 0 } else { (wish / PPM_PER_TICK).round() as i64 };
        let rest = wish - ticks as f64 * PPM_PER_TICK;
        Self { tick: NOMINAL_TICK_US + ticks, freq: (rest * FREQ_PER_PPM).round() as i64 }
    }

    fn ppm(self) -> Ppm {
        Ppm((self.tick - NOMINAL_TICK_US) as f64 * PPM_PER_TICK + self.freq as f64 / FREQ_PER_PPM)
    }
}

impl From<&libc::timex> for Speed {
    fn from(timex: &libc::timex) -> Self {
        Self { tick: timex.tick, freq: timex.freq }
    }
}

/// The frequency correction that is in force.
fn read() -> io::Result<Ppm> {
    let mut timex = blank();
    adjust(&mut timex)?;
    Ok(Speed::from(&timex).ppm())
}

/// Writes the frequency that is there already, which needs the same permission as any other, and ends what a daemon
/// before us may have left: its phase-locked loop and the rest of its slew.
fn take_over(frequency: Ppm) -> io::Result<()> {
    let speed = Speed::of(frequency);
    let mut timex = blank();
    timex.modes = libc::ADJ_OFFSET | libc::ADJ_STATUS;
    timex.status = libc::STA_PLL | libc::STA_FREQHOLD | libc::STA_UNSYNC;
    match adjust(&mut timex) {
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => return Err(error),
        // Where there is no such loop, as in simulators, nothing can be left of one.
        Ok(()) | Err(_) => {}
    }
    let mut timex = blank();
    timex.modes = libc::ADJ_TICK | libc::ADJ_FREQUENCY | libc::ADJ_STATUS;
    timex.tick = speed.tick as libc::c_long;
    timex.freq = speed.freq as libc::c_long;
    timex.status = libc::STA_UNSYNC;
    adjust(&mut timex)
}

/// For readers of CLOCK_TAI.
fn set_tai_offset(offset: i32) -> io::Result<()> {
    let mut timex = blank();
    timex.modes = ADJ_TAI;
    timex.constant = libc::c_long::from(offset);
    adjust(&mut timex)
}

/// Adds to the clock at once; where the kernel does not know how, the clock is read and set.
fn step(by: Seconds) -> io::Result<()> {
    let (seconds, nanos) = split(by);
    let mut timex = blank();
    timex.modes = libc::ADJ_SETOFFSET | libc::ADJ_NANO;
    timex.time.tv_sec = seconds as libc::time_t;
    timex.time.tv_usec = nanos as libc::suseconds_t;
    match adjust(&mut timex) {
        Err(error) if error.raw_os_error() != Some(libc::EPERM) => {
            use nix::time::{ClockId, clock_gettime, clock_settime};
            let now = clock_gettime(ClockId::CLOCK_REALTIME)?;
            let by = nix::sys::time::TimeSpec::new(seconds as libc::time_t, nanos as libc::c_long);
            Ok(clock_settime(ClockId::CLOCK_REALTIME, now + by)?)
        }
        result => result,
    }
}

/// Whole seconds, rounded down, and the nanoseconds that are left: never negative, as the kernel wants them.
fn split(span: Seconds) -> (i64, i64) {
    let nanos = span.nanos();
    (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000))
}

fn microseconds(span: Seconds) -> libc::c_long {
    /// NTP_PHASE_LIMIT of the kernel: from here on it calls itself unsynchronised.
    const LIMIT: f64 = 16e6;
    (span.0 * 1e6).clamp(0.0, LIMIT) as libc::c_long
}

fn blank() -> libc::timex {
    // SAFETY: timex is a plain C struct of numbers; all zeros is a valid value of each.
    unsafe { std::mem::zeroed() }
}

fn adjust(timex: &mut libc::timex) -> io::Result<()> {
    // SAFETY: the pointer is to a whole timex that lives through the call.
    let state = unsafe { libc::clock_adjtime(libc::CLOCK_REALTIME, timex) };
    if state < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_corrections_leave_the_tick_alone() {
        assert_eq!(Speed::of(Ppm(0.0)), Speed { tick: 10_000, freq: 0 });
        assert_eq!(Speed::of(Ppm(-12.5)), Speed { tick: 10_000, freq: -819_200 });
        assert_eq!(Speed::of(Ppm(500.0)), Speed { tick: 10_000, freq: 32_768_000 });
    }

    #[test]
    fn large_corrections_go_into_the_tick_and_the_rest_into_the_frequency() {
        assert_eq!(Speed::of(Ppm(501.0)), Speed { tick: 10_005, freq: 65_536 });
        assert_eq!(Speed::of(Ppm(-83_333.0)), Speed { tick: 9_167, freq: -2_162_688 });
        assert_eq!(Speed::of(Ppm(1e9)), Speed { tick: 11_000, freq: 0 });
        assert_eq!(Speed::of(Ppm(-1e9)), Speed { tick: 9_000, freq: 0 });
        assert_eq!(Speed::of(Ppm(f64::NAN)), Speed { tick: 10_000, freq: 0 });
    }

    #[test]
    fn what_the_kernel_takes_is_within_its_resolution_of_the_wish() {
        for wish in [-100_000.0, -83_333.333, -500.1, -499.9, -0.001, 0.0, 3.217, 550.0, 99_999.999] {
            let speed = Speed::of(Ppm(wish));
            assert!((speed.ppm().0 - wish).abs() <= 0.5 / FREQ_PER_PPM, "{wish}: {speed:?}");
            assert!((9_000..=11_000).contains(&speed.tick), "{wish}: {speed:?}");
            assert!(speed.freq.abs() <= 32_768_000, "{wish}: {speed:?}");
        }
    }

    #[test]
    fn steps_backwards_have_positive_nanoseconds() {
        assert_eq!(split(Seconds(2.5)), (2, 500_000_000));
        assert_eq!(split(Seconds(-2.5)), (-3, 500_000_000));
        assert_eq!(split(Seconds(-1e-9)), (-1, 999_999_999));
    }

    #[test]
    fn only_rtcsync_tells_the_kernel_that_it_is_synchronised() {
        let plain = KernelClock { rtc_sync: false };
        let synced = KernelClock { rtc_sync: true };
        assert_eq!(plain.status(Leap::Normal), libc::STA_UNSYNC);
        assert_eq!(plain.status(Leap::InsertSecond), libc::STA_UNSYNC | libc::STA_INS);
        assert_eq!(synced.status(Leap::Normal), 0);
        assert_eq!(synced.status(Leap::DeleteSecond), libc::STA_DEL);
        assert_eq!(synced.status(Leap::NotSynchronised), libc::STA_UNSYNC);
    }

    #[test]
    fn left_alone_when_told_so() {
        let found = open(true, true);
        assert!(found.clock.is_none());
        assert_eq!(found.control, ClockControl::LeftAlone { reason: "told so by -x".to_owned() });
    }
}
