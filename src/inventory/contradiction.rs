//! Values of one host that are fine one by one and wrong together.

use super::host::{DaemonKind, Host};
use super::problem::Problem;

/// Adds a problem for each.
pub(super) fn find(host: &Host, problems: &mut Vec<Problem>) {
    let time = &host.time;
    if let (true, true, Some(four), Some(six)) =
        (*time.ipv4_only, *time.ipv6_only, &time.ipv4_only.place, &time.ipv6_only.place)
    {
        problems.push(
            Problem::error(six.clone(), "`ipv4_only` and `ipv6_only` leave no address at all")
                .and(four.clone(), "the other one")
                .help("keep one of them"),
        );
    }
    for deny in &time.deny {
        let Some(allow) = time.allow.iter().find(|allow| allow.value == deny.value) else { continue };
        if let (Some(allow), Some(place)) = (&allow.place, &deny.place) {
            let message = format!("`{}` is both allowed and denied", deny.value);
            problems.push(Problem::error(place.clone(), message).and(allow.clone(), "allowed here"));
        }
    }
    if *time.daemon == DaemonKind::Chronyd {
        let flags = [
            ("control_clock: false", !*time.control_clock, &time.control_clock.place),
            ("ipv4_only: true", *time.ipv4_only, &time.ipv4_only.place),
            ("ipv6_only: true", *time.ipv6_only, &time.ipv6_only.place),
        ];
        for (what, given, place) in flags {
            if let (true, Some(place)) = (given, place) {
                let mut problem = Problem::error(place.clone(), format!("`{what}` cannot be given to `daemon: chronyd`"))
                    .help("it is a flag of chronyd's own service, which timefleet leaves alone; use `daemon: agent`");
                if let Some(daemon) = &time.daemon.place {
                    problem = problem.and(daemon.clone(), "chronyd is chosen here");
                }
                problems.push(problem);
            }
        }
    }
}
