//! After an apply: waiting until the clock is good, or until it has had its time.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use timefleet_agent::host::message::Event;
use timefleet_agent::report::Tracking;
use timefleet_agent::time::Seconds;

use super::voice::Voice;

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(300);
/// Between two words to the controller.
const NEWS: Duration = Duration::from_secs(1);

/// Asks for tracking until the clock is synchronised and its error bound is within `bound`, until `wait` has passed
/// or nobody listens any more. `ask` gives nothing while the daemon is silent; `still_runs` fails when it is gone for good.
///
/// # Errors
/// What `still_runs` says.
pub(crate) fn until_good<W: Write, E>(
    bound: Seconds,
    wait: Seconds,
    voice: &mut Voice<W>,
    mut ask: impl FnMut() -> Option<Tracking>,
    mut still_runs: impl FnMut() -> Result<(), E>,
) -> Result<(), E> {
    let begun = Instant::now();
    let mut told: Option<Instant> = None;
    loop {
        let tracking = ask();
        if tracking.as_ref().is_some_and(|tracking| is_good(tracking, bound)) {
            return Ok(());
        }
        if tracking.is_none() {
            still_runs()?;
        }
        let waited = Seconds(begun.elapsed().as_secs_f64());
        if told.is_none_or(|told| told.elapsed() >= NEWS) {
            voice.say(&Event::Waiting { waited, tracking });
            told = Some(Instant::now());
        }
        let left = wait - waited;
        if left <= Seconds::ZERO || !voice.is_heard() {
            return Ok(());
        }
        thread::sleep(PAUSE.min(Duration::try_from_secs_f64(left.0).unwrap_or(PAUSE)));
    }
}

fn is_good(tracking: &Tracking, bound: Seconds) -> bool {
    tracking.is_synchronised() && tracking.error_bound() <= bound
}

#[cfg(test)]
mod tests {
    use timefleet_agent::report::Leap;
    use timefleet_agent::time::Ppm;

    use super::*;

    fn tracking(leap: Leap, root_dispersion: f64) -> Tracking {
        Tracking {
            ref_id: "0A14000B".to_owned(),
            address: Some([10, 20, 0, 11].into()),
            stratum: if leap == Leap::NotSynchronised { 0 } else { 11 },
            leap,
            ref_time_unix: 0.0,
            correction: Seconds(-0.001),
            last_offset: Seconds::ZERO,
            rms_offset: Seconds::ZERO,
            frequency: Ppm::ZERO,
            residual_frequency: Ppm::ZERO,
            skew: Ppm::ZERO,
            root_delay: Seconds(0.002),
            root_dispersion: Seconds(root_dispersion),
            update_interval: Seconds::ZERO,
        }
    }

    fn waiting(answers: Vec<Option<Tracking>>, wait: f64) -> (Result<(), &'static str>, usize, Vec<Event>) {
        let mut out = Vec::new();
        let mut voice = Voice::new(&mut out);
        let mut asked = 0;
        let mut answers = answers.into_iter();
        let ask = || {
            asked += 1;
            answers.next().flatten()
        };
        let end = until_good(Seconds(0.1), Seconds(wait), &mut voice, ask, || Ok(()));
        let events =
            String::from_utf8(out).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        (end, asked, events)
    }

    #[test]
    fn a_small_offset_with_a_large_bound_is_not_good_yet() {
        let (unsynchronised, wide, good) = (
            tracking(Leap::NotSynchronised, 0.0),
            tracking(Leap::Normal, 0.1),
            tracking(Leap::Normal, 0.098),
        );
        let answers = vec![None, Some(unsynchronised), Some(wide), Some(good)];
        let (end, asked, events) = waiting(answers, 60.0);
        assert_eq!((end, asked), (Ok(()), 4));
        let [Event::Waiting { tracking: None, .. }, ..] = events.as_slice() else { panic!("{events:?}") };
    }

    #[test]
    fn a_wait_that_has_passed_ends_after_one_question() {
        let (end, asked, events) = waiting(vec![None, None], 0.0);
        assert_eq!((end, asked, events.len()), (Ok(()), 1, 1));
    }

    /// A controller that hung up.
    struct HungUp;

    impl Write for HungUp {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_is_waited_for_on_behalf_of_a_controller_that_hung_up() {
        let mut voice = Voice::new(HungUp);
        let mut asked = 0;
        let ask = || {
            asked += 1;
            None
        };
        let end = until_good(Seconds(0.1), Seconds(60.0), &mut voice, ask, || Ok::<(), ()>(()));
        assert_eq!((end, asked, voice.is_heard()), (Ok(()), 1, false));
    }

    #[test]
    fn a_daemon_that_is_gone_is_not_waited_for() {
        let mut voice = Voice::new(Vec::new());
        let end = until_good(Seconds(0.1), Seconds(60.0), &mut voice, || None, || Err("it died"));
        assert_eq!(end, Err("it died"));
    }
}
