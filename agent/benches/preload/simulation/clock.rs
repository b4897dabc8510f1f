//! One host's clocks: an oscillator that wanders, and what the kernel makes of it.

use super::luck::Luck;
use super::wire::{Adjustment, Reading};

const SECOND: i64 = 1_000_000_000;
/// By a right clock, when the world begins: 2027-01-15 08:00:00.
const START: i64 = 1_800_000_000 * SECOND;
/// What the monotonic clocks say then.
const BOOTED: i64 = 1_000 * SECOND;
/// 500 ppm, in the kernel's 2^-16 ppm.
const MAX_FREQ: i64 = 500 << 16;
const NOMINAL_TICK: i64 = 10_000;
/// How fast adjtime(3) slews.
const SLEW: f64 = 500e-6;

/// How far a clock is ahead of true time: whole nanoseconds and the rest.
#[derive(Clone, Copy, Debug, Default)]
struct Ahead {
    nanos: i64,
    rest: f64,
}

impl Ahead {
    fn add(&mut self, nanos: f64) {
        self.rest += nanos;
        let whole = self.rest.floor();
        self.nanos += whole as i64;
        self.rest -= whole;
    }
}

/// The state of a simulated kernel's clocks.
#[derive(Debug)]
pub(crate) struct Clock {
    /// True nanoseconds since the world began, up to which everything here is worked out.
    at: i64,
    real: Ahead,
    monotonic: Ahead,
    raw: Ahead,
    /// Rate error of the oscillator; positive is fast.
    oscillator: f64,
    /// Standard deviation of its change in each second.
    wander: f64,
    luck: Luck,
    tick: i64,
    freq: i64,
    status: i64,
    constant: i64,
    max_error: i64,
    estimated_error: i64,
    /// What adjtime(3) has still to slew, nanoseconds.
    slewing: f64,
}

impl Clock {
    /// A clock that is ahead by so many seconds and fast by so much.
    pub(crate) fn new(ahead: f64, fast: f64, wander: f64, luck: Luck) -> Self {
        let mut real = Ahead::default();
        real.add(ahead * 1e9);
        Self {
            at: 0,
            real,
            monotonic: Ahead::default(),
            raw: Ahead::default(),
            oscillator: fast,
            wander,
            luck,
            tick: NOMINAL_TICK,
            freq: 0,
            status: i64::from(libc::STA_UNSYNC),
            constant: 2,
            max_error: 16_000_000,
            estimated_error: 16_000_000,
            slewing: 0.0,
        }
    }

    /// Lets true time go on.
    pub(crate) fn advance(&mut self, now: i64) {
        let span = (now - self.at) as f64;
        self.at = now;
        let steered = span * self.rate_error();
        let most = span * SLEW;
        let slewed = self.slewing.clamp(-most, most);
        self.slewing -= slewed;
        self.raw.add(span * self.oscillator);
        self.monotonic.add(steered + slewed);
        self.real.add(steered + slewed);
    }

    /// A second is over: the oscillator takes a step of its random walk.
    pub(crate) fn wander(&mut self) {
        if self.wander > 0.0 {
            self.oscillator += self.wander * self.luck.normal();
        }
    }

    /// The oscillator changes at once.
    pub(crate) fn jump(&mut self, by: f64) {
        self.oscillator += by;
    }

    /// Somebody sets the clock, seconds.
    pub(crate) fn step(&mut self, by: f64) {
        self.real.add(by * 1e9);
    }

    /// How far it is ahead of true time, seconds.
    pub(crate) fn error(&self) -> f64 {
        self.real.nanos as f64 * 1e-9 + self.real.rest * 1e-9
    }

    /// How much faster than true time it runs, all corrections included.
    pub(crate) fn rate_error(&self) -> f64 {
        let steered =
            (self.tick - NOMINAL_TICK) as f64 / NOMINAL_TICK as f64 + self.freq as f64 / 65_536.0 * 1e-6;
        self.oscillator + steered + self.oscillator * steered
    }

    /// What the host reads.
    pub(crate) fn reading(&self) -> Reading {
        Reading {
            real: START + self.at + self.real.nanos,
            monotonic: BOOTED + self.at + self.monotonic.nanos,
            raw: BOOTED + self.at + self.raw.nanos,
        }
    }

    /// True time when the monotonic clock will show this, if nothing changes meanwhile.
    pub(crate) fn when(&self, monotonic: i64) -> i64 {
        let left = monotonic - self.reading().monotonic;
        if left <= 0 {
            return self.at;
        }
        self.at + ((left as f64 / (1.0 + self.rate_error())).ceil() as i64).max(1)
    }

    /// clock_settime(2).
    pub(crate) fn set(&mut self, real: i64) {
        self.real = Ahead { nanos: real - START - self.at, rest: 0.0 };
        self.forget();
    }

    /// What the kernel does after a jump.
    fn forget(&mut self) {
        self.slewing = 0.0;
        self.status |= i64::from(libc::STA_UNSYNC);
        self.max_error = 16_000_000;
        self.estimated_error = 16_000_000;
    }

    /// adjtimex(2): fills in what is in force now; the clock's state, or the error.
    pub(crate) fn adjust(&mut self, wish: &mut Adjustment) -> Result<i32, i32> {
        let modes = wish.modes as u32;
        if modes == libc::ADJ_OFFSET_SINGLESHOT || modes == libc::ADJ_OFFSET_SS_READ {
            let left = (self.slewing / 1e3) as i64;
            if modes == libc::ADJ_OFFSET_SINGLESHOT {
                self.slewing = wish.offset as f64 * 1e3;
            }
            self.describe(wish);
            wish.offset = left;
            return Ok(self.state());
        }
        self.check(wish, modes)?;
        if modes & libc::ADJ_SETOFFSET != 0 {
            let unit = if modes & libc::ADJ_NANO != 0 { 1 } else { 1_000 };
            self.real.nanos += wish.seconds * SECOND + wish.fraction * unit;
            self.forget();
        }
        let changes = [
            (libc::ADJ_STATUS, &mut self.status, wish.status & 0xFF),
            (libc::ADJ_FREQUENCY, &mut self.freq, wish.freq.clamp(-MAX_FREQ, MAX_FREQ)),
            (libc::ADJ_MAXERROR, &mut self.max_error, wish.maxerror),
            (libc::ADJ_ESTERROR, &mut self.estimated_error, wish.esterror),
            (libc::ADJ_TIMECONST, &mut self.constant, wish.constant),
            (libc::ADJ_TICK, &mut self.tick, wish.tick),
        ];
        for (mode, field, value) in changes {
            if modes & mode != 0 {
                *field = value;
            }
        }
        self.describe(wish);
        Ok(self.state())
    }

    /// The kernel's limits; there is neither its phase-locked loop nor TAI.
    fn check(&self, wish: &Adjustment, modes: u32) -> Result<(), i32> {
        let known = libc::ADJ_OFFSET
            | libc::ADJ_FREQUENCY
            | libc::ADJ_MAXERROR
            | libc::ADJ_ESTERROR
            | libc::ADJ_STATUS
            | libc::ADJ_TIMECONST
            | libc::ADJ_TICK
            | libc::ADJ_SETOFFSET
            | libc::ADJ_MICRO
            | libc::ADJ_NANO;
        let unit = if modes & libc::ADJ_NANO != 0 { SECOND } else { 1_000_000 };
        let wrong = modes & !known != 0
            || modes & libc::ADJ_OFFSET != 0 && wish.offset != 0
            || modes & libc::ADJ_TICK != 0 && !(9_000..=11_000).contains(&wish.tick)
            || modes & libc::ADJ_SETOFFSET != 0 && !(0..unit).contains(&wish.fraction);
        if wrong { Err(libc::EINVAL) } else { Ok(()) }
    }

    fn describe(&self, timex: &mut Adjustment) {
        let now = self.reading().real;
        timex.offset = 0;
        timex.freq = self.freq;
        timex.maxerror = self.max_error;
        timex.esterror = self.estimated_error;
        timex.status = self.status;
        timex.constant = self.constant;
        timex.tick = self.tick;
        timex.seconds = now.div_euclid(SECOND);
        timex.fraction = now.rem_euclid(SECOND) / 1_000;
    }

    fn state(&self) -> i32 {
        const TIME_ERROR: i32 = 5;
        if self.status & i64::from(libc::STA_UNSYNC) != 0 { TIME_ERROR } else { 0 }
    }
}
