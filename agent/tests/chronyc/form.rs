//! What is left of chronyc's output when everything is taken away that two daemons can honestly disagree about.

use super::daemon::Site;

/// Lines whose numbers have to be the same, too.
const EXACT: &[&str] =
    &["Stratum", "Remote port", "Version", "Poll interval", "Leap status", "Mode", "NTP tests", "200 ", "5"];

/// Each daemon's own addresses and ports by their names, numbers masked, signs and columns ignored.
pub(crate) fn of(printed: &str, site: &Site) -> String {
    let named = site.named(printed);
    named.lines().map(|line| format!("{}\n", of_line(line))).collect()
}

fn of_line(line: &str) -> String {
    if EXACT.iter().any(|begin| line.starts_with(begin)) {
        return words(line).join(" ");
    }
    let fields = |word: &String| word.split(',').map(masked).collect::<Vec<_>>().join(",");
    words(line).iter().map(fields).collect::<Vec<_>>().join(" ")
}

/// `+0ns[` stands apart from what follows, but not by a blank.
fn words(line: &str) -> Vec<String> {
    let apart = line.replace('[', " [ ").replace(']', " ] ");
    apart.split_whitespace().map(str::to_owned).collect()
}

fn masked(word: &str) -> String {
    let bare = word.trim_start_matches(['+', '-']);
    let digits = bare.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let is_number = !digits.is_empty() && digits.chars().all(|it| it.is_ascii_digit() || ".:".contains(it));
    match word {
        "slow" | "fast" => "fast".to_owned(),
        // A month or a day of the week.
        _ if ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
            .contains(&word)
            || ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].contains(&word) =>
        {
            "day".to_owned()
        }
        _ if is_number => "0".to_owned(),
        // An age that is not known stays what it is; a reference ID is a number, too.
        _ if word.len() >= 8 && word.chars().all(|it| it.is_ascii_hexdigit()) => "ID".to_owned(),
        _ => word.to_owned(),
    }
}
